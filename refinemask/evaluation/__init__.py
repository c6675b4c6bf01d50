"""Accuracy: box, mask and boundary AP of a model or an artifact on a dataset in COCO's format.

Names are loaded when first used, so that `results` works where pycocotools is not installed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refinemask.evaluation.metrics import coco_metrics
    from refinemask.evaluation.results import to_coco_results
    from refinemask.evaluation.run import evaluate
    from refinemask.evaluation.table import format_table

__all__ = ["coco_metrics", "evaluate", "format_table", "to_coco_results"]

_HOMES = {
    "coco_metrics": "metrics",
    "evaluate": "run",
    "format_table": "table",
    "to_coco_results": "results",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
