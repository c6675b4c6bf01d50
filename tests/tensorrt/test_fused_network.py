"""The whole network in the form `fused`: one file for every host of our operators."""

from itertools import islice
from pathlib import Path
from typing import NamedTuple

import onnx
import pytest

from refinemask import engines
from refinemask.checkpoints import synthetic_model
from refinemask.configs.presets import preset, refinemask_small
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
from refinemask.models import Detector
from tests.export.shared_artifacts import half_precision_graph, small_artifact
from tests.export.small import calibrated
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
    "NonZeroPlaces": [],
    "GatherTiles": ["height", "width", "margin"],
    "ScatterTiles": [],
    "ConvAtPlaces": ["dilation"],
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


class Network(NamedTuple):
    """A model, and the file that ONNX Runtime gives its numbers with."""

    model: Detector
    path: Path


@pytest.fixture(scope="module", params=["small", pytest.param("r50", marks=pytest.mark.slow)])
def network(request, tmp_path_factory):
    """Return the small model of five classes, or one of full size with 80.

    Of full size, ONNX Runtime and OpenVINO run it in tests/export/test_golden.py.
    """
    HOSTS["onnxruntime"].library()
    if request.param == "small":
        path = small_artifact(tmp_path_factory.getbasetemp(), "fused").path
        return Network(calibrated(refinemask_small(5)), path)
    path = tmp_path_factory.mktemp("r50") / "model.onnx"
    model = synthetic_model(preset("refinemask_r50"))
    metadata = export_model(model, path, ExportOptions(form="fused"), weights="synthetic")
    assert metadata.parity["passed"]
    return Network(model, path)


def test_it_builds_in_tensorrt(rtx_plugins, network, tmp_path):
    built, _ = build_artifact(Artifact.open(network.path), tmp_path / "model.engine", OPTIONS)
    check(onnx.load(network.path), built, 112)


def test_half_precision_builds_in_tensorrt(rtx_plugins, tmp_path_factory):
    path = half_precision_graph(tmp_path_factory.getbasetemp(), refinemask_small)
    graph = onnx.load(path)
    engine = build_engine(path, PROFILE, rtx_plugins)
    check(graph, engine, 112)
    pooled = sum(node.op_type == "MultiScaleRoIAlign" for node in graph.graph.node)
    types = [layer.outputs[0].dtype for layer in engine.layers if layer.kind == "PLUGIN_V3"]
    assert types.count("HALF") >= pooled
    assert sum(layer.outputs[0].dtype == "HALF" for layer in engine.layers) > 100


@pytest.mark.slow  # test_engine_file.py builds the small one
def test_mask_rcnn_builds_in_tensorrt(rtx_plugins, tmp_path):
    artifact = write_artifact(synthetic_model(preset("maskrcnn_r50")), "fused", tmp_path / "m.onnx")
    built, _ = build_artifact(artifact, tmp_path / "r50.engine", OPTIONS)
    check(onnx.load(artifact.path), built, 28)


@pytest.mark.parametrize("host", [HOSTS["openvino"], *TORCH_HOSTS], ids=str)
def test_it_passes_the_gate(host, network):
    """The file in OpenVINO, and in PyTorch, which has the operators and needs no file."""
    host.library()
    in_torch = host.kind == "torch"
    engine = TorchEngine(network.model) if in_torch else engines.open(network.path, host.name)
    subjects = islice(default_subjects(network.model, engine), 1)
    parts = list(compare_subjects(engine, subjects))
    report = summarise(parts)
    check_decision(report, parts)
    assert report.passed, str(report)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "mask_size"),
    [("refinemask_small", 112), ("refinemask_r50_lvis", 112)],
)
def test_network_of_one_and_of_many_classes(rtx_plugins, tmp_path, name, mask_size):
    """One class, or the 1203 of LVIS; any batch and size, and any number of detections."""
    path = tmp_path / "model.onnx"
    graph = export_graph(synthetic_model(preset(name)), form="fused")
    onnx.save(graph, path)
    check(graph, build_engine(path, PROFILE, rtx_plugins), mask_size)
