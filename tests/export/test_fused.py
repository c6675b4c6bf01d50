"""The fused form: the nodes of our operators, and where it needs their library."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from refinemask import engines
from refinemask.configs.config import RefineMaskConfig
from refinemask.errors import RefineMaskError
from refinemask.export import export_graph, export_model
from refinemask.export.options import ExportOptions
from refinemask.ops.batched_nms import batched_nms
from refinemask.ops.boundary_refine import boundary_refine
from refinemask.ops.multiscale_roi_align import multiscale_roi_align
from refinemask.ops.point_sampling import point_sample
from tests.export.graphs import assert_fused, attributes, exported_program, operator_names

PLUGIN = {"plugin_namespace": b"refinemask", "plugin_version": b"1"}
POOLING = {
    "output_size": 7,
    "sampling_ratio": 0,
    "strides": [4, 8],
    "finest_scale": 56.0,
    "aligned": 1,
}
SUPPRESSION = {
    "iou_threshold": 0.5,
    "score_threshold": np.float32(0.3),
    "max_per_image": 20,
}


def fused(function: Callable[..., Tensor], *inputs: Tensor) -> onnx.ModelProto:
    """Export a function of tensors whose first dimension is dynamic."""

    class Module(nn.Module):
        def forward(self, *tensors: Tensor) -> Tensor:
            return function(*tensors)

    names = [f"input{index}" for index in range(len(inputs))]
    dynamic = (tuple({0: torch.export.Dim.AUTO} for _ in inputs),)
    program = torch.export.export(Module(), inputs, dynamic_shapes=dynamic)
    return exported_program(program, names, "fused")


def rois_and_maps(levels: int) -> list[Tensor]:
    rois = torch.tensor([[0.0, 1, 2, 30, 40]]).repeat(3, 1)
    return [rois, *(torch.zeros(2, 4, 64 >> level, 64 >> level) for level in range(levels))]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), {}),
        ((2, False, True), {"sampling_ratio": 2, "aligned": 0, "epsilon_after_log": 1}),
    ],
)
def test_pooling(options, expected):
    def pool(rois, *maps):
        return multiscale_roi_align(rois, maps, 7, (4, 8), *options)

    (node,) = fused(pool, *rois_and_maps(2)).graph.node
    assert (node.domain, node.op_type) == ("refinemask", "MultiScaleRoIAlign")
    assert list(node.input) == ["input0", "input1", "input2"]
    assert attributes(node) == POOLING | PLUGIN | expected


@pytest.mark.parametrize("levels", [1, 5])
def test_every_number_of_levels(levels):
    strides = [4 << level for level in range(levels)]

    def pool(rois, *maps):
        return multiscale_roi_align(rois, maps, 14, strides)

    (node,) = fused(pool, *rois_and_maps(levels)).graph.node
    assert list(node.input) == [f"input{index}" for index in range(levels + 1)]
    assert attributes(node)["strides"] == strides


def test_points_are_sampled_by_pooling_a_padded_level():
    graph = fused(lambda rois, maps: point_sample(rois, maps, 14, 4), *rois_and_maps(1))
    node = graph.graph.node[-1]
    assert node.op_type == "MultiScaleRoIAlign"
    values = attributes(node)
    assert (values["sampling_ratio"], values["strides"], values["aligned"]) == (1, [4], 1)
    assert set(operator_names(graph)) <= {"Add", "Pad", "refinemask:MultiScaleRoIAlign"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [((), {}), ((None, 0), {}), ((30, 1), {"max_shifted": 30, "first_shift": 1})],
)
def test_suppression(options, expected):
    def suppress(boxes, scores):
        return batched_nms(boxes, scores, 0.5, 0.3, 20, *options)

    graph = fused(suppress, torch.zeros(3, 5, 2, 4), torch.zeros(3, 5, 2))
    (node,) = graph.graph.node
    assert (node.domain, node.op_type) == ("refinemask", "BatchedNMS")
    assert attributes(node) == SUPPRESSION | PLUGIN | expected
    # The second output is the size that TensorRT asks for.
    assert len(node.output) == 2 and all(node.output)


@pytest.mark.parametrize("width", [1, 2])
def test_refinement(width):
    def refine(coarse, fine):
        return boundary_refine(coarse, fine, width)

    graph = fused(refine, torch.zeros(3, 1, 28, 28), torch.zeros(3, 1, 56, 56))
    (node,) = graph.graph.node
    assert (node.domain, node.op_type) == ("refinemask", "BoundaryRefine")
    assert list(node.input) == ["input0", "input1"]
    assert attributes(node) == PLUGIN | {"boundary_width": width}


def test_what_the_graph_of_a_detector_is_made_of(fused_graph):
    assert_fused(fused_graph, "refine")


def test_sizes_of_the_nodes_of_a_detector(fused_graph):
    def values(kind: str, name: str) -> list[Any]:
        return [attributes(n)[name] for n in fused_graph.graph.node if n.op_type == kind]

    assert values("MultiScaleRoIAlign", "output_size") == [7, 14, 14, 14, 28, 28, 56, 56]
    assert values("MultiScaleRoIAlign", "strides") == [[4, 8, 16, 32]] * 2 + [[4]] * 6
    assert values("BatchedNMS", "max_per_image") == [1000, 100]
    assert values("BoundaryRefine", "boundary_width") == [1, 1]
    # The configured width is that of the loss; inference has its own (numerics 8).
    assert RefineMaskConfig().boundary_width == 2


def test_each_runtime_reads_the_same_metadata(exported_as):
    artifact = exported_as("fused")
    assert artifact.metadata.form == "fused"
    assert artifact.metadata.parity["passed"]
    exported = "exported the fused graph of refinemask_small in "
    assert any(line.startswith(exported) for line in artifact.lines)
    assert engines.open(artifact.path).metadata.form == "fused"


def test_a_missing_library_is_said_before_anything_is_traced(model, tmp_path, monkeypatch):
    monkeypatch.setenv("REFINEMASK_LIBRARY_DIR", str(tmp_path))
    monkeypatch.setattr("refinemask.export.artifact.export_graph", lambda *a, **b: pytest.fail())
    with pytest.raises(RefineMaskError, match=r"needs librefinemask_ort\.so, which is missing; b"):
        export_model(model, tmp_path / "out" / "model.onnx", ExportOptions(form="fused"))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow  # test_golden.py runs such a graph
def test_normalised_input(model):
    graph = export_graph(model, form="fused", normalized_input=True)
    assert_fused(graph, "refine")
    assert graph.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT
