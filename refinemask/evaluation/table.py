"""The metrics of an evaluation as a plain text table."""

from collections.abc import Mapping
from typing import Any

from refinemask.evaluation.kinds import KINDS, METRICS


def format_table(evaluation: Mapping[str, Any]) -> str:
    """Return one row for each of box, mask and boundary that `evaluation` has.

    Args:
        evaluation: what `evaluate` or `coco_metrics` returns; undefined metrics show as "-".
    """
    rows = [["", *METRICS]]
    for kind in KINDS:
        if kind in evaluation:
            values = [evaluation[kind][metric] for metric in METRICS]
            rows.append([kind, *(f"{value:.3f}" if value >= 0 else "-" for value in values)])
    return "\n".join(f"{row[0]:<8}" + "".join(f"{cell:>8}" for cell in row[1:]) for row in rows)
