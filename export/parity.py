"""The parity gate: whether an artifact gives the numbers of its PyTorch model (DESIGN 3)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from refinemask.errors import RefineMaskError
from refinemask.inference.pasting import paste_mask
from refinemask.inference.processing import Prepared
from refinemask.inference.structures import RawArrays

MIN_DETECTIONS = 5
"""With fewer reference detections in all, the gate decides nothing and says so."""
MATCH_IOU = 0.99
"""Detections are the same if label and image agree, and their boxes overlap by more than this."""
BOX_TOLERANCE = 2e-3
"""Pixels of the resized image."""
SCORE_TOLERANCE = 5e-5
PROBABILITY_TOLERANCE = 1e-3
PROBABILITY_SHARE = 0.9999
"""Share of mask pixels, of all detections together, that keep to the probability's tolerance."""
MASK_IOU = 0.999
"""Mean over the masks, pasted into the original image: a single pixel is more than this of a small
mask."""


@dataclass(frozen=True)
class Figure:
    """One line of the gate."""

    name: str
    """The attribute of `ParityReport`."""
    title: str
    relation: Literal["<=", ">=", ">"] = "<="
    allowed: float | None = None
    """None where the figure is shown but decides nothing."""

    @property
    def limit(self) -> str:
        """What is allowed, as text; empty where the figure decides nothing."""
        return "" if self.allowed is None else f"{self.relation} {self.allowed:g}"

    def holds(self, measured: float) -> bool:
        """Whether a value passes; NaN does not."""
        if self.allowed is None:
            return True
        if self.relation == "<=":
            return measured <= self.allowed
        return measured > self.allowed or (self.relation == ">=" and measured == self.allowed)


GATE = (
    Figure("unmatched", "unmatched detections", "<=", 0),
    Figure("box_difference", "box difference (px)", "<=", BOX_TOLERANCE),
    Figure("score_difference", "score difference", "<=", SCORE_TOLERANCE),
    Figure("probability_difference", "mask probability difference"),
    Figure("probability_share", "mask probabilities within 1e-3", ">=", PROBABILITY_SHARE),
    Figure("mask_iou", "mean IoU of pasted masks", ">", MASK_IOU),
    Figure("smallest_mask_iou", "smallest IoU of pasted masks"),
)


