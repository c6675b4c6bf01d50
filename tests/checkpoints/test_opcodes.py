"""Small files of torch.save that would cost hours or all memory, refused before that."""

import io
import pickle
import struct
import time
import tracemalloc
import zipfile
from collections import Counter, OrderedDict

import pytest
import torch

from refinemask.checkpoints.pickles import read_pickle
from refinemask.errors import RefineMaskError

LEVELS = 60
LEGACY = [pickle.dumps(number, 2) for number in (0x1950A86A20F9469CFC6C, 1001)]


def called(name: str, arguments: bytes) -> bytes:
    module, _, kind = name.rpartition(".")
    return f"c{module}\n{kind}\n".encode() + arguments + b"R"


def integer(value: int) -> bytes:
    content = pickle.encode_long(value)
    return b"\x8a" + bytes([len(content)]) + content


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def doubled(join: bytes) -> bytes:
    """Containers that each hold the one before twice: 2^LEVELS of the first."""
    levels = (b"q" + bytes([n]) + join.replace(b"?", b"h" + bytes([n])) for n in range(LEVELS))
    return b"N" + b"".join(levels)


TUPLES = doubled(b"?\x86")
LISTS = b"]q\x00" + b"".join(b"](h%ch%ceq%c" % (level, level, level + 1) for level in range(LEVELS))
STORAGE = b"(" + text("storage") + b"ctorch\nFloatStorage\n"
NUMBERS = b"](" + b"K\x01" * 100_000 + b"e"

ATTACKS = {
    "key of a dict": b"}" + TUPLES + b"Ns",
    "keys of a dict": b"}(" + TUPLES + b"Nu",
    "element of a set": called("builtins.set", b"](" + TUPLES + b"e\x85"),
    "key of a Counter": called("collections.Counter", b"](" + TUPLES + b"e\x85"),
    "key as Python 2 wrote it": called("collections.OrderedDict", b"](](" + TUPLES + b"Nee\x85"),
    "attribute": called("collections.OrderedDict", b")") + b"](](" + TUPLES + b"Neeb",
    "name of a storage": STORAGE + TUPLES + text("cpu") + b"K\x01tQ",
    "type of a storage": b"(" + text("storage") + TUPLES + text("0") + text("cpu") + b"K\x01tQ",
    "function": TUPLES + b")R",
    "function that is a list": LISTS + b")R",
    "class": TUPLES + b")\x81",
    "arguments": called("torch.Size", LISTS),
    "colliding keys": b"}(" + b"".join(integer(n * (2**61 - 1)) + b"N" for n in range(5000)) + b"u",
    "gigabytes": called("builtins.bytearray", integer(40 << 30) + b"\x85"),
    "gigabytes of a storage": called("torch.storage.UntypedStorage", integer(40 << 30) + b"\x85"),
    "gigabytes of a tensor": called("torch.FloatTensor", integer(10 << 30) + b"\x85"),
    "gigabytes in a tensor": called(
        "torch._tensor._rebuild_from_type_v2",
        b"(cbuiltins\nbytearray\nctorch\nTensor\n" + integer(40 << 30) + b"\x85}t",
    ),
    "one list, over and over": b"(ctorch\nSize\nq\x01"
    + NUMBERS
    + b"\x85q\x02R"
    + b"h\x01h\x02R" * 20_000
    + b"t",
}


def save_zip(path, content):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", content)
        archive.writestr("model/version", "3\n")
        archive.writestr("model/data/0", bytes(4))


def save_legacy(path, content):
    path.write_bytes(b"".join([*LEGACY, pickle.dumps({}, 2), content, pickle.dumps([], 2)]))


@pytest.fixture(params=[save_zip, save_legacy])
def write(request, tmp_path):
    def write(content):
        path = tmp_path / "model.pth"
        request.param(path, b"\x80\x02" + content + b".")
        return path

    return write


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_are_refused_at_once(write, attack):
    path = write(ATTACKS[attack])
    start = time.perf_counter()
    tracemalloc.start()
    with pytest.raises(RefineMaskError, match=r"was refused|not a readable") as caught:
        read_pickle(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(str(caught.value)) < 400 + len(str(path))
    assert time.perf_counter() - start < 10 and peak < 300 << 20


def test_names_of_storages_that_take_for_ever(tmp_path):
    path = tmp_path / "model.pth"
    start = [*LEGACY, *[pickle.dumps({}, 2)] * 2]
    for names in (b"](" + TUPLES + b"e", b"](" + LISTS + b"e", TUPLES):
        path.write_bytes(b"".join([*start, b"\x80\x02" + names + b"."]))
        with pytest.raises(RefineMaskError, match="does not name its storages"):
            read_pickle(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_compressed_file_is_not_unpacked(tmp_path, compression):
    path = tmp_path / "model.pth"
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("model/data.pkl", b"\x80\x02N.")
        archive.writestr("model/data/0", bytes(1 << 20))
    with pytest.raises(RefineMaskError, match="holds more than its own size"):
        read_pickle(path)


@pytest.mark.parametrize("legacy", [False, True])
def test_all_that_checkpoints_hold_is_read(tmp_path, legacy):
    noted = torch.ones(2)
    noted.note = "kept"  # type: ignore[attr-defined]
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4))
    optimizer = torch.optim.SGD(module.parameters(), 0.1, momentum=0.9)
    module(torch.ones(2, 3, 4, 4)).sum().backward()
    optimizer.step()
    content = {
        "state_dict": module.state_dict(),
        "parameters": dict(module.named_parameters()),
        "optimizer": optimizer.state_dict(),
        "view": torch.arange(6.0)[2:4],
        "noted": noted,
        "half": torch.ones(2, dtype=torch.bfloat16),
        "seed": 2**63,
        "keys": {1: "one", 2.5: "float", None: "none", False: "no"},
        "counts": Counter("aab"),
        "set": {1, "two"},
        "size": torch.Size([1, 2]),
        "device": torch.device("cpu"),
        "type": torch.float16,
        "complex": 1 + 2j,
        "random": torch.get_rng_state(),
        "classes": tuple(f"class {number}" for number in range(1203)),
    }
    path = tmp_path / "model.pth"
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    found = read_pickle(path)
    assert found.keys() == content.keys()
    for name, value in module.state_dict().items():
        assert torch.equal(found["state_dict"][name], value)
    assert found["noted"].note == "kept" and torch.equal(found["view"], torch.tensor([2.0, 3.0]))
    for name in ("keys", "counts", "set", "size", "device", "type", "complex", "classes", "seed"):
        assert found[name] == content[name]


def test_a_mapping_as_python_2_wrote_it(write):
    pairs = b"](](" + text("a") + b"K\x01e](" + text("b") + b"K\x02ee\x85"
    found = read_pickle(write(called("collections.OrderedDict", pairs)))
    assert found == OrderedDict(a=1, b=2)


def test_one_storage_of_many_tensors(tmp_path):
    """Tied weights and exponential averages share what is passed to functions."""
    size = torch.Size([4, 4])
    weight = torch.zeros(size)
    buffer = io.BytesIO()
    torch.save([weight] * 1000 + [weight[n % 4] for n in range(5000)], buffer)
    path = tmp_path / "model.pth"
    path.write_bytes(buffer.getvalue())
    assert len(read_pickle(path)) == 6000
