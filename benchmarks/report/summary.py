"""The summary of a report: its result in one paragraph of text."""

from collections.abc import Iterator, Sequence

import numpy as np

from refinemask.benchmarks.report.contents import Report
from refinemask.benchmarks.report.pictures import SCORE_THRESHOLD


def summarise(report: Report) -> str:
    """Return the result of a report as one paragraph."""
    return " ".join([_detections(report), *_agreement(report), _latency(report), *_parity(report)])


def format_mean(values: Sequence[float]) -> str:
    """Return the mean as text; a dash if there are no values."""
    return f"{np.mean(values):.3f}" if values else "–"


def _detections(report: Report) -> str:
    photos = len(report.comparisons)
    totals = [
        sum(counts) for counts in zip(*(one.found for one in report.comparisons), strict=True)
    ]
    found = _join(
        [f"{one.name} detects {count}" for one, count in zip(report.subjects, totals, strict=True)]
    )
    return (
        f"On {photos} {'photograph' if photos == 1 else 'photographs'}, with scores ≥ "
        f"{SCORE_THRESHOLD}, {found}."
    )


def _agreement(report: Report) -> Iterator[str]:
    shared = sum(one.shared for one in report.comparisons)
    if len(report.subjects) > 1 and shared:
        masks = format_mean([iou for one in report.comparisons for iou in one.mask_ious])
        outlines = format_mean([iou for one in report.comparisons for iou in one.boundary_ious])
        yield (
            f"They share {shared}, with a mean mask IoU of {masks} and a mean boundary IoU of "
            f"{outlines}."
        )


def _latency(report: Report) -> str:
    first, *others = report.latency["artifacts"]
    times = [f"{first['name']} takes {first['end_to_end']['median']:.0f} ms (median)"]
    times += [f"{one['name']} {one['ratio']:.2f} times as long" for one in others]
    return f"From a decoded image to its masks, {_join(times)}."


def _parity(report: Report) -> Iterator[str]:
    failed = [name for name, figures in report.parity.items() if not figures["passed"]]
    if failed:
        yield f"Parity with PyTorch failed for {_join(failed)}."
    elif report.parity:
        yield f"Parity with PyTorch holds for {_join(list(report.parity))}."


def _join(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
