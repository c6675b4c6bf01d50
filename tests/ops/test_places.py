"""The references of the operators that compute only where it shows."""

import pytest
import torch
from torch.nn import functional as F

from refinemask.errors import RefineMaskError
from refinemask.ops.places import conv_at_places, gather_tiles, nonzero_places, scatter_tiles


def test_tiles_and_back():
    maps = torch.randn(2, 3, 20, 33, generator=torch.Generator().manual_seed(0))
    every = nonzero_places(torch.ones(2, 3, 3))
    tiles = gather_tiles(maps, every, (8, 16))
    assert tiles.shape == (18, 3, 8, 16)
    assert torch.equal(scatter_tiles(tiles, every, maps), maps)
    with_ring = gather_tiles(maps, every[4:5], (8, 16), margin=1)
    assert torch.equal(with_ring[0], F.pad(maps, (1, 1, 1, 1))[0, :, 8:18, 16:34])


def test_convolutions_in_tiles_are_those_of_the_map():
    generator = torch.Generator().manual_seed(1)
    maps = torch.randn(2, 4, 19, 40, generator=generator, dtype=torch.float64)
    weight = torch.randn(6, 4, 3, 3, generator=generator, dtype=torch.float64)
    every = nonzero_places(torch.ones(2, 3, 3))
    tiles = F.conv2d(gather_tiles(maps, every, (8, 16), margin=1), weight)
    expected = F.conv2d(maps, weight, padding=1)
    torch.testing.assert_close(scatter_tiles(tiles, every, maps), expected)


@pytest.mark.parametrize("dilation", [1, 5])
@pytest.mark.parametrize("side", [1, 3, 5])
def test_convolutions_at_places_are_those_of_the_map(side, dilation):
    generator = torch.Generator().manual_seed(2)
    maps = torch.randn(2, 4, 9, 11, generator=generator, dtype=torch.float64)
    weight = torch.randn(3, 4, side, side, generator=generator, dtype=torch.float64)
    bias = torch.randn(3, generator=generator, dtype=torch.float64)
    places = nonzero_places(torch.rand(2, 9, 11, generator=generator) - 0.4)
    dense = F.conv2d(maps, weight, bias, padding=side // 2 * dilation, dilation=dilation)
    expected = dense[places[:, 0], :, places[:, 1], places[:, 2]]
    torch.testing.assert_close(conv_at_places(maps, places, weight, bias, dilation), expected)


def test_places_that_there_are_not():
    maps, bias = torch.ones(1, 2, 4, 4), torch.tensor([5.0])
    outside = torch.tensor([[1, 0, 0], [0, -1, 0], [0, 0, 9]])
    assert not gather_tiles(maps, outside, (2, 2)).any()
    assert not scatter_tiles(torch.ones(3, 2, 2, 2), outside, maps).any()
    values = conv_at_places(maps, outside, torch.ones(1, 2, 1, 1), bias)
    assert values.tolist() == [[5]] * 3
    assert gather_tiles(maps[:0], outside, (2, 2)).shape == (3, 2, 2, 2)


def test_sizes_that_are_not_allowed():
    maps, places = torch.zeros(1, 1, 4, 4), torch.zeros(0, 3).long()
    with pytest.raises(RefineMaskError, match="height must be from 1 to 4096, got 0"):
        gather_tiles(maps, places, (0, 2))
    with pytest.raises(RefineMaskError, match="margin must be from 0 to 4096, got -1"):
        gather_tiles(maps, places, (2, 2), margin=-1)
    with pytest.raises(RefineMaskError, match="dilation must be from 1 to 4096, got 0"):
        conv_at_places(maps, places, torch.zeros(1, 1, 3, 3), torch.zeros(1), 0)
