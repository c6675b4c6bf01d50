"""Point sampling by RoIAlign against the definition, bilinear interpolation with zeros outside."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from refinemask.ops.point_sampling import point_sample

STRIDE, HEIGHT, WIDTH, BATCH, SIZE = 4, 24, 32, 2, 7  # a map of 96 x 128 pixels


@pytest.fixture(scope="module")
def feature():
    return torch.randn(BATCH, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))


def by_definition(rois, feature, size=SIZE):
    """Sample with grid_sample, as numerics 7.1 has it, in float64."""
    places = (torch.arange(size).double() + 0.5) / size
    points = []
    for roi in rois.double():
        x = roi[1] + places * (roi[3] - roi[1])
        y = roi[2] + places * (roi[4] - roi[2])
        points.append(torch.stack(torch.meshgrid(x, y, indexing="xy"), -1))
    grid = torch.stack(points) / (STRIDE * torch.tensor([WIDTH, HEIGHT])) * 2 - 1
    return F.grid_sample(feature.double()[rois[:, 0].long()], grid, align_corners=False).float()


def check(rows, feature):
    rois = torch.tensor(rows, dtype=torch.float32)
    expected = by_definition(rois, feature)
    torch.testing.assert_close(point_sample(rois, feature, SIZE, STRIDE), expected, **CLOSE)
    return expected


CLOSE: dict[str, Any] = {"atol": 1e-4, "rtol": 0}
"""A coordinate of up to 512 pixels is rounded by up to 1.5e-5, which is 4e-6 cells, about twice,
and the slope of the map is up to 6 a cell in each of two directions."""


def test_values_by_hand():
    ramp = (torch.arange(8.0) + 1).expand(1, 1, 8, 8)  # cell c has its centre at pixel 4c + 2
    rois = torch.tensor([[0.0, 2, 2, 30, 30], [0, -6, 8, 8, 8]])
    inside, across = point_sample(rois, ramp, 7, 4)[:, 0]
    torch.testing.assert_close(inside, (1.5 + torch.arange(7.0)).expand(7, 7))
    # Pixels -5, -3, ... lie 1.75, 1.25, 0.75 and 0.25 cells before the first centre.
    expected = torch.tensor([0, 0, 0.25, 0.75, 1.25, 1.75, 2.25])
    torch.testing.assert_close(across, expected.expand(7, 7))


@pytest.mark.parametrize(
    "row",
    [
        [0, 10, 20, 70, 80],
        [1, 3.3, 4.4, 5.1, 6.2],  # smaller than a cell
        [0, 50, 10, 50, 90],  # no width
        [0, 50, 60, 50, 60],  # a point
        [1, -30, -20, 40, 40],  # beyond each border
        [0, 90, 70, 170, 130],
        [1, -500, -500, 900, 900],
        [0, 126.5, 30, 129.9, 60],  # a sliver in the last half cell and beyond
        [0, -1.9, -1.9, 0.1, 95],
    ],
)
def test_each_kind_of_roi(feature, row):
    assert check([row, [0, 5, 5, 60, 60], row], feature)[0].any()


def test_rois_outside_give_zero(feature):
    rows = [[0, -40, 10, -3, 50], [1, 131, 10, 180, 50], [1, 10, 99, 60, 400], [0, 1e5, 0, 2e5, 9]]
    assert not check(rows, feature).any()


coordinate = st.floats(-60, 200, width=32)
extent = st.one_of(st.floats(0, 3, width=32), st.floats(0, 260, width=32))


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(st.integers(0, BATCH - 1), coordinate, coordinate, extent, extent),
        min_size=1,
        max_size=8,
    )
)
def test_any_rois(feature, rows):
    check([[image, x, y, x + width, y + height] for image, x, y, width, height in rows], feature)


def test_no_rois(feature):
    assert point_sample(torch.zeros(0, 5), feature, 14, STRIDE).shape == (0, 3, 14, 14)


def test_gradients_are_those_of_the_definition(feature):
    rois = torch.tensor([[0.0, -9, 5, 60, 60], [1, 100, 80, 140, 110]])
    gradients = []
    for sample in (lambda f: point_sample(rois, f, SIZE, STRIDE), lambda f: by_definition(rois, f)):
        leaf = feature.clone().requires_grad_()
        (sample(leaf) * torch.arange(SIZE)).sum().backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(*gradients, atol=1e-4, rtol=0)
