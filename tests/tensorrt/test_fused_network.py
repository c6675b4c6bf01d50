"""The whole network in the form `fused`: one file for every host of our operators."""

from itertools import islice

import onnx
import pytest

from refinemask import engines
from refinemask.checkpoints import synthetic_model
from refinemask.configs.presets import preset
from refinemask.engines.tensorrt.build import build_engine
from refinemask.engines.tensorrt.engine_file import build_artifact
from refinemask.engines.tensorrt.options import BuildOptions
from refinemask.engines.tensorrt.profile import Profile
from refinemask.engines.torch import TorchEngine
from refinemask.export import export_graph, export_model
from refinemask.export.options import ExportOptions
from refinemask.export.parity import check_decision, summarise
from refinemask.export.subjects import default_subjects
from refinemask.export.verify import compare_subjects
from refinemask.inference.artifact import Artifact
from tests.plugins.hosts import HOSTS
from tests.plugins.torch_host import TORCH_HOSTS
from tests.tensorrt.artifacts import write_artifact
from tests.tensorrt.engine_bytes import serialised_fields

pytestmark = pytest.mark.tensorrt

PROFILE = Profile(
    {
        "images": ((1, 320, 320, 3), (1, 800, 1344, 3), (4, 1344, 1344, 3)),
        "image_sizes": ((1, 2), (1, 2), (4, 2)),
    }
)

OPTIONS = BuildOptions("tensorrt_rtx", min_shapes=(("images", (1, 320, 320, 3)),))

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


@pytest.fixture(scope="module")
def model():
    return synthetic_model(preset("refinemask_r50"))


@pytest.fixture(scope="module")
def artifact(model, tmp_path_factory):
    """Return the file that ONNX Runtime gives the numbers of the model with: 80 classes."""
    HOSTS["onnxruntime"].library()
    path = tmp_path_factory.mktemp("r50") / "model.onnx"
    metadata = export_model(model, path, ExportOptions(form="fused"), weights="synthetic")
    assert metadata.parity["passed"]
    return path


def test_it_builds_in_tensorrt(rtx_plugins, artifact, tmp_path):
    built, _ = build_artifact(Artifact.open(artifact), tmp_path / "r50.engine", OPTIONS)
    check(onnx.load(artifact), built, 112)


def test_mask_rcnn_builds_in_tensorrt(rtx_plugins, tmp_path):
    artifact = write_artifact(synthetic_model(preset("maskrcnn_r50")), "fused", tmp_path / "m.onnx")
    built, _ = build_artifact(artifact, tmp_path / "r50.engine", OPTIONS)
    check(onnx.load(artifact.path), built, 28)


@pytest.mark.parametrize("host", [HOSTS["openvino"], *TORCH_HOSTS], ids=str)
def test_it_passes_the_gate(host, model, artifact):
    """The file in OpenVINO, and in PyTorch, which has the operators and needs no file."""
    host.library()
    in_torch = host.kind == "torch"
    engine = TorchEngine(model) if in_torch else engines.open(artifact, host.name)
    subjects = islice(default_subjects(model, engine), 1)
    parts = list(compare_subjects(engine, subjects))
    report = summarise(parts)
    check_decision(report, parts)
    assert report.passed, str(report)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "mask_size"),
    [("refinemask_small", 112), ("refinemask_r50_lvis", 112)],
)
def test_network(rtx_plugins, tmp_path, name, mask_size):
    """One class, the 1203 of LVIS, or 80; any batch and size, and any number of detections."""
    path = tmp_path / "model.onnx"
    graph = export_graph(synthetic_model(preset(name)), form="fused")
    onnx.save(graph, path)
    check(graph, build_engine(path, PROFILE, rtx_plugins), mask_size)
