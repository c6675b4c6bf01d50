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
from tests.artifact_bytes import field, field_of_long_tag, model_bytes

# ModelProto: field 1 (ir_version) = 8, field 7 (graph) of 3 bytes, and field 14 twice.
BY_HAND = b"\x08\x08\x3a\x03\x08\x02\x08\x72\x08\x0a\x01k\x12\x03abc\x72\x05\x0a\x03key"
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


def test_what_is_in_a_loop_is_read():
    ours = RELU + field(7, "refinemask")
    loop = field(4, "Loop") + field(5, field(6, field(1, ours) + field(11, field(1, "inner"))))
    graph = read_graph(model_bytes(nodes=[loop]))
    assert graph.loops and graph.fused
    assert "inner" not in [tensor.name for tensor in graph.inputs]
    assert not read_graph(model_bytes(nodes=[RELU])).loops


def refused(field):
    """Return what no artifact has, with the reason, in fields that `field` encodes."""
    relu = field(1, "x") + field(2, "y") + field(4, "Relu")

    def loop(attribute):
        return field(4, "Loop") + field(5, attribute)

    location = field(1, "location") + field(2, "w.bin")
    outside = field(1, "weights") + field(13, location) + field(14, 1)
    return [
        ({"graph": field(5, outside)}, "outside"),
        ({"graph": field(5, field(14, 1))}, "outside"),
        ({"graph": field(5, field(13, b""))}, "outside"),
        ({"nodes": [relu + field(5, field(5, outside))]}, "outside"),
        ({"nodes": [relu + field(5, field(10, field(1, 2)) + field(10, outside))]}, "outside"),
        ({"nodes": [relu + field(5, field(6, field(5, outside)))]}, "inside a node"),
        ({"nodes": [relu + field(5, field(11, b""))]}, "inside a node"),
        ({"nodes": [loop(field(6, field(5, outside)))]}, "outside"),
        ({"nodes": [loop(field(6, field(1, relu + field(7, "com.microsoft"))))]}, "domain"),
        ({"nodes": [loop(field(6, field(15, b"")))]}, "sparse"),
        ({"nodes": [loop(field(6, field(1, loop(field(6, b"")))))]}, "a loop inside a loop"),
        ({"nodes": [loop(field(6, b"") + field(6, b""))]}, "a node that is no loop"),
        ({"nodes": [loop(field(11, b""))]}, "inside a node"),
        ({"nodes": [field(4, "If") + field(5, field(6, b""))]}, "a node that is no loop"),
        ({"nodes": [loop(field(6, b"")) + field(4, "Scan")]}, "a node that is no loop"),
        ({"nodes": [loop(field(6, b"")) + field(7, "refinemask")]}, "a node that is no loop"),
        ({"nodes": [relu + field(5, field(22, b""))]}, "sparse"),
        ({"graph": field(15, field(1, outside))}, "sparse"),
        ({"model": field(25, field(7, relu))}, "functions"),
        ({"model": field(20, b"")}, "training"),
        ({"model": field(7, field(5, outside))}, "outside"),  # a second graph is merged
        ({"nodes": [relu + field(7, "com.microsoft")]}, "domain 'com.microsoft'"),
        ({"nodes": [relu + field(7, "com.microsoft") + field(7, "")]}, "domain"),
        ({"nodes": [relu + field(7, "\x1b[2J" * 99)]}, r"domain '\\x1b"),
        ({"model": field(8, field(1, "org.openvinotoolkit"))}, "domain 'org.openvinotoolkit'"),
    ]


@pytest.mark.parametrize(("changes", "message"), refused(field))
def test_what_no_artifact_has(changes, message):
    with pytest.raises(RefusedGraphError, match=message) as error:
        read_graph(model_bytes(**changes))
    assert str(error.value).isprintable() and len(str(error.value)) < 200


@pytest.mark.parametrize(("changes", "_"), refused(field_of_long_tag))
def test_tags_that_runtimes_cut(changes, _):
    with pytest.raises(ValueError, match="more than 32 bits"):
        read_graph(model_bytes(**changes))


@pytest.mark.parametrize(
    "content",
    [
        field(99, 1 << 64),  # of which runtimes drop the highest bit
        field(99, 0)[:-1] + b"\x80" * 10 + b"\0",
        b"\xfa\xff\xff\xff\x1f\0",  # tags: of 33 bits, and of 6 bytes
        b"\xb8\x86\x80\x80\x80\0\0",
        b"\x9b\x06\x9c\x06",  # a group
        b"\x9e\x06",  # wire types that there are not
        b"\x9f\x06",
    ],
)
def test_encodings_that_no_writer_makes(content):
    with pytest.raises(ValueError):
        read_graph(model_bytes(model=content))
    with pytest.raises(ValueError):
        read_properties(model_bytes(model=content))


SEQUENCE = field(4, field(1, field(1, field(1, 1))))
FLOATS = field(1, field(1, 1) + field(2, field(1, field(1, 7))))


def test_a_type_that_replaces_the_tensor():
    """Of the types of one input, the last one counts."""
    with pytest.raises(RefusedGraphError, match="no tensors"):
        read_graph(model_bytes(graph=field(11, field(1, "x") + field(2, FLOATS + SEQUENCE))))


@pytest.mark.parametrize(
    ("dimension", "length"),
    [
        (field(1, 7) + field(2, "n"), None),
        (field(2, "n") + field(1, 7), 7),
        (field(1, 7) + field(1, "n"), 7),  # a length is no text: another field
    ],
)
def test_the_last_length_counts(dimension, length):
    kind = field(1, field(1, 1) + field(2, field(1, dimension)))
    inputs = read_graph(model_bytes(graph=field(11, field(1, "x") + field(2, kind)))).inputs
    assert Tensor("x", "float32", (length,)) in inputs


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
