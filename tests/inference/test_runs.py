"""Runs of pixels: by hand, and against bitmaps."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from refinemask.inference.rle import encode_rle
from refinemask.inference.runs import area, cut_out, intersection, moved, runs_of, to_rle

masks = st.tuples(st.integers(1, 12), st.integers(1, 12), st.floats(0, 1), st.integers(0, 99)).map(
    lambda drawn: np.random.default_rng(drawn[3]).random(drawn[:2]) < drawn[2]
)


def test_runs_by_hand():
    mask = np.array([[0, 1, 0], [1, 1, 0], [1, 1, 1]], bool)
    # The first column's run reaches the bottom, and the second column's begins at the top.
    assert runs_of(encode_rle(mask)).tolist() == [[1, 3], [3, 6], [8, 9]]
    assert moved(runs_of(encode_rle(mask)), 3, 1, 2, 5).tolist() == [[8, 10], [12, 15], [19, 20]]


@settings(max_examples=100, deadline=None)
@given(masks, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
def test_a_mask_is_moved_into_a_larger_image(mask, left, top, more):
    height, width = mask.shape
    image = np.zeros((height + top + more, width + left + more), bool)
    image[top : top + height, left : left + width] = mask
    runs = moved(runs_of(encode_rle(mask)), height, left, top, image.shape[0])
    assert to_rle(runs, *image.shape) == encode_rle(image)
    assert area(runs) == mask.sum()


@settings(max_examples=100, deadline=None)
@given(masks, st.floats(0, 1), st.integers(0, 99))
def test_intersection(mask, density, seed):
    other = np.random.default_rng(seed).random(mask.shape) < density
    found = intersection(runs_of(encode_rle(mask)), runs_of(encode_rle(other)))
    assert found == (mask & other).sum()


@settings(max_examples=100, deadline=None)
@given(masks, st.integers(0, 2))
def test_a_mask_is_cut_out_of_its_image(mask, margin):
    cut, left, top = cut_out(encode_rle(mask), margin)
    whole = np.zeros(mask.shape, bool)
    whole[top : top + cut.shape[0], left : left + cut.shape[1]] = cut
    np.testing.assert_array_equal(whole, mask)
    if mask.any():
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert (left, top) == (max(columns[0] - margin, 0), max(rows[0] - margin, 0))
        assert left + cut.shape[1] == min(columns[-1] + 1 + margin, mask.shape[1])
        assert top + cut.shape[0] == min(rows[-1] + 1 + margin, mask.shape[0])
    else:
        assert cut.size == 0


def test_runs_need_no_bitmap_of_their_image():
    """A mask of an image with more pixels than may be decoded."""
    runs = moved(runs_of(encode_rle(np.ones((100, 100), bool))), 100, 19_900, 19_900, 20_000)
    rle = to_rle(runs, 20_000, 20_000)
    assert rle["size"] == [20_000, 20_000]
    assert area(runs) == intersection(runs, runs) == 10_000
