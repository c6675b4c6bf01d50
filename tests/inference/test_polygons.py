"""Polygons: by hand, and painted again by another library."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refinemask.inference.polygons import mask_polygons, outlines
from refinemask.inference.rle import encode_rle
from refinemask.inference.structures import Detections


def inside(polygons, height, width):
    """Count crossings to the right of the centre of each pixel, for all polygons together."""
    y, x = np.mgrid[:height, :width] + 0.5
    crossings = np.zeros((height, width), int)
    for polygon in polygons:
        for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, -1, 0), strict=True):
            if y1 != y2:
                at = x1 + (y - y1) * (x2 - x1) / (y2 - y1)
                crossings += (np.minimum(y1, y2) < y) & (y < np.maximum(y1, y2)) & (x < at)
    return crossings % 2 == 1


def detections_of(*masks):
    count = len(masks)
    return Detections(
        np.zeros((count, 4), np.float32),
        np.ones(count, np.float32),
        np.zeros(count, np.int64),
        [encode_rle(mask) for mask in masks],
        masks[0].shape,
    )


def test_a_rectangle_has_four_corners():
    mask = np.zeros((10, 12), bool)
    mask[2:5, 3:9] = True
    ((polygon,),) = mask_polygons(detections_of(mask))
    assert sorted(map(tuple, polygon)) == [(3, 2), (3, 5), (9, 2), (9, 5)]


def test_parts_and_empty_masks():
    mask = np.zeros((10, 12), bool)
    mask[0, 0] = mask[5:, 8:] = True
    assert [len(parts) for parts in mask_polygons(detections_of(mask, mask & False))] == [2, 0]


def test_a_hole_is_joined_to_its_outline():
    mask = np.ones((5, 6), bool)
    mask[2, 3] = False
    (polygon,) = outlines(np.pad(mask, 1))
    assert len(polygon) == 4 + 1 + 4 + 1  # a corner of each is passed twice
    np.testing.assert_array_equal(inside([polygon - 1], 5, 6), mask)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.floats(0, 1), st.integers(0, 99))
def test_polygons_follow_the_edges_of_pixels(height, width, density, seed):
    mask = np.random.default_rng(seed).random((height, width)) < density
    (parts,) = mask_polygons(detections_of(mask))
    np.testing.assert_array_equal(inside(parts, height, width), mask)
    for part in parts:
        assert (np.roll(part, -1, 0) != part).any(1).all()


@pytest.mark.parametrize("tolerance", [1.0, 3.0])
def test_tolerance(tolerance):
    y, x = np.mgrid[:200, :300]
    mask = (((x - 150) / 120) ** 2 + ((y - 100) / 70) ** 2 < 1) & ((x - 150) ** 2 + y**2 > 3000)
    (exact,), (fewer,) = outlines(mask), outlines(mask, tolerance)
    assert len(fewer) < len(exact) / 8
    away = np.abs(fewer[:, None] - exact).max(2).min(1)
    assert (away <= tolerance).all()
    changed = inside([fewer], 200, 300) ^ mask
    assert changed.sum() < tolerance * mask.sum() / 50
