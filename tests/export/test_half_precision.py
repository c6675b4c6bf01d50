"""Graphs in float16: what computes in which type, and the numbers of the model in both runtimes."""

from collections.abc import Iterator

import onnx
import pytest
from onnx import TensorProto

from refinemask.checkpoints import load_model
from refinemask.configs.presets import maskrcnn_small, refinemask_small
from refinemask.errors import RefineMaskError
from refinemask.export import export_model
from refinemask.export.options import ExportOptions
from refinemask.export.verify import verify_artifact
from refinemask.inference import native
from refinemask.inference.artifact import Artifact
from tests.export.shared_artifacts import half_precision_graph
from tests.export.small import calibrated

IN_FLOAT32 = {
    *("Exp", "Softmax", "TopK", "NonMaxSuppression", "BatchedNMS", "BoundaryRefine", "Sqrt"),
    *("NonZeroPlaces", "RoiAlign", "Greater", "Floor"),
}
"""Operators that decide, or compute coordinates."""
IN_FLOAT16 = {"Gemm", "MaxPool", "ConvTranspose", "GatherTiles", "ConvAtPlaces"}
_FLOATS = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE}


def float_types(graph: onnx.GraphProto) -> Iterator[tuple[onnx.NodeProto, set[int]]]:
    """Yield each node with the types of its floating point inputs, but of those that are unknown.

    These are what our operators return.
    """
    types = {one.name: one.data_type for one in graph.initializer}
    values = (*graph.value_info, *graph.input, *graph.output)
    types |= {one.name: one.type.tensor_type.elem_type for one in values}
    for node in graph.node:
        yield node, {types[name] for name in node.input if types.get(name) in _FLOATS}


@pytest.fixture(scope="module", params=[refinemask_small, maskrcnn_small])
def graph(request, tmp_path_factory) -> onnx.ModelProto:
    return onnx.load(half_precision_graph(tmp_path_factory.getbasetemp(), request.param))


def test_what_computes_in_which_type(graph):
    inferred = onnx.shape_inference.infer_shapes(graph, strict_mode=False)
    found = list(float_types(inferred.graph))
    for node, types in found:
        if node.op_type in IN_FLOAT32:
            assert types <= {TensorProto.FLOAT}, node.name
        if node.op_type in IN_FLOAT16:
            assert types <= {TensorProto.FLOAT16}, node.name
    convolutions = [types for node, types in found if node.op_type == "Conv"]
    exact = convolutions.count({TensorProto.FLOAT})
    assert convolutions.count({TensorProto.FLOAT16}) + exact == len(convolutions) > 60
    assert exact <= 2  # those that count pixels of the boundary region
    pooling = [types for node, types in found if node.op_type == "MultiScaleRoIAlign"]
    assert pooling and all(TensorProto.FLOAT in types for types in pooling)  # the RoIs
    assert {
        one.type.tensor_type.elem_type
        for one in graph.graph.output
        if one.name in ("boxes", "scores", "masks")
    } == {TensorProto.FLOAT}


def test_weights_take_half_the_space(graph):
    of_type = {TensorProto.FLOAT: 0, TensorProto.FLOAT16: 0}
    for one in graph.graph.initializer:
        if one.data_type in of_type:
            of_type[one.data_type] += len(one.raw_data)
    assert of_type[TensorProto.FLOAT] < 0.01 * of_type[TensorProto.FLOAT16]


@pytest.mark.parametrize(
    "form",
    [
        "fused",
        pytest.param("portable", marks=pytest.mark.slow),
        pytest.param("static", marks=pytest.mark.slow),
    ],
)
def test_people_pass_the_gate(form, shared, tmp_path):
    if form == "fused" and native.library("ort") is None:
        pytest.skip("needs ONNX Runtime's operator library")
    photos = sorted((shared / "data/pennfudan/images").glob("*.png"))[:6]
    model, path = load_model("refinemask_small"), tmp_path / "model.onnx"
    options = ExportOptions(form=form, precision="float16", images=tuple(photos))
    metadata = export_model(model, path, options)
    assert (metadata.precision, metadata.parity["passed"]) == ("float16", True)
    assert metadata.parity["compared"] > 10
    assert metadata.parity["mask_iou"] > 0.995
    assert path.stat().st_size < 13e6
    assert Artifact.open(path).metadata.precision == "float16"
    pytest.importorskip("openvino")
    if form != "fused" or native.library("openvino") is not None:
        assert verify_artifact(path, model, photos, runtime="openvino").passed


def test_weights_too_large(tmp_path):
    model = calibrated(maskrcnn_small(2))
    model.roi_head.bbox_head.fc_cls.weight.data[0, 0] = 1e6
    with pytest.raises(
        RefineMaskError, match=r"bbox_head\.fc_cls\.weight has weights up to 1e\+06"
    ):
        export_model(model, tmp_path / "model.onnx", ExportOptions(precision="float16"))
    assert list(tmp_path.iterdir()) == []
