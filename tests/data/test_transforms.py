"""Augmentation by hand-computed cases."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from refinemask.data.dataset import Sample
from refinemask.data.masks import BitmapMask, PolygonMask
from refinemask.data.transforms import TrainTransform, crop, hflip, resize, zoom_in
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


def test_crop_cuts_image_boxes_and_masks(sample):
    cut = crop(sample, left=10, top=4, height=12, width=30)
    np.testing.assert_array_equal(cut.image, sample.image[4:16, 10:40])
    np.testing.assert_array_equal(cut.boxes, [[0, 4, 20, 12]] * 2)
    assert cut.boxes.dtype == np.float32
    assert cut.labels.tolist() == [0, 1]
    for mask in cut.masks:
        bitmap = mask.to_bitmap(12, 30)
        assert bitmap[4:, :20].all() and bitmap.sum() == 8 * 20


def test_a_cropped_box_encloses_what_is_seen(sample):
    """Of an L, the window shows only the upright part, which is narrower than its box."""
    bitmap = np.zeros((40, 60), np.uint8)
    bitmap[8:24, 6:10] = bitmap[20:24, 6:30] = 1
    ell = replace(sample, boxes=sample.boxes[:1], labels=sample.labels[:1])
    ell = replace(ell, masks=(BitmapMask(bitmap),))
    np.testing.assert_array_equal(crop(ell, 0, 0, 20, 60).boxes, [[6, 8, 10, 20]])


def test_a_box_that_is_not_cut_stays_as_it_was_annotated(sample):
    wide = replace(sample, boxes=sample.boxes + np.array([-0.5, -0.5, 0.5, 0.5], np.float32))
    np.testing.assert_array_equal(crop(wide, 5, 5, 30, 40).boxes, [[0.5, 2.5, 25.5, 19.5]] * 2)


@pytest.mark.parametrize(("left", "top"), [(30, 0), (0, 24)])
def test_what_is_outside_of_a_crop_is_left_out(sample, left, top):
    cut = crop(sample, left, top, height=16, width=30)
    assert (cut.boxes.shape, len(cut.labels), cut.masks) == ((0, 4), 0, ())


def test_less_than_a_pixel_is_left_out_of_a_crop(sample):
    moved = replace(sample, boxes=sample.boxes - np.float32(0.5))  # ends at 29.5
    assert len(crop(moved, 29, 0, 40, 31).boxes) == 0
    assert len(crop(moved, 28, 0, 40, 32).boxes) == 2


def test_zooming_in_shows_an_instance_large_and_often_cut_off(sample):
    """The instances, of 128 x 192 pixels, are 16 % of an image of 320 x 480."""
    large = replace(
        sample,
        image=np.repeat(np.repeat(sample.image, 8, 0), 8, 1),
        boxes=sample.boxes * 8,
        masks=tuple(mask.resize(40, 60, 320, 480) for mask in sample.masks),
    )
    edges, shares = [], []
    for seed in range(50):
        cut = zoom_in(large, generator(seed))
        height, width = cut.image.shape[:2]
        x1, y1, x2, y2 = cut.boxes[0]
        shares.append((x2 - x1) * (y2 - y1) / (height * width))
        edges.append(int(x1 == 0) + int(y1 == 0) + int(x2 == width) + int(y2 == height))
        polygon, bitmap = (mask.to_bitmap(height, width) for mask in cut.masks)
        np.testing.assert_array_equal(polygon, bitmap)
        assert 9 / 16 - 0.05 < width / height < 16 / 9 + 0.05
    assert np.mean(shares) > 0.5
    of_cut = np.bincount(edges)
    assert len(of_cut) == 4 and of_cut[0] < 5  # by no edge to three of them


def test_zooming_in_is_as_frequent_as_asked(sample):
    transform = TrainTransform((40,), 60, flip=0, zoom=0.3)
    sizes = [transform(sample, generator(seed)).image.shape for seed in range(300)]
    zoomed = sum(size != (40, 60, 3) for size in sizes)
    assert 60 < zoomed < 120


def test_without_instances_there_is_nothing_to_zoom_in_to(sample):
    empty = replace(sample, boxes=np.zeros((0, 4), np.float32), labels=sample.labels[:0], masks=())
    assert zoom_in(empty, generator(0)) is empty


def test_a_window_that_would_show_nothing_is_not_taken(sample):
    """A mask that has nothing where its box is, as annotations sometimes are."""
    nothing = BitmapMask(np.zeros((40, 60), np.uint8))
    boxes = np.array([[12, 16, 40, 40]] * 2, np.float32)
    hollow = replace(sample, masks=(nothing, nothing), boxes=boxes)
    assert zoom_in(hollow, generator(0)) is hollow


def test_a_zoomed_sample_is_a_function_of_its_seed(sample):
    transform = TrainTransform((20, 30, 40), 400, color_jitter=True, zoom=1.0)
    first, second = (transform(sample, generator(5)) for _ in range(2))
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.boxes, second.boxes)


@pytest.mark.parametrize(
    "values",
    [
        ((), 10, 0.5),
        ((0,), 10, 0.5),
        ((20, 10), 5, 0.5),
        ((10,), 10, 1.5),
        ((10,), 10, 0.5, False, -0.1),
    ],
)
def test_bad_options(values):
    with pytest.raises(RefineMaskError):
        TrainTransform(*values)
