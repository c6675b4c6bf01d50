"""The metrics of an evaluation as a plain text table."""

from collections.abc import Mapping
from typing import Any

from refinemask.evaluation.metric_names import CITYSCAPES_METRICS, KINDS, LVIS_METRICS, METRICS

_METRICS = {"coco": METRICS, "lvis": LVIS_METRICS, "cityscapes": CITYSCAPES_METRICS}


def format_table(evaluation: Mapping[str, Any]) -> str:
    """Return one row for each kind of overlap, and for each class where classes were measured.

    Args:
        evaluation: what `evaluate` or `coco_metrics` returns; undefined metrics show as "-".
    """
    metrics = _METRICS[evaluation.get("protocol", "coco")]
    measured = {kind: evaluation[kind] for kind in KINDS if kind in evaluation}
    measured |= evaluation.get("classes", {})
    rows = [["", *metrics]]
    for name, values in measured.items():
        figures = [values[metric] for metric in metrics]
        rows.append([name, *(f"{value:.3f}" if value >= 0 else "-" for value in figures)])
    width = max(8, *(len(row[0]) + 1 for row in rows))
    return "\n".join(
        f"{row[0]:<{width}}" + "".join(f"{cell:>8}" for cell in row[1:]) for row in rows
    )
