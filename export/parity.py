"""The parity gate: whether an artifact gives the numbers of its PyTorch model (architecture 6)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from refinemask.configs.precisions import Precision
from refinemask.errors import RefineMaskError
from refinemask.export.comparison import Comparison
from refinemask.export.tolerances import (
    BOX_TOLERANCE,
    CONFIDENT_SCORE,
    CONFIDENT_SHARE,
    HALF_MASK_IOU,
    MASK_IOU,
    MIN_DETECTIONS,
    NEAR_TIE_DETECTIONS,
    NEAR_TIE_PIXELS,
    PROBABILITY_SHARE,
    SCORE_TOLERANCE,
)
from refinemask.printable import aligned


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
    Figure("near_tie_detections", "near ties of detections"),
    Figure("box_difference", "box difference (px)", "<=", BOX_TOLERANCE),
    Figure("score_difference", "score difference", "<=", SCORE_TOLERANCE),
    Figure("probability_difference", "mask probability difference"),
    Figure("probability_share", "mask probabilities within 1e-3", ">=", PROBABILITY_SHARE),
    Figure("near_tie_pixels", "near ties of mask pixels"),
    Figure("mask_iou", "mean IoU of pasted masks", ">", MASK_IOU),
    Figure("smallest_mask_iou", "smallest IoU of pasted masks"),
)

HALF_GATE = (
    Figure("matched_share", "confident detections matched", ">=", CONFIDENT_SHARE),
    Figure("box_difference", "box difference (px)"),
    Figure("score_difference", "score difference"),
    Figure("probability_difference", "mask probability difference"),
    Figure("probability_share", "mask probabilities within 1e-3"),
    Figure("mask_iou", "mean IoU of pasted masks", ">=", HALF_MASK_IOU),
    Figure("smallest_mask_iou", "smallest IoU of pasted masks"),
)
"""Of artifacts in half precision, whose detections with low scores are not compared."""


def gate(precision: Precision) -> tuple[Figure, ...]:
    """Return what is shown of artifacts of a precision, and what is allowed."""
    return GATE if precision == "float32" else HALF_GATE


@dataclass(frozen=True)
class ParityReport:
    """How far the detections of an artifact are from those of its model.

    Near ties are counted and take no part in the other figures.
    """

    images: int
    detections: int
    """Of the model, the reference, over all images."""
    compared: int = 0
    """Of these: all but excused ones; in half precision those that are confident."""
    empty_images: int = 0
    """Images in which the model detects nothing."""
    batched_images: int = 0
    """Images compared once more, as part of a batch."""
    unmatched: int = 0
    """Detections of either side without a partner."""
    near_tie_detections: int = 0
    """Detections of either side without a partner, where rounding decides whether they are found,
    and those whose mask differs because rounding chose another pyramid level."""
    box_difference: float = 0.0
    """Largest difference of a coordinate, in pixels of the resized image."""
    score_difference: float = 0.0
    """Largest difference of a score."""
    probability_difference: float = 0.0
    """Largest difference of a mask probability."""
    probability_share: float = 1.0
    """Share of the mask probabilities inside the boxes within the tolerance."""
    near_tie_pixels: int = 0
    """Mask pixels that differ because a boundary decision near them was a near tie."""
    mask_iou: float = 1.0
    """Mean IoU of the masks of matched detections, pasted into the original image."""
    smallest_mask_iou: float = 1.0
    """Smallest of them."""
    precision: Precision = "float32"
    """In which the artifact computes."""

    @property
    def matched_share(self) -> float:
        """Share of the compared that have a partner; one too many counts as one too few."""
        return 1 - self.unmatched / max(self.compared, 1)

    @property
    def passed(self) -> bool:
        """Whether every figure is within its tolerance."""
        return all(figure.holds(getattr(self, figure.name)) for figure in gate(self.precision))

    def to_dict(self) -> dict[str, Any]:
        """Return the figures and `passed` as JSON values; null stands for what is not finite."""
        figures = {
            name: _json_number(value) for name, value in vars(self).items() if name != "precision"
        }
        return figures | {"matched_share": self.matched_share, "passed": self.passed}

    def table(self) -> str:
        """Return the gate as text: figure, measured, allowed, verdict."""
        rows = [("figure", "measured", "allowed", "verdict")]
        for figure in gate(self.precision):
            measured = getattr(self, figure.name)
            verdict = ("passed" if figure.holds(measured) else "FAILED") if figure.limit else ""
            rows.append((figure.title, f"{measured:.6g}", figure.limit, verdict))
        return "\n".join([*aligned(rows), f"compared with PyTorch: {counted_detections(self)}"])


def counted_detections(report: ParityReport) -> str:
    """Say in how many images how many detections were compared."""
    plural = "" if report.images == 1 else "s"
    empty = f", {report.empty_images} without any" if report.empty_images else ""
    batched = f", {report.batched_images} also as a batch" if report.batched_images else ""
    return f"{report.detections} detections in {report.images} image{plural}{empty}{batched}"


def _json_number(value: float) -> float | None:
    return value if np.isfinite(value) else None


def summarise(parts: Sequence[Comparison], precision: Precision = "float32") -> ParityReport:
    """Join the figures of several images.

    Args:
        parts: the comparison of each image.
        precision: in which the artifact computes.
    """
    single = [part for part in parts if not part.batched]
    pixels = sum(part.pixels for part in parts)
    ious = [iou for part in parts for iou in part.mask_ious]
    return ParityReport(
        images=len(single),
        detections=sum(part.detections for part in single),
        compared=sum(part.compared for part in parts),
        empty_images=sum(part.detections == 0 for part in single),
        batched_images=len(parts) - len(single),
        unmatched=sum(part.unmatched for part in parts),
        near_tie_detections=sum(part.near_tie_detections for part in parts),
        box_difference=_largest(part.box_difference for part in parts),
        score_difference=_largest(part.score_difference for part in parts),
        probability_difference=_largest(part.probability_difference for part in parts),
        probability_share=sum(part.pixels_within for part in parts) / pixels if pixels else 1.0,
        near_tie_pixels=sum(part.near_tie_pixels for part in parts),
        mask_iou=float(np.mean(ious)) if ious else 1.0,
        smallest_mask_iou=min(ious, default=1.0),
        precision=precision,
    )


def check_decision(report: ParityReport, parts: Sequence[Comparison]) -> None:
    """Refuse to pass an artifact on images that decide nothing.

    Args:
        report: of all parts.
        parts: the comparison of each image.

    Raises:
        RefineMaskError: the model detected too little in all of them, or the gate passed but too
            much of what the model detected in an image differs by near ties.
    """
    if report.detections < MIN_DETECTIONS:
        raise RefineMaskError(
            f"{counted_detections(report)} of the model, and parity needs at least "
            f"{MIN_DETECTIONS}; give photographs that show its classes ({_OPTIONS})"
        )
    if report.precision != "float32" and not report.compared:
        raise RefineMaskError(
            f"the model is confident of none of its {counted_detections(report)}, and half "
            f"precision is judged by those with scores of at least {CONFIDENT_SCORE}; give "
            f"photographs that show its classes ({_OPTIONS})"
        )
    for part in parts if report.passed else ():
        for kind, ties, total, allowed in (
            ("detections", part.near_tie_detections, part.detections, NEAR_TIE_DETECTIONS),
            ("mask pixels", part.near_tie_pixels, part.pixels, NEAR_TIE_PIXELS),
        ):
            if ties > allowed * total:
                batch = " in a batch" if part.batched else ""
                raise RefineMaskError(
                    f"{part.name}{batch} decides nothing: {ties} of {total} {kind} differ by near "
                    f"ties, more than {allowed:.1%}; give another photograph ({_OPTIONS})"
                )


_OPTIONS = "refinemask-export --image, refinemask verify --images"


def _largest(values: Iterable[float]) -> float:
    return float(np.max([0.0, *values]))
