"""Boundary regions of masks, and the boundary-aware refinement (RefineMask, Sec. 3.3)."""

import torch
from torch import Tensor
from torch.nn import functional as F

from refinemask.errors import RefineMaskError
from refinemask.ops.compiled import chosen

MAX_WIDTH = 64
"""Widest boundary, in coarse pixels; the other hosts have the same limit (plugins/operators)."""


def boundary_region(mask: Tensor, width: int) -> Tensor:
    """Mark the pixels near the outline of a mask (numerics 8.1).

    A pixel belongs to the boundary if more than a tenth of the (2 * width + 1)^2 window around it
    has the other value; what lies outside the map counts as background.

    Args:
        mask: bool (N, 1, S, S).
        width: pixels on either side of the outline.

    Returns:
        bool (N, 1, S, S).
    """
    size = 2 * width + 1
    # Not avg_pool2d, which some runtimes of exported graphs refuse for N = 0.
    window = torch.ones((1, 1, size, size), dtype=torch.float32, device=mask.device)
    foreground = F.conv2d(mask.float(), window, padding=width) / size**2
    return torch.where(mask, foreground - 1, foreground).abs() > 0.1


def resize_aligned(maps: Tensor, size: int) -> Tensor:
    """Resize (N, C, S, S) maps bilinearly to `size`, their corner pixels staying in place."""
    return F.interpolate(maps, size=(size, size), mode="bilinear", align_corners=True)


def boundary_refine(coarse_logits: Tensor, fine_logits: Tensor, width: int = 1) -> Tensor:
    """Take the fine stage near the boundary of the coarse mask, the coarse stage elsewhere.

    Args:
        coarse_logits: (N, 1, S, S) refined logits of the previous stage.
        fine_logits: (N, 1, 2S, 2S) logits of the next stage.
        width: width of the boundary in coarse pixels.

    Returns:
        (N, 1, 2S, 2S) logits (numerics 8.2), in the dtype of `fine_logits`; decisions and sums are
        float32 at least.

    Raises:
        RefineMaskError: the width is not from 1 to `MAX_WIDTH`.
    """
    if not 1 <= width <= MAX_WIDTH:
        raise RefineMaskError(f"the boundary width must be from 1 to {MAX_WIDTH}, got {width}")
    if torch.compiler.is_exporting():
        return _exported(coarse_logits, fine_logits, width)
    if (operators := chosen(fine_logits)) is not None:
        return operators.boundary_refine(coarse_logits, fine_logits, width)
    return _reference(coarse_logits, fine_logits, width)


def _reference(coarse_logits: Tensor, fine_logits: Tensor, width: int) -> Tensor:
    size = fine_logits.shape[-1]
    interior = ~boundary_region(coarse_logits >= 0, width)
    exact = torch.promote_types(coarse_logits.dtype, torch.float32)
    keep = resize_aligned(interior.to(exact), size) >= 0.5
    enlarged = resize_aligned(coarse_logits.to(exact), size).to(fine_logits.dtype)
    return torch.where(keep, enlarged, fine_logits)


@torch.library.custom_op("refinemask::boundary_refine", mutates_args=())
def _exported(coarse_logits: Tensor, fine_logits: Tensor, width: int) -> Tensor:
    """Appear as one node in an exported program, for the export to translate."""
    return _reference(coarse_logits, fine_logits, width)


@_exported.register_fake
def _(coarse_logits: Tensor, fine_logits: Tensor, width: int) -> Tensor:
    return torch.empty_like(fine_logits)
