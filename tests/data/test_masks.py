"""Instance masks by hand, and the targets against those of the official implementation."""

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask

from refinemask.data.masks import (
    BitmapMask,
    PolygonMask,
    mask_targets,
    parse_segmentation,
    semantic_target,
)
from refinemask.errors import RefineMaskError

LEFT_HALF = np.array([0, 0, 4, 0, 4, 6, 0, 6], np.float64)


def square(height, width):
    bitmap = np.zeros((height, width), np.uint8)
    bitmap[:6, :4] = 1
    return BitmapMask(bitmap)


def test_polygon_and_bitmap_agree_on_whole_pixels():
    polygon = PolygonMask((LEFT_HALF,))
    np.testing.assert_array_equal(polygon.to_bitmap(8, 10), square(8, 10).bitmap)


def test_flip_mirrors_about_the_image_centre():
    flipped = PolygonMask((LEFT_HALF,)).hflip(10)
    np.testing.assert_array_equal(flipped.polygons[0], [10, 0, 6, 0, 6, 6, 10, 6])
    np.testing.assert_array_equal(
        flipped.to_bitmap(8, 10), square(8, 10).hflip(10).to_bitmap(8, 10)
    )


def test_resize_uses_a_factor_for_each_axis():
    resized = PolygonMask((LEFT_HALF,)).resize(8, 10, 16, 5)
    np.testing.assert_array_equal(resized.polygons[0], [0, 0, 2, 0, 2, 12, 0, 12])
    bitmap = square(8, 10).resize(8, 10, 16, 5).bitmap
    np.testing.assert_array_equal(resized.to_bitmap(16, 5), bitmap)


def test_bitmap_is_cut_and_padded_to_the_canvas():
    assert square(8, 10).to_bitmap(3, 2).all()
    padded = square(8, 10).to_bitmap(12, 12)
    assert padded.shape == (12, 12)
    assert padded.sum() == 24


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
def golden(shared):
    with np.load(shared / "golden" / "losses" / "get_targets.npz") as file:
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


def test_parse_run_lengths_compressed_or_not():
    bitmap = square(8, 10).bitmap
    compressed = coco_mask.encode(np.asfortranarray(bitmap))
    compressed["counts"] = compressed["counts"].decode()
    plain = {"size": [8, 10], "counts": [0, 6, 2, 6, 2, 6, 2, 6, 50]}
    for segmentation in (compressed, plain):
        mask = parse_segmentation(segmentation, 8, 10)
        assert isinstance(mask, BitmapMask)
        np.testing.assert_array_equal(mask.bitmap, bitmap)


def test_parse_leaves_out_degenerate_parts():
    mask = parse_segmentation([[0, 0, 1, 1], LEFT_HALF.tolist()], 8, 10)
    assert isinstance(mask, PolygonMask)
    assert len(mask.polygons) == 1


@pytest.mark.parametrize("empty", [[], [[]], [[1, 2, 3, 4]], {"size": [8, 10], "counts": [80]}])
def test_parse_empty_masks(empty):
    assert parse_segmentation(empty, 8, 10) is None


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        (7, "list of polygons or a run-length"),
        ({"size": [8, 10]}, "`counts`"),
        ({"size": [10, 8], "counts": [80]}, "size"),
        ({"size": [8, 10], "counts": [81]}, "got 81"),
        ({"size": [8, 10], "counts": [-5, 85]}, "integers"),
        ({"size": [8, 10], "counts": [79.5, 0.5]}, "integers"),
        ({"size": [8, 10], "counts": None}, "integers"),
        ({"size": [8, 10], "counts": "zzzz"}, "counts"),
        ({"size": [8, 10], "counts": ""}, "counts"),
        ({"size": [8, 10], "counts": "P`a"}, "counts"),
        ([[1, 2, 3, 4, 5, 6, 7]], "flat list"),
        ([["a", "b"]], "numbers"),
        ([[1, 2, 3, 4, 5, float("nan")]], "finite"),
        ([[[1, 2], [3, 4]]], "flat list"),
    ],
)
def test_parse_refuses_what_is_no_segmentation(segmentation, message):
    with pytest.raises(RefineMaskError, match=message):
        parse_segmentation(segmentation, 8, 10)
