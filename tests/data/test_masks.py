"""Instance masks: geometry by hand, and what is read as a segmentation."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from refinemask.data.masks import BitmapMask, PolygonMask, parse_segmentation
from refinemask.errors import RefineMaskError
from tests.data.example_masks import LEFT_HALF, square


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


def test_crop_keeps_what_is_in_the_window():
    """The left half is 4 wide and 6 high: 3 and 4 pixels of it are in a window from (1, 2)."""
    polygon = PolygonMask((LEFT_HALF,)).crop(1, 2, 5, 6).to_bitmap(5, 6)
    bitmap = square(8, 10).crop(1, 2, 5, 6).bitmap
    np.testing.assert_array_equal(polygon, bitmap)
    assert bitmap.shape == (5, 6)
    assert bitmap[:4, :3].all() and bitmap.sum() == 12


def test_bitmap_is_cut_and_padded_to_the_canvas():
    assert square(8, 10).to_bitmap(3, 2).all()
    padded = square(8, 10).to_bitmap(12, 12)
    assert padded.shape == (12, 12)
    assert padded.sum() == 24


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
        ({"size": [8, 10], "counts": [81]}, "one is larger"),
        ({"size": [8, 10], "counts": [79]}, "got 79"),
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
