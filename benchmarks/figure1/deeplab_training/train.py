"""The training loop of DeepLabV3+.

Data, augmentation, optimizer and schedule are those of the first training stage of the small
detectors (see their model card), so that Figure 1 compares networks and not recipes.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import Optimizer

from refinemask.benchmarks.figure1.deeplab_training.options import DeepLabOptions
from refinemask.benchmarks.figure1.deeplab_training.trainable import TrainableDeepLab
from refinemask.data.batches import Batch, Batches
from refinemask.data.open import open_dataset
from refinemask.data.transforms import TrainTransform
from refinemask.errors import RefineMaskError
from refinemask.models.device import torch_device

Report = Callable[[int, int, dict[str, float]], None]

SHORT_SIDES = (288, 352, 416)
LONG_SIDE = 416
LEARNING_RATE = 5e-4
BACKBONE_FACTOR = 0.25
WEIGHT_DECAY = 0.01
WARM_UP = 100
CLIP_NORM = 10.0
_CALIBRATION_BATCHES = 8


def train_deeplab(options: DeepLabOptions, report: Report | None = None) -> TrainableDeepLab:
    """Train DeepLabV3+ from ImageNet weights and return it in evaluation mode.

    The loss is the mean binary cross-entropy over the pixels of the images, without their padding;
    the target is the union of the instances that detectors train on.

    Args:
        options: what to train.
        report: called after each iteration with the number done, the total, and the loss.

    Raises:
        RefineMaskError: the data cannot be used, the device is not available, or the loss is not
            finite.
    """
    device = torch_device(options.device)
    torch.manual_seed(options.seed)
    classes, data = _open_data(options)
    model = _initialise(classes, data, device)
    optimizer = _optimizer(model)
    trained = [p for group in optimizer.param_groups for p in group["params"]]
    model.train()
    for index in range(options.iterations):
        for group in optimizer.param_groups:
            group["lr"] = group["base_lr"] * rate_factor(index, options.iterations)
        loss = _loss(model, data[index], device)
        if not torch.isfinite(loss):
            raise RefineMaskError(
                f"the loss is not finite at iteration {index + 1}; try another --seed"
            )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, CLIP_NORM)
        optimizer.step()
        if report:
            report(index + 1, options.iterations, {"loss": loss.item()})
    return model.eval()


def rate_factor(iteration: int, total: int) -> float:
    """Return the share of the peak learning rate: a linear warm-up times half a cosine."""
    warm = min(iteration / WARM_UP, 1.0)
    return (0.001 + 0.999 * warm) * 0.5 * (1 + math.cos(math.pi * iteration / total))


def targets(batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the foreground as float32 and the pixels that are not padding as bool (B, H, W)."""
    foreground = torch.zeros(batch.images.shape[:3])
    valid = torch.zeros(batch.images.shape[:3], dtype=torch.bool)
    for index, target in enumerate(batch.targets):
        height, width = target.size
        valid[index, :height, :width] = True
        for mask in target.masks:
            bitmap = torch.from_numpy(mask.to_bitmap(height, width)).bool()
            foreground[index, :height, :width].masked_fill_(bitmap, 1)
    return foreground, valid


def _open_data(options: DeepLabOptions) -> tuple[tuple[str, ...], Batches]:
    first = open_dataset(options.datasets[0], options.classes)
    others = [open_dataset(spec, first.class_names) for spec in options.datasets[1:]]
    datasets = [dataset.for_training() for dataset in (first, *others)]
    transform = TrainTransform(SHORT_SIDES, LONG_SIDE, color_jitter=True)
    canvas = (LONG_SIDE, LONG_SIDE)
    return first.class_names, Batches(datasets, options.batch_size, options.seed, transform, canvas)


def _initialise(classes: tuple[str, ...], data: Batches, device: str) -> TrainableDeepLab:
    model = TrainableDeepLab(classes)
    model.load_imagenet_weights()
    model = model.to(device).to(memory_format=torch.channels_last)
    batches = [data[index] for index in range(_CALIBRATION_BATCHES)]
    model.calibrate([(b.images.to(device), b.image_sizes.to(device)) for b in batches])
    return model


def _optimizer(model: TrainableDeepLab) -> Optimizer:
    network = model.network
    groups: list[dict[str, Any]] = []
    for parts, factor in (
        ((network.decoder, network.segmentation_head), 1.0),
        ((network.encoder,), BACKBONE_FACTOR),
    ):
        parameters = [p for part in parts for p in part.parameters() if p.requires_grad]
        rate = LEARNING_RATE * factor
        groups.append({"params": parameters, "lr": rate, "base_lr": rate})
    return torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY)


def _loss(model: TrainableDeepLab, batch: Batch, device: str) -> Tensor:
    foreground, valid = (x.to(device) for x in targets(batch))
    logits = model(batch.images.to(device), batch.image_sizes.to(device))
    return functional.binary_cross_entropy_with_logits(logits[valid], foreground[valid])
