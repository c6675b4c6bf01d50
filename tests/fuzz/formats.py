"""Mutations that keep the frame of a file format whole, so that what is inside is read."""

import io
import json
import pickle
import pickletools
import re
import struct
import zipfile
from collections.abc import Iterable
from random import Random

import onnx
from google.protobuf.message import DecodeError

from refinemask.inference.metadata import METADATA_KEY
from refinemask.inference.seal import check_seal, seal
from tests.artifact_bytes import sealed
from tests.fuzz.mutations import (
    NUMBERS,
    Mutation,
    change_value,
    dump_json,
    mutate_bytes,
    mutate_json,
    mutate_text,
)

_VALUE = re.compile(r"BININT\d?|LONG1|(SHORT_)?BINUNICODE")
"""Opcodes of pickles for numbers and texts."""
_SEAL = len(seal("0" * 64))
SEPARATOR = b"\n----\n"
"""Between the files of an input that consists of several."""


def mutate_artifact(data: bytes, random: Random) -> bytes:
    """Mutate an ONNX file, and most often seal it again, as whoever changes it on purpose does."""
    if random.random() < 0.1:
        return mutate_bytes(data, random)
    return sealed(_mutate_model(data[:-_SEAL] if check_seal(data) else data, random))


def _mutate_model(data: bytes, random: Random) -> bytes:
    """Mutate the metadata or the graph of an ONNX model, or any of its bytes."""
    try:
        model = onnx.ModelProto.FromString(data)
    except DecodeError:
        return mutate_bytes(data, random)
    entries = [entry for entry in model.metadata_props if entry.key == METADATA_KEY]
    choice = random.random()
    if choice < 0.3 and model.graph.node:
        _change_graph(model.graph, random)
        return model.SerializeToString()
    if not entries or choice < 0.5:
        return mutate_bytes(data, random)
    value: str | bytes = entries[0].value  # bytes where they are no UTF-8
    text = mutate_json(value.encode() if isinstance(value, str) else value, random)
    entries[0].value = text.decode("utf-8", "replace")
    return model.SerializeToString()


def _change_graph(graph: onnx.GraphProto, random: Random) -> None:
    """Change an operator, what it reads, or a size that the graph declares."""
    node = random.choice(graph.node)
    names = _texts(name for other in graph.node for name in (*other.input, *other.output))
    shape = random.choice((*graph.input, *graph.output)).type.tensor_type.shape
    choice = random.randrange(4)
    if choice == 0:
        node.op_type = random.choice(_texts(other.op_type for other in graph.node))
    elif choice == 1 and node.input:
        node.input[random.randrange(len(node.input))] = random.choice((*names, "", "a"))
    elif choice == 2 and shape.dim:
        random.choice(shape.dim).dim_value = random.choice((0, 1, 3, 28, -1, 2**31, 2**62))
    else:
        graph.node.remove(node)


def _texts(values: Iterable[str | bytes]) -> list[str]:
    """Return the texts of a message; what is no UTF-8 comes as bytes, and cannot be set again."""
    return [value for value in values if isinstance(value, str)] or [""]


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
    """Mutate the pickle in a file of `torch.save`, a plain pickle, or any bytes."""
    if data[:1] == b"\x80" and b"numpy" in data[:1000]:
        return _mutate_pickle(data, random)
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
        found = [
            (opcode.name, value, place or 0) for opcode, value, place in pickletools.genops(data)
        ]
    except (ValueError, IndexError, EOFError, pickle.UnpicklingError, struct.error):
        return mutate_bytes(data, random)
    values = [n for n, (name, _, _) in enumerate(found[:-1]) if _VALUE.fullmatch(name)]
    if not values or random.random() < 0.1:
        return mutate_bytes(data, random)
    # Most values are sizes of tensors; what comes first decides what the others are read as.
    chosen = random.choice(values[: random.choice((10, 50, len(values)))])
    _, old, start = found[chosen]
    end = found[chosen + 1][2]
    new: object = random.choice((*NUMBERS, None, True, "", "a", "\x1b[2J", "x" * 10_000, [], ()))
    if random.random() < 0.2:
        new = found[random.choice(values)][1]
    elif isinstance(old, str) and random.random() < 0.7:
        new = mutate_text(old.encode("utf-8", "replace"), random).decode("utf-8", "replace")
    # Protocol 2 without its header of two bytes, its memo and its final stop.
    return data[:start] + pickletools.optimize(pickle.dumps(new, 2))[2:-1] + data[end:]
