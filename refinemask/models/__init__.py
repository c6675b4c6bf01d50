"""The detectors: backbone, FPN, RPN, box head and the two mask heads."""

from typing import TYPE_CHECKING

from refinemask.lazy import lazy_attributes

if TYPE_CHECKING:
    from refinemask.models.detector import Detector, build_model

__all__ = ["Detector", "build_model"]

__getattr__ = lazy_attributes(__name__, {"Detector": "detector", "build_model": "detector"})
