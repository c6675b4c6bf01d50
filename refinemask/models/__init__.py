"""The detectors: trunk, FPN, RPN, box head and the two mask heads."""

from refinemask.models.detector import Detector, build_model

__all__ = ["Detector", "build_model"]
