"""Compute the semantic features of P2 only in tiles where RoIs are.

What the mask head reads of the semantic maps lies inside its RoIs and, by interpolation, up to two
pixels around. The last of the 3x3 convolutions is needed there, the one before one pixel further
out, and so on. P2 is divided into tiles; each convolution computes those that hold a pixel which it
is needed at, each as an image of its own with the ring of pixels around that it reaches:

    map = scatter(relu(conv(gather(map))))

Where a tile ends, its neighbour is computed as well or not needed, so that what is read is the same
as before. The rest of the maps is zero. The 1x1 convolutions that follow stay in tiles.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from refinemask.export.passes.late_head import LateHead
from refinemask.export.passes.late_simple_head import LateSimpleHead
from refinemask.models import Detector
from refinemask.models.fpn import STRIDES
from refinemask.models.layers import ConvReLU
from refinemask.models.refine_mask_head import fine_maps
from refinemask.ops.places import gather_tiles, nonzero_places, scatter_tiles

TILE = (8, 16)
"""Rows and columns of P2. Smaller ones fit RoIs better, larger ones have less of a ring."""


def semantic_tiles(model: Detector) -> int:
    """Rewrite the mask head of a model in place; return the number of convolutions in tiles."""
    head = model.roi_head.mask_head
    if isinstance(head, LateHead):
        model.roi_head.mask_head = TiledHead(head)
    elif isinstance(head, LateSimpleHead):
        model.roi_head.mask_head = TiledSimpleHead(head)
    else:
        return 0
    return len(head.semantic_convs)


class TiledHead(LateHead):
    """The same head with its parameters, its semantic maps computed in tiles."""

    def __init__(self, head: LateHead) -> None:
        nn.Module.__init__(self)
        self.__dict__.update(head.__dict__)

    def semantic_maps(self, p2: Tensor, rois: Tensor) -> tuple[list[Tensor], Tensor]:
        tiles, back = _in_tiles(self.semantic_convs, p2, rois)
        fine = [back(maps) for maps in fine_maps(self.stages, tiles)]
        return fine, back(self.semantic_logits(tiles))


class TiledSimpleHead(LateSimpleHead):
    """The same for the "faster-better" head."""

    def __init__(self, head: LateSimpleHead) -> None:
        nn.Module.__init__(self)
        self.__dict__.update(head.__dict__)

    def semantic_maps(self, p2: Tensor, rois: Tensor) -> list[Tensor]:
        tiles, back = _in_tiles(self.semantic_convs, p2, rois)
        return [back(maps) for maps in fine_maps(self.stages, tiles)]


def _in_tiles(
    convs: nn.Sequential, p2: Tensor, rois: Tensor
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Apply 3x3 convolutions where RoIs need them.

    Returns:
        The features of the tiles (T, C, *TILE), and what makes maps of values in these tiles.
    """
    maps = p2
    for after, conv in reversed(list(enumerate(reversed(convs)))):
        assert isinstance(conv, ConvReLU)
        places = nonzero_places(needed_tiles(rois, p2, margin=after))
        around = gather_tiles(maps, places, TILE, margin=1)
        weight, bias = conv.conv.weight, conv.conv.bias
        tiles = torch.relu(nn.functional.conv2d(around, weight, bias))
        if after:
            maps = scatter_tiles(tiles, places, p2)
    return tiles, lambda values: scatter_tiles(values, places, p2)


def needed_tiles(rois: Tensor, p2: Tensor, margin: int) -> Tensor:
    """Count the RoIs that need each tile; the first tile counts as needed, so that there is one.

    RoIAlign reads at most one pixel beyond the cells that a RoI touches, whether pixels are aligned
    or RoIs are taken as one cell wide.

    Args:
        rois: float32 (K, 5).
        p2: (B, C, H, W).
        margin: pixels around that are needed as well.

    Returns:
        float32 (B, H / TILE[0], W / TILE[1]), rounded up.
    """
    rois = torch.cat((rois.new_zeros((1, 5)), rois)).float()
    cells = rois[:, 1:] / STRIDES[0]
    first = cells[:, :2].floor() - (1 + margin)
    last = torch.maximum(cells[:, 2:], cells[:, :2] + 1).floor() + (1 + margin)
    columns, rows = (
        _touched(first[:, axis], last[:, axis], p2.shape[3 - axis], TILE[1 - axis])
        for axis in (0, 1)
    )
    images = torch.arange(p2.shape[0], device=rois.device)
    of_image = (rois[:, 0] == images[:, None]).float()
    return (of_image[:, None, :] * rows.t()) @ columns


def _touched(first: Tensor, last: Tensor, length: int, tile: int) -> Tensor:
    """Return float32 (K, tiles): 1 for the tiles of an axis between two pixels of it."""
    begins = torch.arange((length + tile - 1) // tile, device=first.device) * tile
    return ((begins + (tile - 1) >= first[:, None]) & (begins <= last[:, None])).float()
