"""ONNX files, read without a package for them: their properties, and what no artifact has."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refinemask.inference import protobuf
from refinemask.inference.onnx_graph import (
    RefusedGraphError,
    Tensor,
    read_graph,
    read_properties,
)
from tests.artifact_bytes import field, model_bytes

# ModelProto: field 1 (ir_version) = 8, field 7 (graph) of 3 bytes, and field 14 twice.
BY_HAND = b"\x08\x08\x3a\x03\x08\x02\x08\x72\x08\x0a\x01k\x12\x03abc\x72\x05\x0a\x03key"
OUTSIDE = field(1, "weights") + field(13, field(1, "location") + field(2, "w.bin")) + field(14, 1)
RELU = field(1, "x") + field(2, "y") + field(4, "Relu")


def test_properties_by_hand():
    assert read_properties(BY_HAND) == {"k": "abc", "key": ""}


def test_what_onnx_writes():
    onnx = pytest.importorskip("onnx")
    long = "né" * 100_000
    nodes = [onnx.helper.make_node("Relu", ["x"], ["y"])]
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 3])
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.DOUBLE, [])
    model = onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", [x], [y]))
    onnx.helper.set_model_props(model, {"refinemask": long, "empty": ""})
    data = model.SerializeToString()
    assert read_properties(data) == {"refinemask": long, "empty": ""}
    graph = read_graph(data)
    assert graph.inputs == (Tensor("x", "float32", (None, 3)),)
    assert graph.outputs == (Tensor("y", "", ()),)
    assert not graph.fused


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
        b"\x00\x01",
    ],
)
def test_damaged_files(content):
    with pytest.raises(ValueError):
        read_properties(content)


def test_a_damaged_graph():
    with pytest.raises(ValueError):
        read_graph(BY_HAND)


@pytest.mark.parametrize("domain", ["", "ai.onnx", "refinemask"])
def test_operators_decide_the_form(domain):
    graph = read_graph(model_bytes(nodes=[RELU + field(7, domain)]))
    assert graph.fused == (domain == "refinemask")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"graph": field(5, OUTSIDE)}, "outside"),
        ({"graph": field(5, field(14, 1))}, "outside"),
        ({"graph": field(5, field(13, b""))}, "outside"),
        ({"nodes": [RELU + field(5, field(5, OUTSIDE))]}, "outside"),
        ({"nodes": [RELU + field(5, field(10, field(1, 2)) + field(10, OUTSIDE))]}, "outside"),
        ({"nodes": [RELU + field(5, field(6, field(5, OUTSIDE)))]}, "inside a node"),
        ({"nodes": [RELU + field(5, field(11, b""))]}, "inside a node"),
        ({"nodes": [RELU + field(5, field(22, b""))]}, "sparse"),
        ({"graph": field(15, field(1, OUTSIDE))}, "sparse"),
        ({"model": field(25, field(7, RELU))}, "functions"),
        ({"model": field(20, b"")}, "training"),
        ({"model": field(7, field(5, OUTSIDE))}, "outside"),  # a second graph is merged
        ({"nodes": [RELU + field(7, "com.microsoft")]}, "domain 'com.microsoft'"),
        ({"nodes": [RELU + field(7, "com.microsoft") + field(7, "")]}, "domain"),
        ({"nodes": [RELU + field(7, "\x1b[2J" * 99)]}, r"domain '\\x1b"),
        ({"model": field(8, field(1, "org.openvinotoolkit"))}, "domain 'org.openvinotoolkit'"),
    ],
)
def test_what_no_artifact_has(changes, message):
    with pytest.raises(RefusedGraphError, match=message) as error:
        read_graph(model_bytes(**changes))
    assert str(error.value).isprintable() and len(str(error.value)) < 200


def test_the_number_of_fields_is_limited(monkeypatch):
    monkeypatch.setattr(protobuf, "MAX_FIELDS", 1000)
    with pytest.raises(ValueError, match="more than 1000 fields"):
        read_graph(model_bytes(graph=field(99, 0) * 1001))


@given(st.data())
@settings(max_examples=300)
def test_any_bytes_are_read_or_refused(data):
    content = bytearray(model_bytes(nodes=[RELU + field(5, field(5, field(8, "t")))]))
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    for read in (read_properties, read_graph):
        with suppress(ValueError, RefusedGraphError):
            read(bytes(content))
