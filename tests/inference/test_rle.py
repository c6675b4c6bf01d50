"""COCO's run-length encoding: by hand, and against pycocotools."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refinemask.errors import RefineMaskError
from refinemask.inference.rle import decode_rle, encode_rle, mask_areas, run_lengths
from refinemask.inference.structures import Rle


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


def stored(*numbers):
    """Write numbers, as they are stored after differences were taken, as COCO does."""
    text = ""
    for value in numbers:
        while not -16 <= value < 16:
            text += chr(48 + 32 + (value & 31))
            value >>= 5
        text += chr(48 + (value & 31))
    return text


@pytest.mark.parametrize(
    "numbers",
    [
        [20, *[2**58] * 64],
        [2**58] * 64,
        [0, 2**59 - 1, 6 - 2**59, 0],
        [5, -5, 6],
        [7],
        [6, 1],
    ],
    ids=lambda numbers: str(numbers)[:30],
)
def test_counts_that_do_not_fit_the_mask(numbers):
    """The first ones add up to 20 and 0 modulo 2^64."""
    rle: Rle = {"size": [2, 3], "counts": stored(*numbers)}
    for read in (
        run_lengths,
        decode_rle,
        lambda one: mask_areas([encode_rle(np.eye(3, dtype=bool)), one]),
    ):
        with pytest.raises(RefineMaskError, match="add up to"):
            read(rle)


@pytest.mark.parametrize("counts", [[2**63, 2**63], [2**64, 6], [-1, 7], [3, 3.0], [True] * 6])
def test_lists_of_counts(counts):
    with pytest.raises(RefineMaskError, match="counts of a run-length encod"):
        run_lengths({"size": [2, 3], "counts": counts})


@pytest.mark.parametrize("size", [[2**16, 2**16], [0, 3], [-2, -3], [2.0, 3], [10**400, 1]])
def test_sizes_of_encodings_are_bounded(size):
    for read in (run_lengths, lambda one: mask_areas([one])):
        with pytest.raises(RefineMaskError, match=r"a run-length encoding (has|must have)"):
            read({"size": size, "counts": "6"})


def test_bytes_that_were_printed():
    with pytest.raises(RefineMaskError, match=r"write `counts\.decode\(\)`"):
        run_lengths({"size": [2, 3], "counts": "b'06'"})
