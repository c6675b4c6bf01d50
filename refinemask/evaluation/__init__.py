"""Accuracy of a model, an artifact or results, by the protocol of COCO, LVIS or Cityscapes.

Names are loaded when first used, so that `results` works where pycocotools is not installed.
"""

from typing import TYPE_CHECKING

from refinemask.lazy import lazy_attributes

if TYPE_CHECKING:
    from refinemask.evaluation.cityscapes import cityscapes_metrics
    from refinemask.evaluation.coco import coco_metrics
    from refinemask.evaluation.lvis import lvis_metrics
    from refinemask.evaluation.lvis_as_coco import LvisAsCoco
    from refinemask.evaluation.measure import measure_file, summarise
    from refinemask.evaluation.prediction_log import PredictionLog, describe_images
    from refinemask.evaluation.renamed_classes import RenamedClasses
    from refinemask.evaluation.run import evaluate
    from refinemask.evaluation.table import format_table

__all__ = [
    "LvisAsCoco",
    "PredictionLog",
    "RenamedClasses",
    "cityscapes_metrics",
    "coco_metrics",
    "describe_images",
    "evaluate",
    "format_table",
    "lvis_metrics",
    "measure_file",
    "summarise",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "LvisAsCoco": "lvis_as_coco",
        "PredictionLog": "prediction_log",
        "RenamedClasses": "renamed_classes",
        "cityscapes_metrics": "cityscapes",
        "coco_metrics": "coco",
        "describe_images": "prediction_log",
        "evaluate": "run",
        "format_table": "table",
        "lvis_metrics": "lvis",
        "measure_file": "measure",
        "summarise": "measure",
    },
)
