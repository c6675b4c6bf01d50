"""Train the DeepLabV3+ of Figure 1.

Data, augmentation, optimizer and schedule are those of the small detectors' first stage of training
(see their model card), so that Figure 1 compares networks and not recipes.
"""

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from refinemask.cli.options import Device
from refinemask.console import guarded, losses_bar, note
from refinemask.errors import RefineMaskError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

    from refinemask.benchmarks.figure1.deeplab import DeepLab
    from refinemask.data.batches import Batch, Batches

Report = Callable[[int, int, dict[str, float]], None]

SHORT_SIDES = (288, 352, 416)
LONG_SIDE = 416
LEARNING_RATE = 5e-4
TRUNK_FACTOR = 0.25
WEIGHT_DECAY = 0.01
WARM_UP = 100
CLIP_NORM = 10.0
_NORM_MOMENTUM = 0.01
"""Small batches make rough statistics: average them over about a hundred."""
_CALIBRATION_BATCHES = 8


@dataclass(frozen=True)
class DeepLabOptions:
    """One training run; equal options give equal weights on the same machine.

    Attributes:
        datasets: training sets, drawn from in turn.
        classes: names of the classes that make up the foreground; None takes all of the first set.
        iterations: length of the run.
        batch_size: images of an iteration, at least 2: one image of its own has no statistics
            for the norm of the pooled branch to start from.
        seed: of weights, order and augmentation.
        device: torch's name of the device.
    """

    datasets: tuple[str, ...]
    classes: tuple[str, ...] | None = None
    iterations: int = 1680
    batch_size: int = 2
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        if not self.datasets:
            raise RefineMaskError("training needs at least one --dataset")
        for name, least in (("iterations", 1), ("batch_size", 2), ("seed", 0)):
            value = getattr(self, name)
            if value < least:
                flag = name.replace("_", "-")
                raise RefineMaskError(f"--{flag} must be at least {least}, got {value}")


def train_deeplab(options: DeepLabOptions, report: Report | None = None) -> "DeepLab":
    """Train DeepLabV3+ from ImageNet weights and return it in evaluation mode.

    The loss is the mean binary cross-entropy of the images' pixels, padding left out; the target is
    the union of the instances that detectors train on.

    Raises:
        RefineMaskError: the data cannot be used, or the loss is not finite.
    """
    import torch
    from torch.nn import functional

    torch.manual_seed(options.seed)
    classes, data = _data(options)
    model = _start(classes, data, options.device)
    optimizer = _optimizer(model)
    trained = [p for group in optimizer.param_groups for p in group["params"]]
    model.train()
    for index, batch in enumerate(_batches(data, options.iterations)):
        for group in optimizer.param_groups:
            group["lr"] = group["base_lr"] * _rate_at(index, options.iterations)
        target, valid = (x.to(options.device) for x in _targets(batch))
        logits = model(batch.images.to(options.device), batch.image_sizes.to(options.device))
        loss = functional.binary_cross_entropy_with_logits(logits[valid], target[valid])
        if not torch.isfinite(loss):
            raise RefineMaskError(f"the loss is not finite at iteration {index + 1}; try --seed")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, CLIP_NORM)
        optimizer.step()
        if report:
            report(index + 1, options.iterations, {"loss": loss.item()})
    return model.eval()


def _data(options: DeepLabOptions) -> "tuple[tuple[str, ...], Batches]":
    from refinemask.data.batches import Batches
    from refinemask.data.open import open_dataset
    from refinemask.data.transforms import TrainTransform

    first = open_dataset(options.datasets[0], options.classes)
    others = [open_dataset(spec, first.class_names) for spec in options.datasets[1:]]
    datasets = [dataset.for_training() for dataset in (first, *others)]
    transform = TrainTransform(SHORT_SIDES, LONG_SIDE, color_jitter=True)
    canvas = (LONG_SIDE, LONG_SIDE)
    return first.class_names, Batches(datasets, options.batch_size, options.seed, transform, canvas)


def _start(classes: tuple[str, ...], data: "Batches", device: str) -> "DeepLab":
    import torch

    from refinemask.benchmarks.figure1.deeplab import DeepLab

    model = DeepLab(classes)
    model.load_imagenet_weights()
    model = model.to(device).to(memory_format=torch.channels_last)
    batches = [data[index] for index in range(_CALIBRATION_BATCHES)]
    model.calibrate([(b.images.to(device), b.image_sizes.to(device)) for b in batches])
    for module in model.network.decoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = _NORM_MOMENTUM
    return model


def _optimizer(model: "DeepLab") -> "Optimizer":
    import torch

    network = model.network
    groups: list[dict[str, Any]] = []
    for parts, factor in (
        ((network.decoder, network.segmentation_head), 1.0),
        ((network.encoder,), TRUNK_FACTOR),
    ):
        parameters = [p for part in parts for p in part.parameters() if p.requires_grad]
        rate = LEARNING_RATE * factor
        groups.append({"params": parameters, "lr": rate, "base_lr": rate})
    return torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY)


def _batches(data: "Batches", count: int) -> "Iterator[Batch]":
    return (data[index] for index in range(count))


def _rate_at(iteration: int, total: int) -> float:
    """Return the factor on the peak rate: a linear warm-up under half a cosine."""
    warm = min(iteration / WARM_UP, 1.0)
    return (0.001 + 0.999 * warm) * 0.5 * (1 + math.cos(math.pi * iteration / total))


def _targets(batch: "Batch") -> "tuple[Tensor, Tensor]":
    """Return the foreground as float32 and what is no padding as bool, both (B, H, W)."""
    import torch

    foreground = torch.zeros(batch.images.shape[:3])
    valid = torch.zeros(batch.images.shape[:3], dtype=torch.bool)
    for index, target in enumerate(batch.targets):
        height, width = target.size
        valid[index, :height, :width] = True
        for mask in target.masks:
            bitmap = torch.from_numpy(mask.to_bitmap(height, width)).bool()
            foreground[index, :height, :width].masked_fill_(bitmap, 1)
    return foreground, valid


def deeplab(
    dataset: Annotated[
        list[str],
        typer.Option(
            metavar="SPEC", help="Training data as for refinemask train; may be repeated."
        ),
    ],
    output: Annotated[Path, typer.Option(metavar="FILE", help="The checkpoint (.safetensors).")],
    classes: Annotated[
        str, typer.Option(metavar="A,B,...", help="Classes that make up the foreground.")
    ] = "person",
    iterations: Annotated[int, typer.Option(min=1, help="Length of the run.")] = 1680,
    batch_size: Annotated[int, typer.Option(min=2, help="Images of an iteration.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal weights.")] = 0,
    device: Device = "auto",
) -> None:
    """Train DeepLabV3+ on foreground against background, for refinemask figure1 --semantic."""
    from dataclasses import asdict

    from refinemask.benchmarks.figure1.deeplab import save_deeplab
    from refinemask.cli.selection import torch_device
    from refinemask.files import make_folder

    make_folder(output.parent)
    if output.exists() or not os.access(output.parent, os.W_OK):
        raise RefineMaskError(
            f"{output} exists already, or its folder cannot be written; choose another --output"
        )
    names = tuple(name.strip() for name in classes.split(","))
    options = DeepLabOptions(
        tuple(dataset), names, iterations, batch_size, seed, torch_device(device)
    )
    with losses_bar() as report:
        model = train_deeplab(options, report)
    save_deeplab(model, output, asdict(options))
    note(f"trained {iterations} iterations")
    typer.echo(f"wrote {output}")


if __name__ == "__main__":
    typer.run(guarded(deeplab))
