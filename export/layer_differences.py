"""Find the first layer where two runs of a detector part.

Until the proposals, the tensors of two runs are compared value by value. From there on each row
belongs to an RoI, and two runs may have their RoIs in another order, or one that the other lacks,
where a comparison was a near tie (architecture 6.1). So rows are compared of RoIs that are the same
in both, and a few that are missing or differ do not count as parting.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinemask.export.layers import LAYERS
from refinemask.export.tolerances import (
    BOX_TOLERANCE,
    MAP_TOLERANCE,
    NEAR_TIE_DETECTIONS,
    NEAR_TIE_PIXELS,
    PROBABILITY_TOLERANCE,
    ROI_TOLERANCE,
    SCORE_TOLERANCE,
)
from refinemask.printable import aligned

Tensors = Mapping[str, NDArray[Any]]
"""Layers by name, as `layers` describes them; of the outputs, the `scores` (N,) and `masks`
(N, M, M) of the detections, and their `labels` (N,)."""

_ROIS = {
    "proposals": ("proposals", "class_logits", "box_deltas"),
    "detections": ("detections", "scores", "masks"),
}
"""Layers by the RoIs that their rows belong to; so do the mask logits, to the detections."""
_ABSOLUTE = {
    "proposals": BOX_TOLERANCE,
    "detections": BOX_TOLERANCE,
    "scores": SCORE_TOLERANCE,
    "masks": PROBABILITY_TOLERANCE,
}
"""Tolerances of the gate; of the other layers it is relative."""
SAME_ROI = 1.0
"""Pixels between the corners of two RoIs that are taken for the same."""


@dataclass(frozen=True)
class LayerDifference:
    """How far two runs are from each other in one layer, over all images."""

    layer: str
    largest: float
    """Largest absolute difference of a value; NaN if one run alone has NaN or Inf somewhere."""
    relative: float
    """That, over the largest magnitude of the layer in the first run."""
    compared: int
    """Rows of RoIs that both runs have; of other layers, values."""
    differing: int
    """Those of them that differ by more than the tolerance."""
    unmatched: int
    """RoIs of either run that the other lacks."""
    not_finite: tuple[int, int]
    """Values of either run that are NaN or Inf."""

    @property
    def parted(self) -> bool:
        """Whether the runs differ here by more than rounding and near ties explain."""
        allowed = NEAR_TIE_DETECTIONS * self.compared if rois_of(self.layer) else 0
        if math.isnan(self.largest) or self.unmatched > allowed:
            return True
        if self.layer in ("detections", "scores"):  # the gate excuses no difference of these
            return self.differing > 0
        return self.differing + self.unmatched > allowed

    def to_dict(self) -> dict[str, Any]:
        """Return the figures and `parted` as JSON values; null stands for what is not finite."""
        numbers = {name: None if value != value else value for name, value in vars(self).items()}
        return numbers | {"parted": self.parted}


def rois_of(layer: str) -> str | None:
    """Return the layer of the RoIs that the rows of a layer belong to, None if it has no rows."""
    if layer.startswith("mask_logits"):
        return "detections"
    return next((rois for rois, layers in _ROIS.items() if layer in layers), None)


def first_parted(differences: Iterable[LayerDifference]) -> str | None:
    """Return the first layer in which the runs part, None if there is none."""
    return next((one.layer for one in differences if one.parted), None)


def compare_layers(first: Tensors, second: Tensors) -> list[LayerDifference]:
    """Compare the layers that two runs on the same image have, in the order of `LAYERS`."""
    pairs = {rois: _pairs(rois, first, second) for rois in _ROIS if rois in first}
    return [
        _difference(layer, first[layer], second[layer], pairs.get(rois_of(layer) or ""))
        for layer in LAYERS
        if layer in first and layer in second
    ]


def joined_differences(images: Iterable[list[LayerDifference]]) -> list[LayerDifference]:
    """Join the differences of several images, layer by layer."""
    return [_joined(parts) for parts in zip(*images, strict=True)]


def _joined(parts: tuple[LayerDifference, ...]) -> LayerDifference:
    return LayerDifference(
        parts[0].layer,
        float(np.max([part.largest for part in parts])),
        float(np.max([part.relative for part in parts])),
        sum(part.compared for part in parts),
        sum(part.differing for part in parts),
        sum(part.unmatched for part in parts),
        (sum(part.not_finite[0] for part in parts), sum(part.not_finite[1] for part in parts)),
    )


def _pairs(rois: str, first: Tensors, second: Tensors) -> NDArray[np.int64]:
    """Pair the RoIs (P, 2) of two runs: those in the same row, then those nearest to each other."""
    mine, theirs = first[rois].astype(np.float64), second[rois].astype(np.float64)
    if rois == "detections" and "labels" in first:
        mine = np.column_stack((mine, first["labels"]))
        theirs = np.column_stack((theirs, second["labels"]))
    common = min(len(mine), len(theirs))
    in_place = np.zeros(max(len(mine), len(theirs)), bool)
    in_place[:common] = _distance(mine[:common], theirs[:common]) <= SAME_ROI
    left, right = (np.flatnonzero(~in_place[: len(side)]) for side in (mine, theirs))
    pairs = [np.column_stack([np.flatnonzero(in_place)] * 2)]
    if len(left) and len(right):
        apart = _distance(mine[left][:, None], theirs[right])
        nearest = apart.argmin(1)
        mutual = apart[:, nearest].argmin(0) == np.arange(len(left))
        mutual &= apart[np.arange(len(left)), nearest] <= SAME_ROI
        pairs.append(np.column_stack((left[mutual], right[nearest[mutual]])))
    return np.concatenate(pairs)


def _distance(rois: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the pixels between corners; infinitely many in another image or of another label."""
    apart = np.abs(rois[..., 1:5] - others[..., 1:5]).max(-1, initial=0.0)
    same = (rois[..., :1] == others[..., :1]).all(-1) & (rois[..., 5:] == others[..., 5:]).all(-1)
    return np.where(same, apart, np.inf)


