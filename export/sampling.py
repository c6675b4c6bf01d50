"""A fixed number of samples of RoIAlign, where a model adapts it to the size of each RoI."""

import copy
import dataclasses

from refinemask.errors import RefineMaskError
from refinemask.models import Detector
from refinemask.models.roi_pooler import RoIPooler

DEFAULT_SAMPLING_RATIO = 2
"""Samples per bin and axis; torchvision and detectron2 have trained with as many."""


def fixed_sampling_ratio(form: str, ratio: int | None) -> int | None:
    """Return the fixed number of samples that a form has: the one asked for, or the default.

    Raises:
        RefineMaskError: one is asked for, and the form is not static.
    """
    if form == "static":
        return ratio or DEFAULT_SAMPLING_RATIO
    if ratio is not None:
        raise RefineMaskError(f"only the form static has a sampling ratio, got {ratio} for {form}")
    return None


def with_sampling_ratio(model: Detector, ratio: int | None) -> Detector:
    """Return the model with a fixed number of samples.

    Args:
        model: those of its poolers that have a fixed number keep it.
        ratio: samples per bin and axis of the others; None changes nothing.

    Returns:
        A copy that shares all parameters with the model, or the model itself.
    """
    if ratio is None:
        return model
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    changed = copy.deepcopy(model, shared)
    for module in changed.modules():
        pool = getattr(module, "pool", None)
        if isinstance(pool, RoIPooler) and not pool.conventions.sampling_ratio:
            conventions = dataclasses.replace(pool.conventions, sampling_ratio=ratio)
            module.pool = dataclasses.replace(pool, conventions=conventions)  # type: ignore[assignment]
    return changed
