"""The operators that compute only where it shows, in every host: by hand and against PyTorch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from refinemask.ops import places as reference
from tests.plugins.operators import conv_at_places, gather_tiles, nonzero_places, scatter_tiles
from tests.plugins.tolerances import close

OUTSIDE = [(-1, 0, 0), (2, 0, 0), (0, -1, 1), (0, 1, 9), (1, 1 << 30, 0), (0, 0, -(1 << 30))]
"""Places that two small maps do not have; OpenVINO makes integers of 64 bits such of 32."""


def make_places(rng, count, rows, columns):
    """Return places of two maps, each once and in any order, and some that there are not."""
    every = np.array([(b, y, x) for b in range(2) for y in range(rows) for x in range(columns)])
    some = rng.permutation(every)[:count].reshape(-1, 3)
    return rng.permutation(np.concatenate((some, OUTSIDE))).astype(np.int64)


def test_places_are_in_row_major_order():
    mask = np.zeros((2, 3, 4), np.float32)
    mask[0, 2, 1], mask[0, 0, 3], mask[1, 1, 0] = 1, -2, np.nan
    np.testing.assert_array_equal(nonzero_places(mask), [[0, 0, 3], [0, 2, 1], [1, 1, 0]])


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 0, 4), (1, 1, 1), (3, 40, 90)])
def test_places_of_any_mask(shape):
    rng = np.random.default_rng(0)
    mask = (rng.random(shape) < 0.3).astype(np.float32)
    expected = np.argwhere(mask)
    np.testing.assert_array_equal(nonzero_places(mask), expected)
    assert not len(nonzero_places(np.zeros_like(mask)))


def test_a_tile_has_the_pixels_around_it_and_zeros_outside():
    maps = np.arange(1, 13, dtype=np.float32).reshape(1, 1, 3, 4)
    tile = gather_tiles(maps, np.array([[0, 1, 1]]), (2, 2), 1)
    expected = [[6, 7, 8, 0], [10, 11, 12, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(tile[0, 0], expected)


def test_tiles_are_put_where_they_were_taken():
    rng = np.random.default_rng(1)
    maps = rng.standard_normal((2, 5, 21, 35)).astype(np.float32)
    every = nonzero_places(np.ones((2, 3, 3), np.float32))
    tiles = gather_tiles(maps, every, (8, 16), 0)
    np.testing.assert_array_equal(scatter_tiles(tiles, every, maps), maps)
    some = scatter_tiles(tiles[4:5], every[4:5], maps)
    np.testing.assert_array_equal(some[0, :, 8:16, 16:32], maps[0, :, 8:16, 16:32])
    assert np.count_nonzero(some) == 5 * 8 * 16


@given(
    count=st.integers(0, 12),
    channels=st.integers(0, 5),
    height=st.integers(1, 20),
    width=st.integers(1, 40),
    size=st.tuples(st.integers(1, 9), st.integers(1, 17)),
    margin=st.integers(0, 6),
    half=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_tiles_match_the_reference(count, channels, height, width, size, margin, half, seed):
    rng = np.random.default_rng(seed)
    maps = rng.standard_normal((2, channels, height, width)).astype("f2" if half else "f4")
    places = make_places(rng, count, -(-height // size[0]), -(-width // size[1]))
    given = torch.from_numpy(maps), torch.from_numpy(places)
    expected = reference.gather_tiles(*given, size, margin)
    np.testing.assert_array_equal(gather_tiles(maps, places, size, margin), expected)
    tiles = rng.standard_normal((len(places), channels, *size)).astype(maps.dtype)
    expected = reference.scatter_tiles(torch.from_numpy(tiles), given[1], given[0])
    np.testing.assert_array_equal(scatter_tiles(tiles, places, maps), expected)


@given(
    count=st.integers(0, 30),
    channels=st.integers(0, 9),
    outputs=st.sampled_from([1, 3, 16, 33, 64, 70]),
    side=st.sampled_from([1, 3, 5]),
    dilation=st.sampled_from([1, 2, 3, 5, 4096]),
    half=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_convolutions_match_the_reference(count, channels, outputs, side, dilation, half, seed):
    rng = np.random.default_rng(seed)
    dtype = np.float16 if half else np.float32
    maps = rng.standard_normal((2, channels, 9, 7)).astype(dtype)
    weight = (rng.standard_normal((outputs, channels, side, side)) / side).astype(dtype)
    bias = rng.standard_normal(outputs).astype(dtype)
    places = make_places(rng, count, 9, 7)
    found = conv_at_places(maps, places, weight, bias, dilation)
    at, *tensors = (torch.from_numpy(values) for values in (places, maps, weight, bias))
    expected = reference.conv_at_places(tensors[0], at, tensors[1], tensors[2], dilation)
    np.testing.assert_allclose(found, expected, **close("ConvAtPlaces", found.dtype))


@pytest.mark.parametrize("dilation", [1, 3, 5])
def test_at_all_places_it_is_a_convolution(dilation):
    rng = np.random.default_rng(2)
    maps = rng.standard_normal((3, 24, 56, 56)).astype(np.float32)
    weight = rng.standard_normal((24, 24, 3, 3)).astype(np.float32) / 15
    bias = rng.standard_normal(24).astype(np.float32)
    places = np.argwhere(np.ones((3, 56, 56)))
    found = conv_at_places(maps, places, weight, bias, dilation)
    x, w, b = (torch.from_numpy(values) for values in (maps, weight, bias))
    dense = torch.conv2d(x, w, b, padding=dilation, dilation=dilation)
    expected = dense.permute(0, 2, 3, 1).reshape(-1, 24)
    np.testing.assert_allclose(found, expected, **close("ConvAtPlaces", found.dtype))


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_changes_nothing(threads):
    rng = np.random.default_rng(3)
    maps = rng.standard_normal((2, 30, 64, 64)).astype(np.float32)
    weight = rng.standard_normal((30, 30, 3, 3)).astype(np.float32)
    places = nonzero_places((rng.random((2, 64, 64)) < 0.5).astype(np.float32), threads)
    given = (maps, places, weight, maps[0, :, 0, 0])
    np.testing.assert_array_equal(
        conv_at_places(*given, threads=threads), conv_at_places(*given, threads=2)
    )
    at = np.argwhere(np.ones((2, 8, 4)))
    np.testing.assert_array_equal(
        gather_tiles(maps, at, (8, 16), 1, threads), gather_tiles(maps, at, (8, 16), 1)
    )
