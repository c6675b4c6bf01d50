"""Training targets of masks: by hand, and against those of the official implementation."""

import numpy as np
import pytest
import torch

from refinemask.data.masks import BitmapMask, PolygonMask
from refinemask.training.mask_targets import mask_targets, semantic_target
from tests.data.example_masks import LEFT_HALF, square


@pytest.mark.parametrize("mask", [PolygonMask((LEFT_HALF,)), square(8, 10)])
def test_target_of_a_box_over_the_right_edge_of_the_mask(mask):
    boxes = torch.tensor([[0.0, 0.0, 8.0, 6.0]])
    target = mask_targets([mask], boxes, torch.tensor([0]), 8, (8, 10))
    assert target.dtype == torch.float32
    np.testing.assert_array_equal(target[0], np.tile([1, 1, 1, 1, 0, 0, 0, 0], (8, 1)))


def test_targets_of_no_box_are_empty():
    target = mask_targets([], torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), 14, (8, 10))
    assert target.shape == (0, 14, 14)


@pytest.mark.parametrize("mask", [PolygonMask((LEFT_HALF,)), square(8, 10)])
@pytest.mark.parametrize(
    "box", [[3, 3, 3, 3], [-9, -9, -5, -5], [50, 50, 60, 60], [9, 7, 2, 1], [0, 0, 1e-3, 1e-3]]
)
def test_degenerate_boxes_give_finite_targets(mask, box):
    target = mask_targets([mask], torch.tensor([box]).float(), torch.tensor([0]), 14, (8, 10))
    assert set(target.unique().tolist()) <= {0.0, 1.0}


def test_semantic_target_needs_two_of_the_four_centre_pixels():
    bitmap = np.zeros((8, 8), np.uint8)
    bitmap[1, 1] = 1  # one centre pixel of the first cell
    bitmap[1:3, 5] = 1  # two of the second
    target = semantic_target([BitmapMask(bitmap)], (8, 8), (12, 8), (3, 2))
    np.testing.assert_array_equal(target, [[0, 1], [0, 0], [0, 0]])


@pytest.mark.parametrize("kind", ["polygon", "bitmap"])
@pytest.mark.parametrize(("stage", "size"), [(0, 14), (1, 28), (2, 56), (3, 112)])
def test_mask_targets_match_the_official_ones(golden, kind, stage, size):
    targets = [
        mask_targets(
            golden_masks(golden, kind, image),
            torch.from_numpy(golden[f"in/boxes_img{image}"]),
            torch.from_numpy(golden[f"in/gt_inds_img{image}"]),
            size,
            tuple(golden[f"in/size_img{image}"].tolist()),
        )
        for image in range(2)
    ]
    np.testing.assert_array_equal(torch.cat(targets), golden[f"out/{kind}_stage{stage}_target"])


@pytest.mark.parametrize("kind", ["polygon", "bitmap"])
@pytest.mark.parametrize("grid", [(40, 48), (35, 40)])
def test_semantic_targets_match_the_official_ones(golden, kind, grid):
    targets = [
        semantic_target(
            golden_masks(golden, kind, image),
            tuple(golden[f"in/size_img{image}"].tolist()),
            (140, 160),
            grid,
        )
        for image in range(2)
    ]
    expected = golden[f"out/{kind}_semantic_{grid[0]}x{grid[1]}"]
    np.testing.assert_array_equal(torch.stack(targets), expected)


@pytest.fixture(scope="module")
def golden(vectors):
    with np.load(vectors / "losses" / "get_targets.npz") as file:
        return dict(file)


def golden_masks(golden, kind, image):
    bitmaps = golden[f"in/bitmaps_img{image}"]
    if kind == "bitmap":
        return [BitmapMask(bitmap) for bitmap in bitmaps]
    prefixes = [f"in/poly_img{image}_gt{index}_" for index in range(len(bitmaps))]
    return [
        PolygonMask(tuple(golden[name] for name in sorted(golden) if name.startswith(prefix)))
        for prefix in prefixes
    ]
