"""The whole network in the form `fused`: the file that ONNX Runtime runs becomes an engine."""

import onnx
import pytest

from refinemask.checkpoints import synthetic_model
from refinemask.configs.presets import preset
from refinemask.engines.tensorrt.build import build_engine
from refinemask.engines.tensorrt.profile import Profile
from refinemask.export import export_graph, export_model
from refinemask.export.options import ExportOptions
from tests.plugins.hosts import HOSTS
from tests.tensorrt.engine_bytes import serialised_fields

pytestmark = pytest.mark.tensorrt

PROFILE = Profile(
    {
        "images": ((1, 320, 320, 3), (1, 800, 1344, 3), (4, 1344, 1344, 3)),
        "image_sizes": ((1, 2), (1, 2), (4, 2)),
    }
)


FIELDS = {
    "MultiScaleRoIAlign": ["output_size", "sampling_ratio", "strides", "finest_scale", "aligned"],
    "BatchedNMS": ["iou_threshold", "score_threshold", "max_per_image"],
    "BoundaryRefine": ["boundary_width"],
}


def check(model, engine, mask_size):
    """Every operator is one plugin of the engine, with its attributes; the outputs are typed."""
    ours = [node for node in model.graph.node if node.domain == "refinemask"]
    assert sum(layer.kind == "PLUGIN_V3" for layer in engine.layers) == len(ours) > 0
    assert {tensor.name: (tensor.dtype, tensor.shape) for tensor in engine.outputs} == {
        "boxes": ("FLOAT", (-1, 4)),  # as many as there are in the images of a run
        "scores": ("FLOAT", (-1,)),
        "labels": ("INT64", (-1,)),
        "image_index": ("INT64", (-1,)),
        "masks": ("FLOAT", (-1, mask_size, mask_size)),
    }
    for name in {node.op_type for node in ours}:
        nodes = [node for node in ours if node.op_type == name]
        expected = {repr([_attribute(node, field) for field in FIELDS[name]]) for node in nodes}
        plugins = serialised_fields(engine.data, name, FIELDS[name])
        assert {repr(list(fields.values())) for fields in plugins} == expected


def _attribute(node, name):
    values = {attribute.name: attribute for attribute in node.attribute}
    value = onnx.helper.get_attribute_value(values[name])
    return list(value) if isinstance(value, (list, tuple)) else [value]


def test_one_file_for_both_runtimes(rtx_plugins, tmp_path):
    """The artifact that ONNX Runtime gives the model's numbers with, as it is: 80 classes."""
    HOSTS["onnxruntime"].library()
    path = tmp_path / "model.onnx"
    model = synthetic_model(preset("refinemask_r50"))
    metadata = export_model(model, path, ExportOptions(form="fused"), weights="synthetic")
    assert metadata.parity["passed"]
    check(onnx.load(path), build_engine(path, PROFILE, rtx_plugins), 112)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "mask_size"),
    [("refinemask_small", 112), ("refinemask_r50_lvis", 112), ("maskrcnn_r50", 28)],
)
def test_network(rtx_plugins, tmp_path, name, mask_size):
    """One class, the 1203 of LVIS, or 80; any batch and size, and any number of detections."""
    path = tmp_path / "model.onnx"
    graph = export_graph(synthetic_model(preset(name)), form="fused")
    onnx.save(graph, path)
    check(graph, build_engine(path, PROFILE, rtx_plugins), mask_size)
