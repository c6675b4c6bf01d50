"""How often each image of a dataset is shown, and in which order."""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from refinemask.data.dataset import InstanceDataset

Factors = NDArray[np.float64]
"""(N,): how often each image is shown in one pass, on average; none below 1."""


def class_balanced_factors(dataset: InstanceDataset, threshold: float) -> Factors:
    """Return the repeat factors of LVIS (Gupta et al., CVPR 2019, Appendix B.2).

    A class that is in a share f of the images has the factor max(1, sqrt(threshold / f)); an image
    has the largest factor of its classes. Crowds do not count.
    """
    present = [set(dataset.image_labels(index).tolist()) for index in range(len(dataset))]
    images = Counter(label for labels in present for label in labels)
    wanted = threshold * len(dataset)
    of_class = {label: max(1.0, math.sqrt(wanted / n)) for label, n in images.items()}
    return np.array([max((of_class[label] for label in labels), default=1.0) for labels in present])


class Passes:
    """The images of one dataset, pass after pass: item i is the image shown at turn i.

    A factor r shows its image floor(r) or ceil(r) times in a pass, drawn anew for every pass so
    that the mean is r. Each pass is shuffled as a whole. Item i depends on i and the random numbers
    of its pass alone, whatever was asked for before.
    """

    def __init__(
        self,
        factors: Factors,
        rounding: Callable[[int], torch.Generator],
        shuffling: Callable[[int], torch.Generator],
    ) -> None:
        """Describe the passes.

        Args:
            factors: of each image, 1 or more.
            rounding: the random numbers by which pass i rounds the factors.
            shuffling: the random numbers by which pass i is shuffled.
        """
        whole = np.floor(factors)
        self._whole = torch.from_numpy(whole.astype(np.int64))
        self._rest = torch.from_numpy(factors - whole)
        self._rounding = rounding
        self._shuffling = shuffling
        self._starts = [0]  # turn at which each pass begins, as far as it is known
        self._current: tuple[int, list[int]] = (-1, [])

    def __getitem__(self, turn: int) -> int:
        """Return the index of the image at this turn."""
        number, start = self._locate(turn)
        if self._current[0] != number:
            images = torch.repeat_interleave(self._copies(number))
            order = torch.randperm(len(images), generator=self._shuffling(number))
            self._current = (number, images[order].tolist())
        return self._current[1][turn - start]

    def _locate(self, turn: int) -> tuple[int, int]:
        """Return the pass that a turn is in, and the turn at which this pass began."""
        if not self._rest.any():
            length = int(self._whole.sum())
            return turn // length, turn // length * length
        while self._starts[-1] <= turn:
            length = int(self._copies(len(self._starts) - 1).sum())
            self._starts.append(self._starts[-1] + length)
        number = bisect_right(self._starts, turn) - 1
        return number, self._starts[number]

    def _copies(self, number: int) -> torch.Tensor:
        """Return how often pass `number` shows each image."""
        if not self._rest.any():
            return self._whole
        draws = torch.rand(len(self._rest), dtype=torch.float64, generator=self._rounding(number))
        return self._whole + (draws < self._rest)
