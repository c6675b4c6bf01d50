"""NVIDIA's parser and builder take our nodes: layers, types, shapes, and fields in the engine."""

from pathlib import Path

import pytest

from refinemask.engines.tensorrt.build import BuiltEngine, build_engine
from refinemask.engines.tensorrt.profile import Profile
from tests.tensorrt import graphs
from tests.tensorrt.engine_bytes import serialised_fields
from tests.tensorrt.graphs import Graph

pytestmark = pytest.mark.tensorrt

NAMES = {"float32": "FLOAT", "float16": "HALF", "bfloat16": "BF16"}
"""What TensorRT calls the types of features, logits and masks."""


@pytest.fixture
def build(rtx_plugins, tmp_path):
    """Return a function from a graph to the engine that NVIDIA's builder makes of it."""

    def run(graph: Graph) -> BuiltEngine:
        return build_engine(graph.save(tmp_path), graph.profile, rtx_plugins)

    return run


def plugin_outputs(engine):
    """Return type and shape of every output of the plugins of an engine, in order."""
    plugins = [layer for layer in engine.layers if layer.kind == "PLUGIN_V3"]
    return [(output.dtype, output.shape) for layer in plugins for output in layer.outputs]


@pytest.mark.parametrize("dtype", NAMES)
def test_multiscale_roi_align(build, dtype):
    engine = build(graphs.roi_align(dtype, **graphs.ROI_ALIGN, epsilon_after_log=1))
    assert plugin_outputs(engine) == [(NAMES[dtype], (-1, 16, 7, 7))]
    fields = serialised_fields(
        engine.data, "MultiScaleRoIAlign", [*graphs.ROI_ALIGN, "epsilon_after_log"]
    )
    assert fields
    assert fields[0] == {
        "output_size": [7],
        "sampling_ratio": [0],
        "strides": [4, 8],
        "finest_scale": [56.0],
        "aligned": [1],
        "epsilon_after_log": [1],
    }


@pytest.mark.parametrize("boxes_per_group", [False, True])
def test_batched_nms(build, boxes_per_group):
    engine = build(graphs.batched_nms(boxes_per_group, **graphs.NMS))
    assert plugin_outputs(engine) == [("INT64", (-1, 3)), ("INT32", ())]
    fields = serialised_fields(
        engine.data, "BatchedNMS", ["max_per_image", "iou_threshold", "max_shifted", "first_shift"]
    )
    assert fields[0] == {
        "max_per_image": [100],
        "iou_threshold": [0.5],
        "max_shifted": [-1],  # the defaults of what the node does not say
        "first_shift": [0],
    }


@pytest.mark.parametrize("dtype", NAMES)
def test_boundary_refine(build, dtype):
    engine = build(graphs.boundary_refine(dtype, boundary_width=2))
    assert plugin_outputs(engine) == [(NAMES[dtype], (-1, 1, 56, 56))]
    fields = serialised_fields(engine.data, "BoundaryRefine", ["boundary_width"])
    assert fields[0] == {"boundary_width": [2]}


@pytest.mark.parametrize("dtype", NAMES)
def test_paste_masks(build, dtype):
    engine = build(graphs.paste_masks(dtype, **graphs.PASTE_MASKS))
    assert plugin_outputs(engine) == [("INT8", (-1, -1, -1))]  # TensorRT lets no plugin write uint8
    assert [(output.dtype, output.shape) for output in engine.outputs] == [("UINT8", (-1, -1, -1))]
    assert serialised_fields(engine.data, "PasteMasks", ["threshold"])[0] == {"threshold": [0.5]}


@pytest.mark.parametrize("dtype", NAMES)
def test_as_many_rois_as_suppression_leaves(build, dtype):
    """The number of detections, which only a run tells, goes through the layers behind it."""
    engine = build(graphs.detections(dtype))
    assert plugin_outputs(engine) == [
        ("INT64", (-1, 3)),
        ("INT32", ()),
        (NAMES[dtype], (-1, 16, 7, 7)),
    ]
    assert [(output.dtype, output.shape) for output in engine.outputs] == [
        (NAMES[dtype], (-1, 8, 7, 7))
    ]


def test_a_fixed_batch_and_size(build):
    graph = graphs.roi_align(**graphs.ROI_ALIGN)
    for tensor, shape in zip(
        graph.model.graph.input, ((100, 5), (1, 16, 64, 64), (1, 16, 32, 32)), strict=True
    ):
        for dimension, size in zip(tensor.type.tensor_type.shape.dim, shape, strict=True):
            dimension.dim_value = size
    engine = build(Graph(graph.model, Profile({})))
    assert plugin_outputs(engine) == [("FLOAT", (100, 16, 7, 7))]


def test_the_library_needs_no_tensorrt(plugin_library: Path):
    """Nothing but system libraries is linked: TensorRT is that of the process."""
    needed = plugin_library.read_bytes()
    for name in (b"libnvinfer", b"libtensorrt", b"libcudart.so", b"libcuda.so.1\0libnvinfer"):
        assert name not in needed
