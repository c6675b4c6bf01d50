"""Repeat factors and passes by hand."""

import collections
from typing import Any

import numpy as np
import pytest
import torch

from refinemask.data.repeat import Passes, class_balanced_factors


def dataset(*images: tuple[int, ...]) -> Any:
    """Return a dataset by the labels of the instances of its images."""

    class Images:
        def __len__(self) -> int:
            return len(images)

        def image_labels(self, index: int) -> np.ndarray:
            return np.array(images[index], np.int64)

    return Images()


def test_factors():
    # f(1) = 3/4 -> 1; f(2) = 1/4 -> sqrt(0.5 / 0.25) = sqrt 2; f(3) = 2/4 -> 1
    images = dataset((1, 1, 1, 3), (1, 2), (1, 3), ())
    assert class_balanced_factors(images, 0.5) == pytest.approx([1, 2**0.5, 1, 1])
    # at a threshold of 1: sqrt(4/3), 2, sqrt 2; an image takes its largest
    assert class_balanced_factors(images, 1.0) == pytest.approx([2**0.5, 2, 2**0.5, 1])


def passes(factors, seed=0):
    def generator(purpose):
        return lambda number: torch.Generator().manual_seed(seed + 1000 * purpose + number)

    return Passes(np.array(factors), generator(1), generator(2))


def test_whole_factors_repeat_exactly():
    stream = passes([1.0, 3.0, 2.0])
    for start in (0, 6, 600):
        assert sorted(stream[start + k] for k in range(6)) == [0, 1, 1, 1, 2, 2]
    turns = [[stream[start + k] for k in range(6)] for start in range(0, 60, 6)]
    assert len(set(map(tuple, turns))) > 5  # each pass has its own order


def test_rounding_is_drawn_for_each_pass_and_right_on_average():
    count = 2000
    stream = passes([1.0, 1.25, 2.5])
    shown = collections.Counter(stream[turn] for turn in range(round(4.75 * count)))
    assert shown[0] == pytest.approx(count, rel=0.03)
    assert shown[1] == pytest.approx(1.25 * count, rel=0.03)
    assert shown[2] == pytest.approx(2.5 * count, rel=0.03)


def test_each_pass_shows_an_image_floor_or_ceil_times():
    copies = torch.stack([passes([1.0, 1.25, 2.5])._copies(number) for number in range(50)])
    assert copies.amin(0).tolist() == [1, 1, 2]
    assert copies.amax(0).tolist() == [1, 2, 3]


def test_an_image_depends_on_its_turn_alone():
    factors = [1.0, 1.25, 2.5]
    one = passes(factors)
    forwards = [one[turn] for turn in range(100)]
    again = passes(factors)
    assert [again[turn] for turn in reversed(range(100))] == forwards[::-1]
    assert [passes(factors)[turn] for turn in (99, 42)] == [forwards[99], forwards[42]]
    other = passes(factors, seed=7)
    assert [other[turn] for turn in range(100)] != forwards
