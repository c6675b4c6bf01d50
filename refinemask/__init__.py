"""RefineMask instance segmentation: train, export, run and compare."""

from typing import TYPE_CHECKING

from refinemask.lazy import lazy_attributes
from refinemask.version import __version__

if TYPE_CHECKING:
    from refinemask import engines, evaluation, export, inference, training
    from refinemask.checkpoints import load_model
    from refinemask.configs.config import ModelConfig
    from refinemask.configs.presets import (
        maskrcnn_r50,
        maskrcnn_r101,
        maskrcnn_small,
        preset,
        refinemask_r50,
        refinemask_r50_cityscapes,
        refinemask_r50_fast,
        refinemask_r50_lite,
        refinemask_r50_lvis,
        refinemask_r101,
        refinemask_small,
        refinemask_small_lite,
    )
    from refinemask.errors import GateFailed, RefineMaskError
    from refinemask.inference.images import load_image
    from refinemask.inference.structures import Detections
    from refinemask.models import build_model

__all__ = [
    "Detections",
    "GateFailed",
    "ModelConfig",
    "RefineMaskError",
    "__version__",
    "build_model",
    "engines",
    "evaluation",
    "export",
    "inference",
    "load_image",
    "load_model",
    "maskrcnn_r50",
    "maskrcnn_r101",
    "maskrcnn_small",
    "preset",
    "refinemask_r50",
    "refinemask_r50_cityscapes",
    "refinemask_r50_fast",
    "refinemask_r50_lite",
    "refinemask_r50_lvis",
    "refinemask_r101",
    "refinemask_small",
    "refinemask_small_lite",
    "training",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        **{name: name for name in ("engines", "evaluation", "export", "inference", "training")},
        "load_model": "checkpoints",
        "build_model": "models",
        "load_image": "inference.images",
        "Detections": "inference.structures",
        "RefineMaskError": "errors",
        "GateFailed": "errors",
        "ModelConfig": "configs.config",
        "preset": "configs.presets",
        "refinemask_r50": "configs.presets",
        "refinemask_r101": "configs.presets",
        "refinemask_r50_fast": "configs.presets",
        "refinemask_r50_lite": "configs.presets",
        "refinemask_r50_lvis": "configs.presets",
        "refinemask_r50_cityscapes": "configs.presets",
        "refinemask_small": "configs.presets",
        "refinemask_small_lite": "configs.presets",
        "maskrcnn_r50": "configs.presets",
        "maskrcnn_r101": "configs.presets",
        "maskrcnn_small": "configs.presets",
    },
)
