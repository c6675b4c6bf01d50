"""Read the properties of an ONNX file with the standard library, without loading its graph.

An ONNX file is a protobuf message `ModelProto`. Only its fields at the top are visited; the graph,
which is nearly all of the file, is skipped by its length.
"""

from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from refinemask.errors import RefineMaskError

_METADATA_PROPS = 14
"""Field of `ModelProto`: entries of text under a text key."""
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def read_properties(path: Path) -> dict[str, str]:
    """Return the `metadata_props` of an ONNX file.

    Raises:
        RefineMaskError: the file does not exist or is not an ONNX file.
    """
    try:
        with path.open("rb") as file:
            return dict(map(_entry, _fields(file, path.stat().st_size, _METADATA_PROPS)))
    except OSError as error:
        raise RefineMaskError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, KeyError, EOFError) as error:
        raise RefineMaskError(
            f"{path} is not an ONNX file, or it is damaged; export it again with refinemask-export"
        ) from error


def _fields(file: BinaryIO, end: int, wanted: int) -> list[bytes]:
    """Return the contents of one field of a message that ends at byte `end`."""
    found = []
    while file.tell() < end:
        field, wire = divmod(_varint(file), 8)
        if wire == _VARINT:
            _varint(file)
            continue
        length = {_FIXED64: 8, _FIXED32: 4}[wire] if wire != _LENGTH else _varint(file)
        if not field or file.tell() + length > end:
            raise EOFError
        if field == wanted:
            found.append(file.read(length))
        else:
            file.seek(length, 1)
    return found


def _entry(message: bytes) -> tuple[str, str]:
    """Read a `StringStringEntryProto`: the key is field 1, the value field 2."""
    key, value = (b"".join(_fields(BytesIO(message), len(message), field)) for field in (1, 2))
    return key.decode(), value.decode()


def _varint(file: BinaryIO) -> int:
    """Read a number in groups of seven bits, lowest first; the eighth bit is set if more follow."""
    number = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            raise EOFError
        number |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return number
    raise ValueError("a number of more than ten bytes")
