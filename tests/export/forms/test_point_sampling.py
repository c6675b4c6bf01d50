"""`point_sample` in every form and runtime against PyTorch."""

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from refinemask.ops.point_sampling import point_sample
from tests.export.graphs import exported_program, operator_names

STRIDE, HEIGHT, WIDTH = 4, 24, 32  # a map of 96 x 128 pixels


class Sample(nn.Module):
    def forward(self, rois, feature):
        return point_sample(rois, feature, 7, STRIDE)


@pytest.fixture(scope="session")
def feature():
    return torch.randn(2, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="session")
def graph(feature, target) -> onnx.ModelProto:
    rois = torch.tensor([[0.0, 0, 0, 9, 9]]).repeat(4, 1)
    dynamic = {"rois": {0: torch.export.Dim("rois")}, "feature": {}}
    program = torch.export.export(Sample(), (rois, feature), dynamic_shapes=dynamic)
    return exported_program(program, ["rois", "feature"], target.form)


@pytest.fixture(scope="module")
def check(graph, feature, target):
    """Return a function that compares both and gives back the samples."""
    run = target.load(graph)

    def compare(rows):
        rois = torch.tensor(rows, dtype=torch.float32).reshape(-1, 5)
        (found,) = run(rois=rois.numpy(), feature=feature.numpy())
        np.testing.assert_allclose(found, point_sample(rois, feature, 7, STRIDE), atol=5e-5, rtol=0)
        return found

    return compare


def test_graph_has_one_roi_align(graph, target):
    names = operator_names(graph)
    if target.form == "static":
        assert "RoiAlign" not in names
        return
    pooling = {"portable": "RoiAlign", "fused": "refinemask:MultiScaleRoIAlign"}[target.form]
    assert names.count(pooling) == 1
    assert not [name for name in names if ":" in name and name != pooling]


def test_rois_within_the_map(check):
    assert (
        check([[0, 10, 20, 70, 80], [1, 3.3, 4.4, 5.1, 6.2], [1, 0, 0, 128, 96]])
        .any((1, 2, 3))
        .all()
    )


def test_rois_beyond_each_border(check):
    check([[1, -30, -20, 40, 40], [0, 90, 70, 170, 130], [0, -500, -500, 900, 900]])
    check([[0, 126.5, 30, 129.9, 60], [0, -1.9, -1.9, 0.1, 95], [1, -40, 10, -3, 50]])


def test_rois_without_extent_repeat_their_point(check):
    point, column = check([[0, 50, 60, 50, 60], [1, 30, 10, 30, 90]])
    assert point.any() and (point == point[:, :1, :1]).all()
    assert column.any() and (column == column[:, :, :1]).all()


def test_no_rois(check):
    assert check([]).shape == (0, 3, 7, 7)


def test_many_rois(check):
    rng = np.random.default_rng(0)
    corner, size = rng.uniform(-60, 140, (200, 2)), rng.uniform(0, 120, (200, 2)) ** 1.2
    check(np.hstack([rng.integers(0, 2, (200, 1)), corner, corner + size]))
