"""Compute only where it shows: find places in maps, and work on these alone.

A convolution whose outputs are needed in a part of its maps takes tiles of its input, as a batch,
each with the pixels around it that the kernel reaches. Where single pixels are needed,
`conv_at_places` is the convolution itself.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from refinemask.errors import RefineMaskError
from refinemask.ops.compiled import chosen

MAX_TILE_SIDE = 4096
"""Pixels of a tile, a margin or a dilation; the other hosts have the same limits."""
MAX_KERNEL_SIDE = 31


def nonzero_places(mask: Tensor) -> Tensor:
    """Find where a mask is not zero.

    Args:
        mask: float32 (B, H, W).

    Returns:
        int64 (T, 3): map, row and column of each place, in row-major order.
    """
    if torch.compiler.is_exporting():
        return _exported_places(mask)
    if (operators := chosen(mask)) is not None:
        return operators.nonzero_places(mask)
    return torch.nonzero(mask)


def gather_tiles(maps: Tensor, places: Tensor, size: tuple[int, int], margin: int = 0) -> Tensor:
    """Cut tiles out of maps, with the pixels around them; those outside of a map are zero.

    Args:
        maps: (B, C, H, W).
        places: int64 (T, 3), map, row and column of each tile; row r and column c begin at the
            pixels r * size[0] and c * size[1]. What is outside of the maps is zero, no error.
        size: height and width of a tile.
        margin: pixels on each side that are cut out with it.

    Returns:
        (T, C, size[0] + 2 * margin, size[1] + 2 * margin) in the dtype of the maps.

    Raises:
        RefineMaskError: one of the integers is not allowed.
    """
    height, width = size
    _check("height", height, 1)
    _check("width", width, 1)
    _check("margin", margin, 0)
    if torch.compiler.is_exporting():
        return _exported_gather(maps, places, height, width, margin)
    if (operators := chosen(maps)) is not None:
        return operators.gather_tiles(maps, places, height, width, margin)
    return _gather(maps, places, height, width, margin)


def scatter_tiles(tiles: Tensor, places: Tensor, like: Tensor) -> Tensor:
    """Put tiles into maps that are zero elsewhere.

    Args:
        tiles: (T, C, h, w).
        places: int64 (T, 3), as those of `gather_tiles`, each of them once; what lies outside of
            the maps is dropped.
        like: (B, any, H, W), of which only the shape is read.

    Returns:
        (B, C, H, W) in the dtype of the tiles.
    """
    if torch.compiler.is_exporting():
        return _exported_scatter(tiles, places, like)
    if (operators := chosen(tiles)) is not None:
        return operators.scatter_tiles(tiles, places, like)
    return _scatter(tiles, places, like)


def conv_at_places(
    maps: Tensor, places: Tensor, weight: Tensor, bias: Tensor, dilation: int = 1
) -> Tensor:
    """Compute a convolution that keeps the size of its maps, at some of their pixels only.

    Args:
        maps: (B, C, H, W).
        places: int64 (T, 3), map, row and column of each pixel; a map that there is not counts as
            one of zeros.
        weight: (O, C, k, k), k odd and at most `MAX_KERNEL_SIDE`.
        bias: (O,).
        dilation: pixels of the map between neighbours in the kernel.

    Returns:
        (T, O) in the dtype of the maps; sums are float32 at least.

    Raises:
        RefineMaskError: the dilation is not allowed.
    """
    _check("dilation", dilation, 1)
    if torch.compiler.is_exporting():
        return _exported_conv(maps, places, weight, bias, dilation)
    if (operators := chosen(maps)) is not None:
        return operators.conv_at_places(maps, places, weight, bias, dilation)
    return _conv(maps, places, weight, bias, dilation)


def _check(name: str, value: int, least: int) -> None:
    if not least <= value <= MAX_TILE_SIDE:
        raise RefineMaskError(f"{name} must be from {least} to {MAX_TILE_SIDE}, got {value}")


def _gather(maps: Tensor, places: Tensor, height: int, width: int, margin: int) -> Tensor:
    rows = places[:, 1:2] * height + _offsets(places, height + 2 * margin) - margin
    columns = places[:, 2:3] * width + _offsets(places, width + 2 * margin) - margin
    return _pixels(maps, places, rows, columns)


def _scatter(tiles: Tensor, places: Tensor, like: Tensor) -> Tensor:
    channels, height, width = tiles.shape[1:]
    rows = places[:, 1:2] * height + _offsets(places, height)
    columns = places[:, 2:3] * width + _offsets(places, width)
    index, inside = _index(places, rows, columns, like.shape)
    maps = tiles.new_zeros((like.shape[0], *like.shape[2:], channels))
    targets = tuple(part.expand_as(inside)[inside] for part in index)
    maps[targets] = tiles.permute(0, 2, 3, 1)[inside]
    return maps.permute(0, 3, 1, 2).contiguous()


def _conv(maps: Tensor, places: Tensor, weight: Tensor, bias: Tensor, dilation: int) -> Tensor:
    side = weight.shape[-1]
    around = (_offsets(places, side) - side // 2) * dilation
    pixels = _pixels(maps, places, places[:, 1:2] + around, places[:, 2:3] + around)
    exact = torch.promote_types(maps.dtype, torch.float32)
    rows, columns = (values.to(exact).flatten(1) for values in (pixels, weight))
    return F.linear(rows, columns, bias.to(exact)).to(maps.dtype)


def _offsets(places: Tensor, count: int) -> Tensor:
    return torch.arange(count, device=places.device)


def _pixels(maps: Tensor, places: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return the pixels (T, C, h, w) at rows (T, h) and columns (T, w), zero outside."""
    if not maps.numel():
        return maps.new_zeros((len(places), maps.shape[1], rows.shape[1], columns.shape[1]))
    index, inside = _index(places, rows, columns, maps.shape)
    values = maps.permute(0, 2, 3, 1)[index]
    return torch.where(inside[..., None], values, 0).permute(0, 3, 1, 2).contiguous()


