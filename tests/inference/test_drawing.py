"""Pictures: masks land where they belong, tags stay inside, small images become readable."""

from typing import Any

import numpy as np
import pytest

from refinemask.inference.drawing import READABLE_SIDE, draw, instance_colour, zoom
from refinemask.inference.rle import encode_rle
from refinemask.inference.structures import Detections

GREY = 90


def square_detections(count=1, form="bitmap", size=(900, 1000), score=0.9):
    """Detect `count` squares of side 100 along the diagonal, the first at (100, 100)."""
    corners = 100 + 120 * np.arange(count)
    boxes = np.stack([corners, corners, corners + 100, corners + 100], 1).astype(np.float32)
    masks = np.zeros((count, *size), bool)
    for mask, corner in zip(masks, corners, strict=True):
        mask[corner : corner + 100, corner : corner + 100] = True
    forms: dict[str, Any] = {
        "bitmap": masks,
        "rle": [encode_rle(mask) for mask in masks],
        "probs": np.ones((count, 28, 28), np.float32),
    }
    return Detections(
        boxes.reshape(-1, 4),
        np.full(count, score, np.float32),
        np.zeros(count, np.int64),
        forms[form],
        size,
    )


def picture_of(detections, **options):
    image = np.full((*detections.image_size, 3), GREY, np.uint8)
    return draw(image, detections, ["thing"], **options)


@pytest.mark.parametrize("form", ["bitmap", "rle", "probs"])
def test_mask_is_filled_and_outlined_exactly(form):
    picture = picture_of(square_detections(form=form), labels=False, fill=0.5, line_width=3)
    colour = np.array(instance_colour(0))
    np.testing.assert_array_equal(picture[150, 101], colour)  # outline, inside the mask's edge
    np.testing.assert_allclose(picture[150, 150], (GREY + colour) / 2, atol=1)
    untouched = np.ones(picture.shape[:2], bool)
    untouched[100:200, 100:200] = False
    assert (picture[untouched] == GREY).all()


def test_the_image_itself_is_left_alone():
    image = np.full((900, 1000, 3), GREY, np.uint8)
    draw(image, square_detections(), ["thing"])
    assert (image == GREY).all()


def test_drawing_is_deterministic():
    first, second = (picture_of(square_detections(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_weak_detections_are_not_drawn():
    assert (picture_of(square_detections(3, score=0.49)) == GREY).all()
    assert (picture_of(square_detections(3, score=0.49), score_threshold=0.4) != GREY).any()


@pytest.mark.parametrize("form", ["bitmap", "rle", "probs"])
def test_no_detections(form):
    assert (picture_of(square_detections(0, form)) == GREY).all()


@pytest.mark.parametrize("form", ["bitmap", "rle"])
def test_empty_mask(form):
    blank = np.zeros((1, 900, 1000), bool)
    masks = blank if form == "bitmap" else [encode_rle(blank[0])]
    found = square_detections()
    empty = Detections(found.boxes, found.scores, found.labels, masks, found.image_size)
    assert (picture_of(empty, labels=False) == GREY).all()
    assert (picture_of(empty) != GREY).any()  # the label is there


def test_hole_stays_open():
    found = square_detections()
    np.asarray(found.masks)[0, 140:160, 140:160] = False
    picture = picture_of(found, labels=False)
    assert (picture[142:158, 142:158] == GREY).all()


@pytest.mark.parametrize("size", [(1, 1), (20, 20000), (3, 400), (640, 480), (900, 1000)])
def test_small_images_are_enlarged_in_whole_steps(size):
    masks = np.ones((1, *size), bool)
    box = np.array([[0, 0, size[1], size[0]]], np.float32)
    found = Detections(box, np.ones(1, np.float32), np.zeros(1, np.int64), masks, size)
    picture = picture_of(found)
    scale = picture.shape[0] // size[0]
    assert picture.shape == (size[0] * scale, size[1] * scale, 3)
    assert max(picture.shape) >= READABLE_SIDE
    assert scale == 1 or max(size) < READABLE_SIDE


def test_scale_can_be_chosen():
    assert picture_of(square_detections(), scale=2).shape == (1800, 2000, 3)


@pytest.mark.parametrize(
    "box", [(0, 0, 10, 10), (990, 890, 1000, 900), (950, 0, 1000, 900), (-20, 880, 5, 905)]
)
def test_tag_stays_inside(box):
    found = Detections(
        np.array([box], np.float32),
        np.array([0.876], np.float32),
        np.zeros(1, np.int64),
        np.zeros((1, 900, 1000), bool),
        (900, 1000),
    )
    image = np.full((900, 1000, 3), GREY, np.uint8)
    free = draw(image, square_detections(), ["thing"])[60:100, 80:300]
    tag_pixels = (draw(image, found, ["thing"]) == instance_colour(0)).all(2).sum()
    expected = (free == instance_colour(0)).all(2).sum()
    assert tag_pixels == pytest.approx(expected, rel=0.1)  # nothing of it is cut off


NAMES = ("\ud800", "a\x00\x1b[2J\nb", "x" * 10**6, "\u4eba \U0001f600", "")


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name_can_be_drawn(name):
    picture = draw(np.zeros((900, 1000, 3), np.uint8), square_detections(), [name])
    assert picture.any()


def test_tags_avoid_each_other():
    one = square_detections()
    twice = Detections(
        np.repeat(one.boxes, 2, 0),
        np.repeat(one.scores, 2),
        np.repeat(one.labels, 2),
        np.zeros((2, 900, 1000), bool),
        one.image_size,
    )
    picture = picture_of(twice)
    areas = [(picture == instance_colour(index)).all(2).sum() for index in (0, 1)]
    assert areas[0] > 0 and areas[0] == pytest.approx(areas[1], rel=0.05)


def test_colours_differ():
    colours = np.array([instance_colour(index) for index in range(100)], int)
    distances = np.abs(colours[:-1] - colours[1:]).sum(1)
    assert distances.min() > 100
    assert len(np.unique(colours, axis=0)) == 100


def test_zoom_cuts_and_enlarges():
    image = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    np.testing.assert_array_equal(zoom(image, (2, 1, 5, 4)), image[1:4, 2:5])
    assert zoom(image, (1.6, 1, 4.2, 3), factor=4).shape == (8, 16, 3)
    assert zoom(image, (-5, -5, 3, 100)).shape == (6, 3, 3)
    assert zoom(image, (50, 50, 60, 60)).shape == (1, 1, 3)
