"""Mask values that the boundary-aware refinement may give within rounding.

The refinement (RefineMask, Sec. 3.3) keeps the enlarged coarse mask away from its outline and takes
the finer stage near it. Which pixels are near the outline follows from the signs of the coarse
logits, so a logit close to 0 may turn the values of the pixels around it into others, which are
both right.

Nothing else in the refinement is a near tie. A pixel belongs to the boundary if a share of the
(2 w + 1)^2 window exceeds 0.1, and no such share is near 0.1. The map of what is kept, 0 or 1 at
size S, is resized to 2 S with corners in place and compared with 0.5. Its weights on either axis
are multiples of 1 / (2 S - 1), so the resized values are multiples of 1 / (2 S - 1)^2. As 2 S - 1
is odd, none of these is closer to 0.5 than half a step, which is 4e-5 for S = 56.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from refinemask.export.tolerances import LOGIT_MARGIN, PROBABILITY_TOLERANCE
from refinemask.ops.boundary_refine import resize_aligned

BOUNDARY_WIDTH = 1
"""Of the refinement at inference, in pixels of the coarser stage."""


def explained_by_near_ties(stages: Sequence[Tensor], probabilities: Tensor) -> Tensor:
    """Find the pixels that equal an outcome of the refinement within rounding.

    Args:
        stages: logits (K, 1, S, S) of the reference for S in 14, 28, 56, 112, before refinement.
        probabilities: (K, 1, 112, 112) to explain.

    Returns:
        bool (K, 1, 112, 112).
    """
    explained = torch.zeros_like(probabilities, dtype=torch.bool)
    for logits, allowed in allowed_outcomes(*stages[1:]):
        near = (logits.sigmoid() - probabilities).abs() <= PROBABILITY_TOLERANCE
        explained |= near & allowed
    return explained


def allowed_outcomes(coarse: Tensor, half: Tensor, fine: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield logits (K, 1, 4S, 4S), each with a bool map of where they are a possible outcome.

    Args:
        coarse: logits (K, 1, S, S).
        half: (K, 1, 2S, 2S).
        fine: (K, 1, 4S, 4S).
    """
    certain, possible = keep_range(coarse, coarse)
    enlarged = resize_aligned(coarse, half.shape[-1])
    # Each pixel of the half-size result has one of these two values.
    first, second = torch.where(certain, enlarged, half), torch.where(possible, enlarged, half)
    certain, possible = keep_range(torch.minimum(first, second), torch.maximum(first, second))
    yield fine, ~certain
    for source in _combinations(first, second):
        yield resize_aligned(source, fine.shape[-1]), possible


def _combinations(first: Tensor, second: Tensor) -> Iterator[Tensor]:
    """Yield maps in which every 2x2 block has each combination of the values of two maps.

    The four sources of a bilinear interpolation differ in the parity of their row or column, so
    choosing for each parity gives every combination to every pixel.
    """
    parity = torch.arange(first.shape[-1], device=first.device) % 2
    place = 2 * parity[:, None] + parity
    yield first
    if torch.equal(first, second):
        return
    for choice in range(1, 16):
        yield torch.where((choice >> place) % 2 == 1, second, first)


def keep_range(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Return where the enlarged coarse mask is kept for certain, and where it may be.

    Args:
        low: smallest logits (K, 1, S, S) that the coarse mask may have.
        high: the largest.

    Returns:
        Two bool maps (K, 1, 2S, 2S).
    """
    inside, maybe_inside = low >= LOGIT_MARGIN, high > -LOGIT_MARGIN
    tie = maybe_inside & ~inside
    least, most = _count(inside), _count(maybe_inside)
    allowed = 0.1 * (2 * BOUNDARY_WIDTH + 1) ** 2  # pixels of the other value, of a window
    total = (2 * BOUNDARY_WIDTH + 1) ** 2
    # As foreground, a pixel counts itself; as background, it does not.
    certain = (~maybe_inside | (total - least - tie.float() <= allowed)) & (
        inside | (most - tie.float() <= allowed)
    )
    possible = (maybe_inside & (total - most <= allowed)) | (~inside & (least <= allowed))
    return _enlarged(certain), _enlarged(possible)


def _enlarged(interior: Tensor) -> Tensor:
    return resize_aligned(interior.float(), 2 * interior.shape[-1]) >= 0.5


def _count(mask: Tensor) -> Tensor:
    side = 2 * BOUNDARY_WIDTH + 1
    window = torch.ones((1, 1, side, side), device=mask.device)
    return F.conv2d(mask.float(), window, padding=BOUNDARY_WIDTH)
