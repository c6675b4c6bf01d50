"""Rewrites that make a detector cheaper and change its numbers by rounding only.

They are made in a copy of the model, before it is traced, and training never sees them. Each has a
file of its own, which says why the numbers stay the same.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from refinemask.export.options import Optimize
from refinemask.export.passes.boundary_band import boundary_band
from refinemask.export.passes.fold_scale import fold_scale
from refinemask.export.passes.late_upsampling import late_upsampling
from refinemask.export.passes.semantic_tiles import semantic_tiles
from refinemask.models import Detector
from refinemask.models.complexity import mask_head_multiply_adds
from refinemask.models.fold_norms import fold_norms
from refinemask.models.shared_copy import shared_copy

PASSES: dict[str, Callable[[Detector], int]] = {
    "fold_norms": fold_norms,
    "fold_scale": fold_scale,
    "late_upsampling": late_upsampling,
}
"""In the order in which they are applied: each rewrites a model in place, and returns how often."""
SPARSE_PASSES: dict[str, Callable[[Detector], int]] = {
    "semantic_tiles": semantic_tiles,
    "boundary_band": boundary_band,
}
"""Applied after these in forms that have `ops.places`."""
_INCOMPLETE = {"semantic_tiles": "semantic_logits", "boundary_band": "mask_logits_112"}
"""Layers (`export.layers`) of which the passes compute a part only."""


class Rewrite(NamedTuple):
    """What a pass has done.

    Attributes:
        name: of the pass.
        matches: how often it found what it rewrites.
        saved: multiply-adds of the mask head that are no longer necessary for 100 RoIs of an image
            of 800x1344; None where it depends on the image.
    """

    name: str
    matches: int
    saved: int | None

    def __str__(self) -> str:
        text = f"{self.name}: {self.matches} rewritten"
        if self.saved is None:
            return f"{text}, what it saves depends on the image"
        return f"{text}, {self.saved / 1e9:.2f} G multiply-adds less" if self.saved else text


def incomplete_layers(rewrites: Iterable[Rewrite]) -> set[str]:
    """Return the layers of which a rewritten model computes a part only."""
    matched = {rewrite.name for rewrite in rewrites if rewrite.matches}
    return {layer for name, layer in _INCOMPLETE.items() if name in matched}


def rewritten(
    model: Detector,
    optimize: Optimize = "all",
    normalized_input: bool = False,
    sparse: bool = False,
) -> tuple[Detector, list[Rewrite]]:
    """Return a copy of a model in evaluation mode after the passes, and what they did.

    The copy shares with the model what no pass changes. With "none" batch norms are folded alone,
    as tracing them would take longer than all else.

    Args:
        model: of which the copy is made.
        optimize: which passes are applied.
        normalized_input: whether the copy is given images whose pixels are divided already.
        sparse: whether the form has `ops.places`.
    """
    changed = shared_copy(model)
    passes = PASSES if optimize == "all" else {"fold_norms": fold_norms}
    if normalized_input:
        passes = {name: rewrite for name, rewrite in passes.items() if name != "fold_scale"}
    rewrites = []
    before = mask_head_multiply_adds(changed)
    for name, rewrite in passes.items():
        matches = rewrite(changed)
        after = mask_head_multiply_adds(changed) if matches else before
        rewrites.append(Rewrite(name, matches, before - after))
        before = after
    if sparse and optimize == "all":
        for name, rewrite in SPARSE_PASSES.items():
            matches = rewrite(changed)
            rewrites.append(Rewrite(name, matches, None if matches else 0))
    return changed, rewrites
