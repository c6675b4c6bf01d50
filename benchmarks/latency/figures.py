"""Figures made of measured times."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

STATISTICS = ("min", "mean", "median", "p90", "p95", "p99")


def summarise(seconds: Sequence[float]) -> dict[str, float]:
    """Return the `STATISTICS` of durations in milliseconds; percentiles are interpolated."""
    values = np.asarray(seconds, np.float64) * 1e3
    median, p90, p95, p99 = np.percentile(values, (50, 90, 95, 99)).tolist()
    figures = (float(values.min()), float(values.mean()), median, p90, p95, p99)
    return dict(zip(STATISTICS, figures, strict=True))


@dataclass(frozen=True)
class Subject:
    """What ratios are made from.

    Attributes:
        name: the target's.
        runtime: what runs it.
        form: the form of the artifact.
        backbone: the model's.
        is_mask_rcnn: whether its mask head is that of Mask R-CNN.
        median: the end-to-end median, in any unit.
    """

    name: str
    runtime: str
    form: str
    backbone: str
    is_mask_rcnn: bool
    median: float


def ratio_to_mask_rcnn(subject: Subject, subjects: Sequence[Subject]) -> dict[str, object] | None:
    """Return `name` and `ratio` of the Mask R-CNN that a RefineMask is compared with.

    That is one in the same runtime, if possible with the same backbone, and of the same form. None
    if there is none, or the subject is a Mask R-CNN itself.
    """
    baselines = [one for one in subjects if one.is_mask_rcnn and one.runtime == subject.runtime]
    if subject.is_mask_rcnn or not baselines:
        return None

    def likeness(one: Subject) -> tuple[bool, bool]:
        return one.backbone == subject.backbone, one.form == subject.form

    nearest = max(baselines, key=likeness)  # the first of equals
    return {"name": nearest.name, "ratio": subject.median / nearest.median}