@dataclass(frozen=True)
class ParityReport:
    """How far the detections of an artifact are from those of its model."""

    images: int
    detections: int
    """Of the model, the reference, over all images."""
    unmatched: int = 0
    """Detections of either side without a partner."""
    box_difference: float = 0.0
    """Largest difference of a coordinate, in pixels of the resized image."""
    score_difference: float = 0.0
    """Largest difference of a score."""
    probability_difference: float = 0.0
    """Largest difference of a mask probability: up to 1 where the boundary-aware refinement, which
    is a decision, falls the other way."""
    probability_share: float = 1.0
    """Share of the mask probabilities inside the boxes within the tolerance."""
    mask_iou: float = 1.0
    """Mean IoU of the masks of matched detections, pasted into the original image."""
    smallest_mask_iou: float = 1.0
    """Smallest of them."""

    @property
    def passed(self) -> bool:
        """Whether every figure keeps to its tolerance."""
        return all(figure.holds(getattr(self, figure.name)) for figure in GATE)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures and `passed` as JSON values; null stands for what is not finite."""
        figures = {name: _json_number(value) for name, value in vars(self).items()}
        return figures | {"passed": self.passed}

    def table(self) -> str:
        """Return the gate as text: figure, measured, allowed, verdict."""
        rows = [("figure", "measured", "allowed", "verdict")]
        for figure in GATE:
            measured = getattr(self, figure.name)
            verdict = ("passed" if figure.holds(measured) else "FAILED") if figure.limit else ""
            rows.append((figure.title, f"{measured:.6g}", figure.limit, verdict))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        return "\n".join([*lines, f"compared with PyTorch: {_counted(self)}"])


def _counted(report: ParityReport) -> str:
    plural = "" if report.images == 1 else "s"
    return f"{report.detections} detections in {report.images} image{plural}"


def _json_number(value: float) -> float | None:
    return value if np.isfinite(value) else None


@dataclass(frozen=True)
class Comparison:
    """The figures of one image; `ParityReport` has the meaning of each."""

    detections: int
    unmatched: int
    box_difference: float
    score_difference: float
    probability_difference: float
    pixels: int
    """Mask probabilities compared."""
    pixels_within: int
    """Those within the tolerance."""
    mask_ious: tuple[float, ...]
    """Of the masks of matched detections."""


def compare(reference: RawArrays, outputs: RawArrays, prepared: Prepared) -> Comparison:
    """Compare the outputs of an artifact for one image with those of the model.

    Args:
        reference: what the model returned for a batch of this image.
        outputs: what the artifact returned.
        prepared: the image that both got.
    """
    pairs = match(reference, outputs)
    mine, theirs = pairs[:, 0], pairs[:, 1]

    def difference(name: str) -> NDArray[np.float64]:
        expected, found = getattr(reference, name)[mine], getattr(outputs, name)[theirs]
        return np.abs(expected.astype(np.float64) - found)

    probabilities = difference("masks")
    return Comparison(
        detections=len(reference.scores),
        unmatched=len(reference.scores) + len(outputs.scores) - 2 * len(pairs),
        box_difference=difference("boxes").max(initial=0.0),
        score_difference=difference("scores").max(initial=0.0),
        probability_difference=probabilities.max(initial=0.0),
        pixels=probabilities.size,
        pixels_within=int((probabilities <= PROBABILITY_TOLERANCE).sum()),
        mask_ious=tuple(_pasted_iou(reference, outputs, prepared, *pair) for pair in pairs),
    )


def summarise(comparisons: Iterable[Comparison]) -> ParityReport:
    """Join the figures of several images.

    Raises:
        RefineMaskError: the model detected too little to decide anything.
    """
    parts = list(comparisons)
    pixels = sum(part.pixels for part in parts)
    ious = [iou for part in parts for iou in part.mask_ious]
    report = ParityReport(
        images=len(parts),
        detections=sum(part.detections for part in parts),
        unmatched=sum(part.unmatched for part in parts),
        box_difference=_largest(part.box_difference for part in parts),
        score_difference=_largest(part.score_difference for part in parts),
        probability_difference=_largest(part.probability_difference for part in parts),
        probability_share=sum(part.pixels_within for part in parts) / pixels if pixels else 1.0,
        mask_iou=float(np.mean(ious)) if ious else 1.0,
        smallest_mask_iou=min(ious, default=1.0),
    )
    if report.detections < MIN_DETECTIONS:
        raise RefineMaskError(
            f"{_counted(report)} of the model, and parity needs at least {MIN_DETECTIONS}; give "
            "photographs that show its classes (refinemask-export --image, refinemask verify "
            "--images)"
        )
    return report


def _largest(values: Iterable[float]) -> float:
    return float(np.max([0.0, *values]))


def match(reference: RawArrays, outputs: RawArrays) -> NDArray[np.int64]:
    """Pair detections one to one: same image, same label, IoU above `MATCH_IOU`.

    Boxes whose corners keep to the tolerance match as well: a box much thinner than a pixel has no
    IoU to speak of.

    Returns:
        int64 (P, 2): indices into reference and outputs.
    """
    boxes, others = reference.boxes.astype(np.float64), outputs.boxes.astype(np.float64)
    same = _equal(reference.labels, outputs.labels)
    same &= _equal(reference.image_index, outputs.image_index)
    near = np.abs(boxes[:, None] - others).max(2, initial=0.0) <= BOX_TOLERANCE
    overlap = np.where(same, np.where(near, 1.0, _box_iou(boxes, others)), 0.0)
    pairs = []
    for index in range(len(overlap)):
        best = int(overlap[index].argmax()) if overlap.shape[1] else -1
        if best >= 0 and overlap[index, best] > MATCH_IOU:
            pairs.append((index, best))
            overlap[:, best] = 0.0
    return np.array(pairs, np.int64).reshape(-1, 2)


def _equal(values: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
    return values[:, None] == others


def _box_iou(boxes: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    low = np.maximum(boxes[:, None, :2], others[:, :2])
    high = np.minimum(boxes[:, None, 2:], others[:, 2:])
    overlap = (high - low).clip(0).prod(2)
    union = _area(boxes)[:, None] + _area(others) - overlap
    return np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)


def _area(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return (boxes[:, 2:] - boxes[:, :2]).prod(1)


def _pasted_iou(
    reference: RawArrays, outputs: RawArrays, prepared: Prepared, mine: int, theirs: int
) -> float:
    """Return the IoU of two masks in the original image, 1 if both are empty there."""

    def pasted(values: RawArrays, index: int) -> NDArray[np.bool_]:
        box = values.boxes[index] / prepared.scale_factor
        return paste_mask(values.masks[index], box, *prepared.original_size)

    first, second = pasted(reference, mine), pasted(outputs, theirs)
    union = (first | second).sum()
    return float((first & second).sum() / union) if union else 1.0
