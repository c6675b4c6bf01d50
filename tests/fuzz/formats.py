"""Mutations that keep the frame of a file format whole, so that what is inside is read."""

import io
import json
import pickle
import pickletools
import struct
import zipfile
from random import Random

import onnx
from google.protobuf.message import DecodeError

from refinemask.inference.metadata import METADATA_KEY
from tests.fuzz.mutations import (
    NUMBERS,
    Mutation,
    change_value,
    dump_json,
    mutate_bytes,
    mutate_json,
)

SEPARATOR = b"\n----\n"
"""Between the files of an input that consists of several."""


def mutate_artifact(data: bytes, random: Random) -> bytes:
    """Mutate the metadata of an ONNX file, or any of its bytes."""
    try:
        model = onnx.ModelProto.FromString(data)
    except DecodeError:
        return mutate_bytes(data, random)
    entries = [entry for entry in model.metadata_props if entry.key == METADATA_KEY]
    if not entries or random.random() < 0.4:
        return mutate_bytes(data, random)
    value: str | bytes = entries[0].value  # bytes where they are no UTF-8
    text = mutate_json(value.encode() if isinstance(value, str) else value, random)
    entries[0].value = text.decode("utf-8", "replace")
    return model.SerializeToString()


def mutate_safetensors(data: bytes, random: Random) -> bytes:
    """Mutate the header of a safetensors file, most often the configuration in it."""
    length = int.from_bytes(data[:8], "little")
    start, body = data[8 : 8 + length], data[8 + length :]
    try:
        header = json.loads(start)
        metadata = header["__metadata__"]
        text = metadata["refinemask"].encode()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return mutate_bytes(data[: 8 + length], random) + body
    choice = random.random()
    if choice < 0.6:
        metadata["refinemask"] = mutate_json(text, random).decode("utf-8", "replace")
        start = json.dumps(header).encode()
    elif choice < 0.9:
        tree = [header]
        change_value(tree, random)
        start = dump_json(tree[0])
    else:
        return mutate_bytes(data[: 8 + length], random) + body
    return len(start).to_bytes(8, "little") + start + body


def mutate_checkpoint(data: bytes, random: Random) -> bytes:
    """Mutate the pickle in a file of `torch.save`, or any of its bytes."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
    except Exception:  # a mutated archive, which may even claim to be encrypted
        return mutate_bytes(data, random)
    if not entries or random.random() < 0.2:
        return mutate_bytes(data, random)
    name = next((name for name in entries if name.endswith("data.pkl")), next(iter(entries)))
    entries[name] = _mutate_pickle(entries[name], random)
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        for entry, content in entries.items():
            archive.writestr(zipfile.ZipInfo(entry), content)  # without the time
    return output.getvalue()


def mutate_parts(*mutations: Mutation) -> Mutation:
    """Return a mutation of one of the files of an input, each by its own mutation."""

    def mutate(data: bytes, random: Random) -> bytes:
        parts = data.split(SEPARATOR)
        place = random.randrange(min(len(parts), len(mutations)))
        parts[place] = mutations[place](parts[place], random)
        return SEPARATOR.join(parts)

    return mutate


def _mutate_pickle(data: bytes, random: Random) -> bytes:
    """Put another number, text or type in the place of one."""
    try:
        places = [(place or 0, value) for _, value, place in pickletools.genops(data)]
    except (ValueError, IndexError, EOFError, pickle.UnpicklingError, struct.error):
        return mutate_bytes(data, random)
    values = [n for n, (_, value) in enumerate(places[:-1]) if isinstance(value, int | str)]
    if not values or random.random() < 0.2:
        return mutate_bytes(data, random)
    chosen = random.choice(values)
    start, end = places[chosen][0], places[chosen + 1][0]
    new: object = random.choice((*NUMBERS, None, True, "", "a", "\x1b[2J", "x" * 10_000, [], ()))
    if random.random() < 0.2:
        new = random.choice([value for _, value in places if isinstance(value, int | str)])
    # Protocol 2 without its header of two bytes, its memo and its final stop.
    return data[:start] + pickletools.optimize(pickle.dumps(new, 2))[2:-1] + data[end:]
