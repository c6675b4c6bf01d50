"""Given boxes through the C interface of librefinemask, against the engines in Python."""

import numpy as np
import pytest

import refinemask
from refinemask.inference.polygons import mask_polygons
from tests.engines.c_library import INVALID_ARGUMENT, Boxes, Failure, array, polygons, view
from tests.engines.test_given_boxes import GRAPH

IMAGE = np.random.default_rng(0).integers(100, 256, (128, 160, 3), np.uint8)
CORNERS = [[20, 30, 60, 90], [-10, 100, 50, 500], [8, 8, 8, 9], [300, 0, 400, 9]]
LABELS = [1, 0, 1, 0]
SCORES = [0.1, 0.9, -0.5, 0.2]


class Given:
    """Boxes as C takes them, and the arrays that they point to."""

    def __init__(self, corners=CORNERS, labels=LABELS, scores=SCORES):
        self.corners = np.array(corners, np.float32)
        self.labels = None if labels is None else np.array(labels, np.int64)
        self.scores = None if scores is None else np.array(scores, np.float32)
        pointers = [None if one is None else one.ctypes.data for one in (self.labels, self.scores)]
        self.boxes = Boxes(len(corners), self.corners.ctypes.data, *pointers)


@pytest.fixture
def path(make_artifact):
    return make_artifact(graph=GRAPH, outputs="masks", class_names=("cat", "dog"))


def test_as_in_python(library, path, runtime):
    expected = refinemask.engines.open(path, runtime).segment(IMAGE, CORNERS, LABELS, SCORES)
    with (
        library.opened(path, runtime=runtime) as engine,
        library.segmented(engine, view(IMAGE), Given().boxes) as found,
    ):
        assert library.functions.refinemask_engine_info(engine).contents.outputs == b"masks"
        assert found.count == 4
        np.testing.assert_array_equal(array(found.boxes, (4, 4), np.float32), expected.boxes)
        np.testing.assert_array_equal(array(found.scores, (4,), np.float32), expected.scores)
        assert [found.class_names[i] for i in range(4)] == [b"dog", b"cat", b"dog", b"cat"]
        np.testing.assert_array_equal(array(found.bitmaps, (4, 128, 160), bool), expected.masks)


def test_boxes_without_area_have_empty_masks(library, path):
    expected = refinemask.engines.open(path).segment(IMAGE, CORNERS, LABELS)
    with (
        library.opened(path) as engine,
        library.segmented(engine, view(IMAGE), Given().boxes, masks="polygons") as found,
    ):
        parts = [polygons(outline) for outline in found.outlines[:4]]
        assert [len(one) for one in parts] == [1, 1, 0, 0]
        for polygon, (part,) in zip(parts[:2], mask_polygons(expected)[:2], strict=True):
            np.testing.assert_array_equal(polygon[0], part)


def test_no_boxes(library, path):
    with (
        library.opened(path) as engine,
        library.segmented(engine, view(IMAGE), Boxes(0, None, None, None)) as found,
    ):
        assert found.count == 0


def test_scores_are_one_by_default(library, make_artifact):
    path = make_artifact(graph=GRAPH, outputs="masks", class_names=("cat",), category_ids=(1,))
    with (
        library.opened(path) as engine,
        library.segmented(engine, view(IMAGE), Given(labels=None, scores=None).boxes) as found,
    ):
        assert array(found.scores, (4,), np.float32).tolist() == [1] * 4
        assert array(found.labels, (4,), np.int64).tolist() == [0] * 4


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Given([[0, 0, np.nan, 1]], [0], None), "box 0: corners must be finite"),
        (Given([[0, 0, 1, 1], [5, 0, 4, 9]], [0, 0], None), "box 1: .* got 5, 0, 4, 9"),
        (Given(labels=[0, 2, 0, 0]), "box 1 has the label 2, and those of .* are 0 to 1"),
        (Given(labels=None), "2 classes: give the label of each box"),
        (Given(scores=[0, 1, np.inf, 0]), "box 2 has the score inf"),
        (Given([[0, 0, 1, 1]] * 1001, [0] * 1001, None), "up to 1000 boxes, got 1001"),
    ],
)
def test_boxes_that_are_refused(library, path, given, message):
    with (
        library.opened(path) as engine,
        pytest.raises(Failure, match=message) as failure,
        library.segmented(engine, view(IMAGE), given.boxes),
    ):
        pass
    assert failure.value.status == INVALID_ARGUMENT


def test_each_artifact_does_one_thing(library, path, make_artifact):
    with (
        library.opened(path) as engine,
        pytest.raises(Failure, match=r"use it with refinemask_segment\(\), or .* detections"),
        library.predicted(engine, [view(IMAGE)]),
    ):
        pass
    with (
        library.opened(make_artifact()) as engine,
        pytest.raises(Failure, match=r"takes no boxes: .* refinemask_predict\(\), or .* masks"),
        library.segmented(engine, view(IMAGE), Given().boxes),
    ):
        pass
