"""COCO's run-length encoding: by hand, and against pycocotools."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refinemask.errors import RefineMaskError
from refinemask.inference.rle import decode_rle, encode_rle, run_lengths


@settings(max_examples=200)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(0, 1), st.integers(0, 99))
def test_rle_round_trip(height, width, density, seed):
    coco = pytest.importorskip("pycocotools.mask")
    mask = np.random.default_rng(seed).random((height, width)) < density
    rle = encode_rle(mask)
    expected = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert rle["counts"].encode() == expected["counts"]
    np.testing.assert_array_equal(decode_rle(rle), mask)


def test_rle_by_hand():
    # Columns: (0, 1), (1, 0): runs 1, 2, 1.
    assert encode_rle(np.array([[0, 1], [1, 0]])) == {"size": [2, 2], "counts": "121"}
    # A run of 40 needs two groups: 40 = 8 + 1 * 32.
    assert encode_rle(np.ones((8, 5), bool)) == {"size": [8, 5], "counts": "0X1"}


@pytest.mark.parametrize("counts", ["", "X", "12", "~~", "1 1", "é", "o" * 20 + "0", "0N0"])
def test_malformed_rle_is_refused(counts):
    with pytest.raises(RefineMaskError, match="run-length encoded mask"):
        decode_rle({"size": [2, 2], "counts": counts})


def test_run_lengths_start_with_background():
    mask = np.array([[1, 0, 0], [0, 0, 1]], bool)
    assert run_lengths(encode_rle(mask)).tolist() == [0, 1, 4, 1]
    assert run_lengths(encode_rle(~mask)).tolist() == [1, 4, 1]


def test_long_differences_and_negative_ones():
    coco = pytest.importorskip("pycocotools.mask")
    mask = np.zeros((3000, 2000), bool)
    mask[5:2900, ::7] = True
    mask[17, 30:40] = True
    expected = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert encode_rle(mask)["counts"].encode() == expected["counts"]
