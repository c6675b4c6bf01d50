"""RoIAlign over a pyramid: levels by hand, values against torchvision on one level at a time."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import roi_align

from refinemask.errors import RefineMaskError
from refinemask.models.fpn import STRIDES
from refinemask.ops.levels import assign_levels, side_levels
from refinemask.ops.multiscale_roi_align import multiscale_roi_align

HEIGHT, WIDTH, BATCH = 256, 320, 2

edges = st.floats(-100, 420, width=32)
rois = st.lists(
    st.tuples(st.integers(0, BATCH - 1), edges, edges, edges, edges).map(
        lambda roi: (float(roi[0]), min(roi[1::2]), min(roi[2::2]), max(roi[1::2]), max(roi[2::2]))
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def pyramid():
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(BATCH, 3, HEIGHT // s, WIDTH // s, generator=generator) for s in STRIDES[:4]
    ]


def as_rois(rows):
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 5)


@pytest.mark.parametrize(
    ("side", "level"),
    [
        (0, 0),
        (1, 0),
        (56, 0),
        (111.9, 0),
        (112, 1),
        (223.9, 1),
        (224, 2),
        (447, 2),
        (448, 3),
        (5e3, 3),
    ],
)
def test_level_of_a_square(side, level):
    boxes = torch.tensor([[10.0, 20.0, 10.0 + side, 20.0 + side]])
    assert assign_levels(boxes, 4).tolist() == [level]


@pytest.mark.parametrize(
    ("epsilon_after_log", "smallest"),
    [(False, 112 - 5.6e-5), (True, 112 - 7.8e-5)],  # 56 * 1e-6 and 112 * ln(2) * 1e-6
)
def test_sides_just_below_a_level(epsilon_after_log, smallest):
    sides = torch.tensor([smallest - 1.2e-5, smallest + 1.2e-5])  # floats of 7.6e-6 there
    levels = [int(side_levels(side, epsilon_after_log)) for side in sides]
    assert levels == [0, 1]


def test_level_follows_the_area():
    boxes = torch.tensor([[0.0, 0.0, 448.0, 27.0], [0.0, 0.0, 448.0, 29.0]])  # below, above 112^2
    assert assign_levels(boxes, 4).tolist() == [0, 1]
    assert assign_levels(boxes, 1).tolist() == [0, 0]


@pytest.mark.parametrize("sampling_ratio", [0, 2])
@given(rows=rois)
@settings(max_examples=40)
def test_each_roi_is_pooled_from_its_level(pyramid, sampling_ratio, rows):
    found = multiscale_roi_align(as_rois(rows), pyramid, 7, STRIDES[:4], sampling_ratio)
    assert found.shape == (len(rows), 3, 7, 7)
    for row, pooled in zip(rows, found, strict=True):
        side = ((row[3] - row[1]) * (row[4] - row[2])) ** 0.5
        near = [level for level, limit in enumerate((112, 224, 448)) if abs(side - limit) < 0.01]
        levels = {sum(side >= limit for limit in (112, 224, 448)), *near, *(i + 1 for i in near)}
        candidates = [
            roi_align(
                pyramid[level], as_rois([row]), 7, 1 / STRIDES[level], sampling_ratio, aligned=True
            )[0]
            for level in levels
        ]
        assert any(torch.equal(pooled, candidate) for candidate in candidates)


def test_values_of_a_ramp_are_its_coordinates():
    x = (torch.arange(40.0) + 0.5) * 4  # pixel coordinate of each cell's centre at stride 4
    ramp = x.expand(1, 1, 32, 40)
    pooled = multiscale_roi_align(as_rois([[0, 20, 30, 48, 58]]), [ramp], 7, STRIDES[:1])
    torch.testing.assert_close(pooled[0, 0], (22 + 4 * torch.arange(7.0)).expand(7, 7))


@pytest.mark.parametrize(
    "roi",
    [
        [0, 50, 60, 50, 60],  # a point
        [0, 50, 60, 50, 90],  # no width
        [0, 50, 60, 90, 60],  # no height
        [1, -90, -90, -40, -40],  # outside, all four ways
        [1, 340, 50, 400, 90],
        [1, 50, 280, 90, 300],
        [0, 5000, 5000, 5400, 5400],
        [0, 90, 60, 50, 90],  # inverted
        [0, 90, 90, 50, 60],
    ],
)
def test_rois_without_a_place_on_the_map_give_zeros(pyramid, roi):
    rows = as_rois([[0, 10, 10, 60, 60], roi, [1, 0, 0, 300, 200]])
    pooled = multiscale_roi_align(rows, pyramid, 7, STRIDES[:4])
    assert not pooled[1].any()
    assert pooled[0].any() and pooled[2].any()


@pytest.mark.parametrize("levels", [1, 4])
def test_no_rois(pyramid, levels):
    pooled = multiscale_roi_align(as_rois([]), pyramid[:levels], 14, STRIDES[:levels])
    assert pooled.shape == (0, 3, 14, 14)


def test_gradients_reach_every_level_that_is_used(pyramid):
    features = [feature.clone().requires_grad_() for feature in pyramid]
    rows = as_rois([[0, 10, 10, 60, 60], [1, 0, 0, 300, 200]])
    multiscale_roi_align(rows, features, 7, STRIDES[:4]).sum().backward()
    used = [feature.grad is not None and bool(feature.grad.any()) for feature in features]
    assert used == [True, False, True, False]


def test_without_alignment_cells_begin_at_their_corner():
    x = torch.arange(40.0) * 4
    ramp = x.expand(1, 1, 32, 40)
    rois = as_rois([[0, 20, 30, 48, 58], [0, 20, 30, 20, 30]])  # the last counts as 4 pixels wide
    pooled = multiscale_roi_align(rois, [ramp], 7, STRIDES[:1], 2, False)
    torch.testing.assert_close(pooled[0, 0], (22 + 4 * torch.arange(7.0)).expand(7, 7))
    expected = 20 + 4 * (torch.arange(7.0) + 0.5) / 7
    torch.testing.assert_close(pooled[1, 0], expected.expand(7, 7))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_coordinates_do_not_take_the_type_of_the_features(dtype):
    """RoIs were once cast to it: bfloat16 moves 1,001 to 1,000, a quarter of a cell."""
    ramp = (torch.arange(300.0) / 4).expand(1, 1, 8, 300)
    rois = as_rois([[0, 1001, 3, 1015, 17]])
    half = ramp.to(dtype)
    pooled = multiscale_roi_align(rois, [half], 7, STRIDES[:1])
    assert pooled.dtype == dtype
    assert torch.equal(pooled, multiscale_roi_align(rois, [half.float()], 7, STRIDES[:1]).to(dtype))
    if dtype == torch.float16:  # which has these quarters exactly
        expected = (torch.arange(7) * 2 + 1001 + 1) / 16 - 0.125
        torch.testing.assert_close(pooled[0, 0, 0].float(), expected, atol=0.02, rtol=0)


@pytest.mark.parametrize(
    ("output_size", "sampling_ratio", "message"),
    [
        (0, 0, "output_size must be from 1 to 512, got 0"),
        (513, 0, "output_size must be from 1 to 512, got 513"),
        (7, -1, "sampling_ratio must be from 0 to 64, got -1"),
        (7, 65536, "sampling_ratio must be from 0 to 64, got 65536"),
    ],
)
def test_sizes_that_no_host_takes(pyramid, output_size, sampling_ratio, message):
    with pytest.raises(RefineMaskError, match=message):
        multiscale_roi_align(
            as_rois([(0, 0, 0, 9, 9)]), pyramid, output_size, STRIDES[:4], sampling_ratio
        )
