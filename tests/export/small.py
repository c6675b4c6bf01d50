"""Small models, images they see objects in, and the gate for batches of these."""

import copy
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from refinemask.checkpoints import synthetic_model
from refinemask.configs.config import ModelConfig
from refinemask.export.comparison import compare
from refinemask.export.parity import check_decision, summarise
from refinemask.export.reference import Reference, run_reference
from refinemask.export.sampling import fixed_sampling_ratio, with_sampling_ratio
from refinemask.export.tolerances import MIN_DETECTIONS
from refinemask.export.verify import split_batch
from refinemask.inference.processing import Prepared
from refinemask.inference.structures import RawArrays
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


def limited_as(model: Detector, form: str) -> Detector:
    """Return a model with lower limits if the form is static, which computes up to them always."""
    if form != "static":
        return model
    conventions = replace(model.config.conventions, level_proposals=300, max_proposals=300)
    limited = copy.copy(model)
    limited.config = replace(model.config, conventions=conventions, max_detections=50)
    return limited


def sampled_as(model: Detector, form: str) -> Detector:
    """Return a model with as many samples of RoIAlign as its artifacts of a form have."""
    return with_sampling_ratio(model, fixed_sampling_ratio(form, None))


def assert_parity(
    model: Detector, images: np.ndarray, sizes: np.ndarray, outputs: RawArrays
) -> int:
    """Apply the gate to the outputs of a batch; return the number of detections of the model.

    Args:
        model: run on each image alone, and once on what several tests give it.
        images: uint8 (B, H, W, 3).
        sizes: int64 (B, 2).
        outputs: what an artifact returned for them.
    """
    parts = []
    for image, size, found in zip(images, sizes, split_batch(outputs, len(images)), strict=True):
        height, width = map(int, size)
        prepared = Prepared(image, (height, width), np.ones(4, np.float32), (height, width))
        wrapped = _Image(image.tobytes(), (*image.shape, *image.strides), image)
        reference = _reference(model, wrapped, (height, width))
        parts.append(compare(reference, found, prepared))
    report = summarise(parts)
    assert report.passed, report.table()
    if report.detections >= MIN_DETECTIONS:
        check_decision(report, parts)
    return report.detections


@dataclass(frozen=True)
class _Image:
    """An array that is compared by its pixels, and by their layout, which decides on rounding."""

    pixels: bytes
    layout: tuple[int, ...]
    array: NDArray[np.uint8] = field(compare=False)


@lru_cache(maxsize=16)
def _reference(model: Detector, image: _Image, size: tuple[int, int]) -> Reference:
    return run_reference(model, image.array, size)
