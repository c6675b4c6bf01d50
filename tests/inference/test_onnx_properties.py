"""The properties of an ONNX file, read without a package for it."""

import pytest

from refinemask.errors import RefineMaskError
from refinemask.inference.onnx_properties import read_properties

# ModelProto: field 1 (ir_version) = 8, field 7 (graph) of 3 bytes, and field 14 twice.
BY_HAND = b"\x08\x08\x3a\x03\x01\x02\x03\x72\x08\x0a\x01k\x12\x03abc\x72\x05\x0a\x03key"


def test_by_hand(tmp_path):
    (tmp_path / "model.onnx").write_bytes(BY_HAND)
    assert read_properties(tmp_path / "model.onnx") == {"k": "abc", "key": ""}


def test_what_onnx_writes(tmp_path):
    onnx = pytest.importorskip("onnx")
    long = "né" * 100_000
    nodes = [onnx.helper.make_node("Relu", ["x"], ["y"])]
    x, y = (onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["n"]) for n in "xy")
    model = onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", [x], [y]))
    onnx.helper.set_model_props(model, {"refinemask": long, "empty": ""})
    onnx.save(model, tmp_path / "model.onnx")
    assert read_properties(tmp_path / "model.onnx") == {"refinemask": long, "empty": ""}


@pytest.mark.parametrize(
    "content",
    [
        BY_HAND[:-1],
        BY_HAND[:4],
        b"\x3a",
        b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\xff" * 20,
        b"\x72\x04\x0a\x02\xff\xff",
        b"PK\x03\x04 a zip file",
        b"{}",
    ],
)
def test_damaged_files(tmp_path, content):
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(
        RefineMaskError, match=r"model\.onnx is not an ONNX file, or it is damaged; exp"
    ):
        read_properties(tmp_path / "model.onnx")


def test_no_file(tmp_path):
    with pytest.raises(RefineMaskError, match="cannot read"):
        read_properties(tmp_path)
