"""Augmentation by hand-computed cases."""

import cv2
import numpy as np
import pytest
import torch

from refinemask.data.dataset import Sample
from refinemask.data.masks import BitmapMask, PolygonMask
from refinemask.data.transforms import TrainTransform, hflip, resize
from refinemask.errors import RefineMaskError


@pytest.fixture
def sample():
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    bitmap = np.zeros((40, 60), np.uint8)
    bitmap[8:24, 6:30] = 1
    polygon = np.array([6, 8, 30, 8, 30, 24, 6, 24], np.float64)
    return Sample(
        image,
        1,
        np.array([[6, 8, 30, 24]] * 2, np.float32),
        np.array([0, 1], np.int64),
        (PolygonMask((polygon,)), BitmapMask(bitmap)),
    )


def generator(seed):
    return torch.Generator().manual_seed(seed)


def test_flip(sample):
    flipped = hflip(sample)
    np.testing.assert_array_equal(flipped.image, sample.image[:, ::-1])
    np.testing.assert_array_equal(flipped.boxes, [[30, 8, 54, 24]] * 2)
    assert flipped.boxes.dtype == np.float32
    polygon, bitmap = (mask.to_bitmap(40, 60) for mask in flipped.masks)
    np.testing.assert_array_equal(polygon, bitmap)
    np.testing.assert_array_equal(bitmap, sample.masks[1].bitmap[:, ::-1])


def test_flip_without_instances(sample):
    empty = Sample(sample.image, 1, np.zeros((0, 4), np.float32), np.zeros(0, np.int64), ())
    assert hflip(empty).boxes.shape == (0, 4)


def test_resize_is_opencv_and_boxes_follow_the_rounded_sizes(sample):
    resized = resize(sample, 27, 41)
    np.testing.assert_array_equal(
        resized.image, cv2.resize(sample.image, (41, 27), interpolation=cv2.INTER_LINEAR)
    )
    expected = sample.boxes[0] * np.array([41 / 60, 27 / 40] * 2, np.float32)
    np.testing.assert_array_equal(resized.boxes[0], expected)
    polygon, bitmap = (mask.to_bitmap(27, 41) for mask in resized.masks)
    assert np.count_nonzero(polygon != bitmap) <= 2 * (polygon.shape[0] + polygon.shape[1])


def test_each_short_side_and_both_directions_are_drawn(sample):
    transform = TrainTransform((20, 30), 400)
    drawn = [transform(sample, generator(seed)) for seed in range(32)]
    assert {s.image.shape[:2] for s in drawn} == {(20, 30), (30, 45)}
    assert {float(s.boxes[0, 0] / s.image.shape[1]) < 0.2 for s in drawn} == {True, False}


def test_flip_probabilities(sample):
    assert TrainTransform((40,), 60, flip=0)(sample, generator(0)).boxes[0, 0] == 6
    assert TrainTransform((40,), 60, flip=1)(sample, generator(0)).boxes[0, 0] == 30


def test_long_side_bounds(sample):
    assert TrainTransform((40,), 45)(sample, generator(0)).image.shape == (30, 45, 3)


def test_same_seed_same_sample(sample):
    transform = TrainTransform((20, 30, 40), 400, color_jitter=True)
    first, second = (transform(sample, generator(5)) for _ in range(2))
    np.testing.assert_array_equal(first.image, second.image)


def test_jitter_changes_colours_a_little(sample):
    plain = TrainTransform((40,), 60, flip=0)(sample, generator(1)).image
    jittered = TrainTransform((40,), 60, flip=0, color_jitter=True)(sample, generator(1)).image
    assert jittered.dtype == np.uint8
    difference = np.abs(plain.astype(int) - jittered)
    assert 0 < difference.mean() < 60


@pytest.mark.parametrize(
    "values", [((), 10, 0.5), ((0,), 10, 0.5), ((20, 10), 5, 0.5), ((10,), 10, 1.5)]
)
def test_bad_options(values):
    with pytest.raises(RefineMaskError):
        TrainTransform(*values)
