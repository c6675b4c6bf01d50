"""One operator on one input: what is timed, and the random boxes that inputs are made of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

HEIGHT, WIDTH = 800, 1333
"""Size of the image, in pixels."""


@dataclass(frozen=True)
class Case:
    """One operator on one input."""

    name: str
    target: float
    """How many times faster than each baseline, except those in `shown_only`, it should be."""
    bytes: int
    """What must be read and written at least."""
    ours: Callable[[], Any]
    baselines: Mapping[str, Callable[[], Any]]
    agree: Callable[[Any, Any], bool]
    """Whether our result and that of a baseline are the same."""
    shown_only: Sequence[str] = ()
    """Baselines that the target does not apply to."""


def random_boxes(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Return float32 (count, 4) xyxy boxes in an image of `HEIGHT` × `WIDTH` pixels.

    The logarithms of width and height are uniform and independent, from 16 to 512 pixels. Centres
    are uniform over the image, and boxes are clipped to it.
    """
    sides = np.exp(rng.uniform(np.log(16), np.log(512), (count, 2)))
    centres = rng.uniform(0, 1, (count, 2)) * (WIDTH, HEIGHT)
    boxes = np.concatenate((centres - sides / 2, centres + sides / 2), 1)
    return boxes.clip(0, (WIDTH, HEIGHT, WIDTH, HEIGHT)).astype(np.float32)