def _index(
    places: Tensor, rows: Tensor, columns: Tensor, shape: torch.Size
) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
    """Return indices that are inside of maps of a shape (B, C, H, W), and which were before.

    Args:
        places: (T, 3).
        rows: (T, h) of each place.
        columns: (T, w).
        shape: of the maps.

    Returns:
        Indices of maps, rows and columns that broadcast to (T, h, w), and bool (T, h, w).
    """
    parts = (places[:, 0, None, None], rows[:, :, None], columns[:, None, :])
    lengths = (shape[0], shape[2], shape[3])
    inside = (places >= 0).all(1)[:, None, None]
    for part, length in zip(parts, lengths, strict=True):
        inside = inside & (part >= 0) & (part < length)
    maps, y, x = (
        part.clamp(0, max(length - 1, 0)) for part, length in zip(parts, lengths, strict=True)
    )
    return (maps, y, x), inside


@torch.library.custom_op("refinemask::nonzero_places", mutates_args=())
def _exported_places(mask: Tensor) -> Tensor:
    """Appear as one node in an exported program, for the export to translate; as those below."""
    return torch.nonzero(mask)


@torch.library.custom_op("refinemask::gather_tiles", mutates_args=())
def _exported_gather(maps: Tensor, places: Tensor, height: int, width: int, margin: int) -> Tensor:
    return _gather(maps, places, height, width, margin)


@torch.library.custom_op("refinemask::scatter_tiles", mutates_args=())
def _exported_scatter(tiles: Tensor, places: Tensor, like: Tensor) -> Tensor:
    return _scatter(tiles, places, like)


@torch.library.custom_op("refinemask::conv_at_places", mutates_args=())
def _exported_conv(
    maps: Tensor, places: Tensor, weight: Tensor, bias: Tensor, dilation: int
) -> Tensor:
    return _conv(maps, places, weight, bias, dilation)


@_exported_places.register_fake
def _(mask: Tensor) -> Tensor:
    count = torch.library.get_ctx().new_dynamic_size(min=0)
    return mask.new_empty((count, 3), dtype=torch.int64)


@_exported_gather.register_fake
def _(maps: Tensor, places: Tensor, height: int, width: int, margin: int) -> Tensor:
    sides = (height + 2 * margin, width + 2 * margin)
    return maps.new_empty(places.shape[0], maps.shape[1], *sides)


@_exported_scatter.register_fake
def _(tiles: Tensor, places: Tensor, like: Tensor) -> Tensor:
    return tiles.new_empty(like.shape[0], tiles.shape[1], *like.shape[2:])


@_exported_conv.register_fake
def _(maps: Tensor, places: Tensor, weight: Tensor, bias: Tensor, dilation: int) -> Tensor:
    return maps.new_empty(places.shape[0], weight.shape[0])
