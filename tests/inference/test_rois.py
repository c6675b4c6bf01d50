"""Boxes that users give: clipped to the image where they have a meaning, refused where not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinemask.configs.presets import maskrcnn_small
from refinemask.errors import RefineMaskError
from refinemask.inference.processing import prepare
from refinemask.inference.rois import check_rois, given_boxes

CLASSES = ("cat", "dog", "cow")
SIZE = (50, 80)


def boxes(corners, labels=None, scores=None, class_names=("cat",)):
    return given_boxes(corners, labels, scores, class_names, SIZE)


@pytest.mark.parametrize(
    ("corners", "clipped", "empty"),
    [
        ([10, 5, 30, 25], [10, 5, 30, 25], False),
        ([-9, -9, 200, 200], [0, 0, 80, 50], False),
        ([-9, 5, 30, 1e30], [0, 5, 30, 50], False),
        ([100, 5, 120, 25], [80, 5, 80, 25], True),
        ([-20, -20, -10, -10], [0, 0, 0, 0], True),
        ([10, 5, 10, 25], [10, 5, 10, 25], True),
        ([10, 5, 30, 5], [10, 5, 30, 5], True),
    ],
)
def test_boxes_are_clipped_to_the_image(corners, clipped, empty):
    found = boxes([corners])
    assert found.boxes.tolist() == [clipped]
    assert found.empty.tolist() == [empty]
    assert (found.scores.tolist(), found.labels.tolist()) == ([1.0], [0])


@pytest.mark.parametrize("none", [[], np.zeros((0, 4)), np.zeros(0)])
def test_no_boxes(none):
    found = boxes(none, class_names=CLASSES)
    assert (found.boxes.shape, found.labels.shape, found.scores.shape) == ((0, 4), (0,), (0,))
    assert found.rois(prepare(np.zeros((*SIZE, 3), np.uint8), 64, 96)).shape == (0, 5)


@pytest.mark.parametrize(
    ("corners", "message"),
    [
        ([[0, 0, 9, 9], [0, np.nan, 9, 9]], r"box 1: its corners must be finite, got \[0.0, nan"),
        ([[0, 0, np.inf, 9]], "box 0: its corners must be finite"),
        ([[9, 0, 5, 9]], r"box 0: it ends before it begins, got \[9.0, 0.0, 5.0, 9.0\]; corners"),
        ([[0, 9, 5, 5]], "box 0: it ends before it begins"),
        ([0, 0, 9, 9], r"shape \(number, 4\), x1, y1, x2, y2 of each, got \(4,\)"),
        ([[0, 0, 9, 9, 1]], r"got \(1, 5\)"),
        ([["a", 0, 9, 9]], "boxes must be numbers"),
        ([[0, 0, 9, 9], [0]], "boxes must be numbers"),
        (np.zeros((1001, 4)), "up to 1000 boxes, got 1001"),
    ],
)
def test_what_is_no_box(corners, message):
    with pytest.raises(RefineMaskError, match=message):
        boxes(corners)


ONE = [[0, 0, 9, 9]]


@pytest.mark.parametrize(
    ("labels", "index"), [(["dog"], 1), ([2], 2), (np.array([0]), 0), (np.array(["cow"]), 2)]
)
def test_labels_are_names_or_indices(labels, index):
    found = boxes(ONE, labels, class_names=CLASSES)
    assert found.labels.tolist() == [index] and found.labels.dtype == np.int64


@pytest.mark.parametrize("labels", [None, ["dog"], [17], [-1]])
def test_a_model_of_one_class_takes_any_label(labels):
    assert boxes(ONE, labels).labels.tolist() == [0]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "the model has 3 classes: give the label of each box, one of cat, dog, cow"),
        (["horse"], r"box 0 has the label 'horse', which is no class of the model \(cat, dog, cow"),
        ([3], "box 0 has the label 3, and the labels of the model are 0 to 2"),
        ([-1], "box 0 has the label -1"),
        ([1.5], "box 0 has the label 1.5"),
        (["cat", "dog"], r"labels must be 1 names or indices, one for each box, got .* \(2,\)"),
        ("cat", r"got the shape \(\)"),
    ],
)
def test_what_is_no_label(labels, message):
    with pytest.raises(RefineMaskError, match=message):
        boxes(ONE, labels, class_names=CLASSES)


@pytest.mark.parametrize("scores", [[1, 2], [np.nan], ["high"], 0.5])
def test_what_is_no_score(scores):
    with pytest.raises(RefineMaskError, match="scores must be"):
        boxes(ONE, scores=scores)


@given(
    st.lists(st.tuples(*[st.floats(-1e9, 1e9)] * 4), max_size=5),
    st.integers(1, 500),
    st.integers(1, 500),
)
def test_what_is_given_to_the_network_is_what_it_takes(corners, height, width):
    ordered = np.sort(np.array(corners).reshape(-1, 2, 2), axis=1).reshape(-1, 4)
    prepared = prepare(np.zeros((height, width, 3), np.uint8), 64, 96)
    found = given_boxes(ordered, None, None, ("cat",), prepared.original_size)
    images = prepared.image[None].shape
    check_rois(found.rois(prepared), found.labels, maskrcnn_small(1), images)
    assert (found.boxes >= 0).all() and (found.boxes <= [width, height] * 2).all()


@pytest.mark.parametrize(
    ("rois", "labels", "message"),
    [
        (np.zeros((1, 4), np.float32), [0], r"rois must be a float32 .* got float32 \(1, 4\)"),
        (np.zeros((1, 5)), [0], "rois must be a float32 array"),
        (np.zeros((1, 5), np.float32), [0, 0], r"labels must be an int64 array of shape \(1,\)"),
        ([[2, 0, 0, 9, 9]], [0], "an image index from 0 to 1"),
        ([[0.5, 0, 0, 9, 9]], [0], "an image index from 0 to 1"),
        ([[0, 0, 0, 98, 9]], [0], "inside of the padded 64 x 96 pixels"),
        ([[0, -3, 0, 9, 9]], [0], "inside of the padded"),
        ([[0, 9, 0, 5, 9]], [0], "x1 <= x2"),
        ([[0, np.nan, 0, 5, 9]], [0], "inside of the padded"),
        ([[0, 0, 0, 9, 9]], [2], "labels must be from 0 to 1, got 2 to 2"),
        ([[0, 0, 0, 9, 9]], [-1], "labels must be from 0 to 1"),
        (np.zeros((2001, 5), np.float32), [0] * 2001, "2 images may have up to 2000 rois"),
    ],
)
def test_rois_that_no_network_takes(rois, labels, message):
    rois = np.asarray(rois, np.float32) if isinstance(rois, list) else rois
    with pytest.raises(RefineMaskError, match=message):
        check_rois(rois, np.array(labels, np.int64), maskrcnn_small(2), (2, 64, 96, 3))