def _difference(
    layer: str,
    first: NDArray[Any],
    second: NDArray[Any],
    pairs: NDArray[np.int64] | None,
) -> LayerDifference:
    not_finite = _not_finite(first), _not_finite(second)
    magnitude = float(np.abs(first).max(initial=0.0, where=np.isfinite(first)))
    unmatched = 0
    if pairs is not None:
        unmatched = len(first) + len(second) - 2 * len(pairs)
        first, second = first[pairs[:, 0]], second[pairs[:, 1]]
    with np.errstate(invalid="ignore"):  # Inf - Inf
        apart = np.abs(first - second)
    apart[(first == second) | (np.isnan(first) & np.isnan(second))] = 0
    relative = MAP_TOLERANCE if pairs is None else ROI_TOLERANCE
    differs = ~(apart <= _ABSOLUTE.get(layer, relative * magnitude))
    if pairs is not None:
        allowed = NEAR_TIE_PIXELS * math.prod(differs.shape[1:]) if layer == "masks" else 0
        differs = differs.sum(tuple(range(1, differs.ndim))) > allowed
    largest = float(apart.max(initial=0.0))
    largest = largest if math.isfinite(largest) else math.nan
    share = largest / magnitude if magnitude else 0.0
    return LayerDifference(
        layer, largest, share, differs.size, int(differs.sum()), unmatched, not_finite
    )


def _not_finite(values: NDArray[Any]) -> int:
    return int(values.size - np.isfinite(values).sum())


def layer_lines(differences: Iterable[LayerDifference]) -> list[str]:
    """Return a table of layers as lines."""
    rows = [["layer", "largest", "relative", "compared", "differing", "unmatched", "NaN or Inf"]]
    for one in differences:
        bad = " / ".join(map(str, one.not_finite)) if any(one.not_finite) else "0"
        counts = [str(value) for value in (one.compared, one.differing, one.unmatched)]
        rows.append([one.layer, f"{one.largest:.3g}", f"{one.relative:.3g}", *counts, bad])
    return aligned(rows)
