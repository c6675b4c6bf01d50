"""The boundary of a mask: hand-computed cases, and the plain definition on whole images."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from refinemask.errors import RefineMaskError
from refinemask.evaluation.boundary_iou import (
    boundary_distance,
    boundary_edges,
    edges_iou,
    mask_edges,
)
from refinemask.inference.rle import decode_rle, encode_rle, rle_from_edges


def boundary(mask):
    edges = boundary_edges(encode_rle(mask))
    return decode_rle(rle_from_edges(edges, *mask.shape))


def boundary_by_definition(mask):
    """Erode the whole zero-padded image one pixel at a time."""
    padded = np.pad(mask.astype(np.uint8), 1)
    for _ in range(boundary_distance(*mask.shape)):
        padded = cv2.erode(padded, np.ones((3, 3), np.uint8))
        padded[[0, -1]] = padded[:, [0, -1]] = 0
    return mask & ~padded[1:-1, 1:-1].astype(bool)


def blobs(seed, height, width, smoothness):
    """Return a mask with round, thin and border-touching parts."""
    noise = np.random.default_rng(seed).normal(size=(height, width))
    return cv2.GaussianBlur(noise, (0, 0), smoothness) > 0


@pytest.mark.parametrize(
    ("height", "width", "distance"),
    [(1, 1, 1), (15, 20, 1), (60, 80, 2), (480, 640, 16), (427, 640, 15), (75, 100, 2)],
)
def test_distance_is_two_percent_of_the_diagonal(height, width, distance):
    assert boundary_distance(height, width) == distance


def test_ring_of_a_square():
    mask = np.zeros((8, 8), bool)
    mask[2:6, 2:7] = True
    ring = mask.copy()
    ring[3:5, 3:6] = False
    np.testing.assert_array_equal(boundary(mask), ring)


def test_image_border_is_boundary():
    ring = np.ones((6, 5), bool)
    ring[1:-1, 1:-1] = False
    np.testing.assert_array_equal(boundary(np.ones((6, 5), bool)), ring)


def test_hole_is_boundary():
    mask = np.ones((9, 9), bool)
    mask[4, 4] = False
    expected = np.ones((9, 9), bool)
    expected[1:-1, 1:-1] = False
    expected[3:6, 3:6] = True
    expected[4, 4] = False
    np.testing.assert_array_equal(boundary(mask), expected)


def test_iou_of_two_squares_by_hand():
    # Two 4 x 4 squares one column apart, distance 1: rings of 12 pixels. Their top and bottom rows
    # share 3 pixels each; column 2 of one ring crosses only the inside of the other.
    first, second = np.zeros((2, 10, 10), bool)
    first[2:6, 1:5] = second[2:6, 2:6] = True
    rings = [boundary_edges(encode_rle(mask)) for mask in (first, second)]
    assert edges_iou(*rings) == 6 / 18
    assert edges_iou(*(mask_edges(encode_rle(mask)) for mask in (first, second))) == 12 / 20


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (33, 47), (90, 60)])
@pytest.mark.parametrize("value", [False, True])
def test_uniform_masks(shape, value):
    mask = np.full(shape, value)
    np.testing.assert_array_equal(boundary(mask), boundary_by_definition(mask))


@given(st.integers(0, 2**32 - 1), st.integers(1, 150), st.integers(1, 150), st.floats(0.5, 12))
def test_boundary_equals_definition_on_blobs(seed, height, width, smoothness):
    mask = blobs(seed, height, width, smoothness)
    np.testing.assert_array_equal(boundary(mask), boundary_by_definition(mask))


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 60), st.floats(0.5, 6))
def test_iou_of_edges_equals_bitmaps(seed, height, width, smoothness):
    first, second = (blobs(seed + i, height, width, smoothness) for i in (0, 1))
    union = (first | second).sum()
    expected = (first & second).sum() / union if union else 0.0
    assert edges_iou(*(mask_edges(encode_rle(mask)) for mask in (first, second))) == expected


def test_runs_of_length_zero_are_dropped():
    plain = {"size": [3, 4], "counts": [3, 0, 1, 2, 0, 6]}
    text = coco_mask.frPyObjects(plain, 3, 4)["counts"].decode()
    assert mask_edges({"size": [3, 4], "counts": text}).tolist() == [4, 6, 6, 12]
    assert len(mask_edges(encode_rle(np.zeros((3, 4), bool)))) == 0


@pytest.mark.parametrize("counts", ["", "é", "<5", "P", "0000"])
def test_malformed_counts(counts):
    with pytest.raises(RefineMaskError, match="run-length"):
        boundary_edges({"size": [3, 4], "counts": counts})
