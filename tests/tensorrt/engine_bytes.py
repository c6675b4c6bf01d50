"""Read the fields of plugins out of an engine, which only a machine with a GPU could open.

TensorRT-RTX writes each of them as its name, its type and its values, between bytes of its own.
"""

import struct

_VALUES = b"\x01\x80\x03\x80\x01\x00"
"""What stands between the type of a field and the length in bytes and the values."""

_NEXT = b"\x13\x80\x01\x00"
"""What stands between the name of a plugin, or of a field, and what follows."""

_TYPES = {b"INT64": ("q", 8), b"FP32": ("f", 4)}


def serialised_fields(engine: bytes, plugin: str, names: list[str]) -> list[dict[str, list[float]]]:
    """Return the fields `names` of every plugin of a name, with their values."""
    place = engine.find(plugin.encode())
    found = []
    while place >= 0:
        end = engine.find(plugin.encode(), place + 1)
        text = engine[place : end if end >= 0 else place + 4096]
        # The name stands elsewhere too, with other bytes behind it.
        if text.startswith(_NEXT, len(plugin)):
            found.append({name: _values(text, name.encode()) for name in names})
        place = end
    return found


def _values(text: bytes, name: bytes) -> list[float]:
    place = text.index(name) + len(name)
    kind = min(_TYPES, key=lambda key: text.find(key, place) % len(text))
    code, size = _TYPES[kind]
    start = text.index(_VALUES, place) + len(_VALUES)
    (length,) = struct.unpack_from("<q", text, start)
    return list(struct.unpack_from(f"<{length // size}{code}", text, start + 8))
