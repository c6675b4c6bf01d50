"""Protocols of evaluation."""

from typing import Literal

EvaluationProtocol = Literal["coco", "lvis", "cityscapes"]
"""Whose rules apply: which regions are ignored and which classes are annotated."""
