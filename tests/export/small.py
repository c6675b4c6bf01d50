"""Small models, images they see objects in, and the gate as random networks pass it."""

import numpy as np
import torch

from refinemask.checkpoints import synthetic_model
from refinemask.configs.config import ModelConfig
from refinemask.export.parity import compare, summarise
from refinemask.inference.processing import Prepared
from refinemask.models import Detector

_DECIDING_BIASES = tuple(
    f"{classifier}.bias"
    for stage in (1, 2)
    for classifier in (f"stages.{stage}.instance_logits", f"stage_instance_logits.{stage}")
)


def calibrated(config: ModelConfig) -> Detector:
    """Build a synthetic small model on which rounding has as little effect as on a trained one.

    Scores are less steep than the recipe makes them, and fewer objects are found than the limit, at
    which almost equal scores would compete for the last place. The masks that decide where the next
    stage is taken are mostly foreground instead of full of outlines.
    """
    model = synthetic_model(config)
    classifier = model.roi_head.bbox_head.fc_cls
    classifier.weight.data *= 0.25
    classifier.bias.data[-1] = 5.0
    for name, parameter in model.roi_head.mask_head.named_parameters():
        if name in _DECIDING_BIASES:
            parameter.data += 6.0
    return model


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return smooth noise, which has objects for a random network."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.uniform(0, 255, (1, 3, height // 16, width // 16)))
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")
    return smooth[0].clamp(0, 255).byte().permute(1, 2, 0).numpy()


def assert_parity(expected, outputs, size) -> int:
    """Apply the gate, but to fewer mask pixels; return the number of detections.

    The masks of a random network have outlines everywhere, and rounding flips more of their
    decisions than in a trained one.
    """
    prepared = Prepared(np.zeros((*size, 3), np.uint8), size, np.ones(4, np.float32), size)
    comparison = compare(expected, outputs, prepared)
    assert comparison.unmatched == 0
    if comparison.detections < 5:
        return comparison.detections
    report = summarise([comparison])
    assert report.box_difference <= 2e-3
    assert report.score_difference <= 5e-5
    assert report.probability_share >= 0.999
    assert report.mask_iou > 0.999
    return report.detections
