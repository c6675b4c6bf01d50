"""An endless, reproducible stream of training batches."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from refinemask.data.dataset import Sample, Samples
from refinemask.data.masks import InstanceMask
from refinemask.data.repeat import Factors, Passes
from refinemask.errors import RefineMaskError
from refinemask.inference.sizes import DIVISOR

# What a seed is for: keeps the streams of numbers apart.
_ORDER, _AUGMENTATION, _ROUNDING, _CHOICE = range(4)


@dataclass(frozen=True)
class Target:
    """The instances of one image of a batch.

    Attributes:
        boxes: float32 (N, 4), xyxy in pixels of the resized image.
        labels: int64 (N,), class indices.
        masks: N masks on the grid of the resized image.
        size: (h, w) of the resized image, without padding.
    """

    boxes: Tensor
    labels: Tensor
    masks: tuple[InstanceMask, ...]
    size: tuple[int, int]


@dataclass(frozen=True)
class Batch:
    """Images padded at the right and bottom to one canvas, and their targets.

    Attributes:
        images: uint8 RGB (B, H, W, 3).
        image_sizes: int64 (B, 2), (height, width) of each valid area.
        targets: B targets.
    """

    images: Tensor
    image_sizes: Tensor
    targets: list[Target]


class Batches(Dataset[Batch]):
    """The batches of a training run: item i is the batch of iteration i.

    Item i depends on the seed and i alone, in any process and order, so a resumed run sees what the
    uninterrupted run would have seen. Sample j of the stream comes from dataset j mod n, and each
    dataset is shuffled again whenever it is exhausted. There is no last item: give a `DataLoader`
    the range of iterations as `sampler`, and `batch_size=None`.

    Everything random about an image comes from its place in the stream, so it does not matter which
    process loads it, nor how many share a batch.
    """

    def __init__(
        self,
        datasets: Sequence[Samples],
        batch_size: int,
        seed: int,
        transform: Callable[[Sample, torch.Generator], Sample],
        pad_to: tuple[int, int] | None = None,
        repeats: Sequence[Factors] | None = None,
    ) -> None:
        """Describe the stream.

        Args:
            datasets: where samples come from in turn; none may be empty.
            batch_size: images of a batch.
            seed: not negative.
            transform: augments a sample for training, with its own generator.
            pad_to: canvas (H, W) of every batch; None pads to a multiple of 32 of the batch.
            repeats: of each dataset, how often a pass shows each image; None for once each.

        Raises:
            RefineMaskError: a number is out of its range, or a dataset is empty.
        """
        if batch_size < 1 or seed < 0:
            raise RefineMaskError(
                f"the batch size must be 1 or more and the seed 0 or more, got {batch_size} "
                f"and {seed}"
            )
        if not datasets or not all(len(dataset) for dataset in datasets):
            raise RefineMaskError("training needs at least one dataset and no empty one")
        if pad_to is not None and any(side < 1 or side % DIVISOR for side in pad_to):
            raise RefineMaskError(
                f"the canvas must have sides that are multiples of {DIVISOR}, got {pad_to}"
            )
        self._datasets = tuple(datasets)
        self._batch_size = batch_size
        self._seed = seed
        self._transform = transform
        self._pad_to = pad_to
        self._mine = range(batch_size)
        factors = repeats or [np.ones(len(dataset)) for dataset in datasets]
        self._expected = sum(float(of_images.sum()) for of_images in factors)
        self._passes = [
            Passes(
                of_images,
                partial(self._generator, _ROUNDING, which),
                partial(self._generator, _ORDER, which),
            )
            for which, of_images in enumerate(factors)
        ]

    def share(self, rank: int, processes: int) -> Self:
        """Return the stream of one of several processes: its consecutive part of every batch.

        Raises:
            RefineMaskError: the processes cannot share a batch equally.
        """
        if self._batch_size % processes:
            raise RefineMaskError(
                f"{processes} processes cannot share a batch of {self._batch_size} images equally; "
                f"--batch-size is the total of all and must be a multiple of {processes}"
            )
        size = self._batch_size // processes
        part = copy.copy(self)
        part._mine = range(rank * size, (rank + 1) * size)
        return part

    @property
    def iterations_per_epoch(self) -> int:
        """Iterations in which as many samples pass as are expected of one pass of each dataset."""
        return math.ceil(round(self._expected / self._batch_size, 6))

    def __getitem__(self, index: int) -> Batch:
        """Make the batch of iteration `index`."""
        return collate([self._sample(p) for p in self._positions(index)], self._pad_to)

    def choice_generators(self, index: int) -> list[torch.Generator]:
        """Return a generator for each image of batch `index`, to sample its boxes with."""
        return [self._generator(_CHOICE, p, 0) for p in self._positions(index)]

    def sources(self, index: int) -> list[tuple[int, int]]:
        """Return the number of the dataset and of the image in it, for each image of a batch."""
        return [self._source(position) for position in self._positions(index)]

    def _source(self, position: int) -> tuple[int, int]:
        turn, which = divmod(position, len(self._datasets))
        return which, self._passes[which][turn]

    def _positions(self, index: int) -> list[int]:
        """Return the places in the stream of this process's images of batch `index`."""
        return [index * self._batch_size + k for k in self._mine]

    def _sample(self, position: int) -> Sample:
        which, image = self._source(position)
        sample = self._datasets[which][image]
        return self._transform(sample, self._generator(_AUGMENTATION, position, 0))

    def _generator(self, purpose: int, first: int, second: int) -> torch.Generator:
        sequence = np.random.SeedSequence((self._seed, purpose, first, second))
        return torch.Generator().manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> 1))


def collate(samples: Sequence[Sample], pad_to: tuple[int, int] | None = None) -> Batch:
    """Pad samples to one canvas and turn their instances into tensors.

    Raises:
        RefineMaskError: a sample is larger than `pad_to`.
    """
    sizes = torch.tensor([sample.image.shape[:2] for sample in samples], dtype=torch.int64)
    largest = sizes.amax(0)
    canvas = torch.tensor(pad_to) if pad_to else -(-largest // DIVISOR) * DIVISOR
    if (largest > canvas).any():
        raise RefineMaskError(
            f"an image of {tuple(largest.tolist())} pixels does not fit the canvas {pad_to}; "
            "enlarge the canvas or train with smaller images"
        )
    height, width = canvas.tolist()
    images = torch.zeros(len(samples), height, width, 3, dtype=torch.uint8)
    for image, sample in zip(images, samples, strict=True):
        h, w = sample.image.shape[:2]
        image[:h, :w] = torch.from_numpy(sample.image)
    return Batch(images, sizes, [_target(sample) for sample in samples])


def _target(sample: Sample) -> Target:
    return Target(
        torch.from_numpy(sample.boxes),
        torch.from_numpy(sample.labels),
        sample.masks,
        (sample.image.shape[0], sample.image.shape[1]),
    )
