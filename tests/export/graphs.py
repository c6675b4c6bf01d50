"""Graphs of single modules, and sessions for graphs that are not artifacts."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from numpy.typing import NDArray
from torch.export import ExportedProgram

from refinemask.export.forms import FORMS
from refinemask.export.forms.portable.operators import OPSET
from refinemask.inference.outputs import flat_outputs
from refinemask.inference.padded_outputs import PaddedOutputs
from refinemask.inference.structures import RawArrays
from tests.plugins.hosts import HOSTS

Run = Callable[..., list[NDArray[Any]]]
"""From named arrays to the outputs."""
Load = Callable[[onnx.ModelProto], Run]


def exported_program(
    program: ExportedProgram, input_names: Sequence[str], form: str
) -> onnx.ModelProto:
    """Translate a traced module as `export_graph` translates a detector."""
    exported = torch.onnx.export(
        program,
        dynamo=True,
        opset_version=OPSET,
        input_names=input_names,
        custom_translation_table=dict(FORMS[form].translations),
        verbose=False,
    )
    assert exported is not None
    return exported.model_proto


def load(graph: onnx.ModelProto, runtime: str, operators: Path | None = None) -> Run:
    """Load a graph in a runtime, with the library of our operators if one is given."""
    session = HOSTS[runtime].open(graph.SerializeToString(), 2, operators)
    return lambda **feeds: session.run(feeds)


TARGETS = tuple(f"{form}-{runtime}" for form in FORMS for runtime in HOSTS)
ADAPTIVE = tuple(target for target in TARGETS if not target.startswith("static"))
"""Those of the forms with the model's own number of samples and its `batched_nms`."""


def flat(outputs: Sequence[NDArray[Any]], form: str) -> RawArrays:
    """Return the outputs of a whole network without padding."""
    padded = PaddedOutputs(*outputs) if form == "static" else RawArrays(*outputs)
    return flat_outputs(padded, "the graph")


def copied(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Return a graph that may be changed."""
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    return copy


def operator_names(graph: onnx.ModelProto) -> list[str]:
    """Return the operator of every node, with its domain where that is not ONNX's."""
    return [f"{node.domain}:{node.op_type}".lstrip(":") for node in graph.graph.node]


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """Return the attributes of a node as Python values."""
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


FORBIDDEN_IN_STATIC = (
    *("NonMaxSuppression", "NonZero", "RoiAlign", "Compress", "Unique"),
    *("GridSample", "If", "Scan", "SequenceConstruct"),
)
"""What TensorRT-RTX lacks without plugins, has got wrong, or cannot give a size."""
FORBIDDEN = (
    *("NonMaxSuppression", "NonZero", "RoiAlign", "Compress", "Unique"),
    *("Loop", "If", "Scan", "SequenceConstruct"),
)
"""What ahead-of-time compilers refuse or cannot size, and our operators replace."""
MAX_TOP_K = 3840
"""The most elements that TensorRT's TopK selects."""
NODES = {
    "refine": {
        "BatchedNMS": 2,
        "BoundaryRefine": 2,
        "ConvAtPlaces": 3,
        "GatherTiles": 4,
        "MultiScaleRoIAlign": 8,
        "NonZeroPlaces": 5,
        "ScatterTiles": 8,
    },
    "simple_refine": {
        "BatchedNMS": 2,
        "BoundaryRefine": 2,
        "GatherTiles": 4,
        "MultiScaleRoIAlign": 5,
        "NonZeroPlaces": 4,
        "ScatterTiles": 6,
    },
    "fcn": {"BatchedNMS": 2, "MultiScaleRoIAlign": 2},
}
"""How many of each operator the detectors with a kind of mask head have."""


def assert_static(graph: onnx.ModelProto) -> None:
    """Check that a graph has standard operators only, and none that makes shapes of data."""
    assert [(opset.domain, opset.version) for opset in graph.opset_import] == [("", 18)]
    assert not graph.functions
    bodies = [attributes(node)["body"] for node in graph.graph.node if node.op_type == "Loop"]
    assert len(bodies) == 2
    constants = {tensor.name: tensor for tensor in graph.graph.initializer}
    for node in [*graph.graph.node, *(node for body in bodies for node in body.node)]:
        assert not node.domain
        assert node.op_type not in FORBIDDEN_IN_STATIC
        if node.op_type == "TopK":
            assert onnx.numpy_helper.to_array(constants[node.input[1]]).item() <= MAX_TOP_K
        elif node.op_type == "Loop":
            assert node.input[1]  # the condition
        elif node.op_type.startswith("Scatter"):
            assert attributes(node).get("reduction", b"none") == b"none"
        elif node.op_type == "Resize":
            assert not attributes(node).get("antialias", 0)
    assert not any(node.op_type == "Loop" for body in bodies for node in body.node)


def assert_fused(graph: onnx.ModelProto, mask_head: str) -> None:
    """Check what the fused graph of a detector is made of."""
    assert {opset.domain: opset.version for opset in graph.opset_import} == {
        "": 18,
        "refinemask": 1,
    }
    assert not graph.functions
    ours = Counter(node.op_type for node in graph.graph.node if node.domain == "refinemask")
    assert ours == NODES[mask_head]
    standard = [node for node in graph.graph.node if not node.domain]
    assert not {node.op_type for node in standard} & set(FORBIDDEN)
    assert len(standard) + ours.total() == len(graph.graph.node)
    constants = {tensor.name: tensor for tensor in graph.graph.initializer}
    for node in standard:
        if node.op_type == "TopK":
            assert onnx.numpy_helper.to_array(constants[node.input[1]]).item() <= MAX_TOP_K
        elif node.op_type.startswith("Scatter"):
            assert attributes(node).get("reduction", b"none") == b"none"
