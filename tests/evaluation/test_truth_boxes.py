"""Masks for the boxes of the annotations: the mask head is measured without its detector."""

from pathlib import Path

import numpy as np
import pytest

from refinemask.errors import RefineMaskError, WrongUsage
from refinemask.evaluation import RenamedClasses, evaluate
from refinemask.evaluation.options import EvalOptions
from refinemask.inference.rle import encode_rle
from refinemask.inference.structures import Detections
from tests.evaluation.test_run import NAMES, SIZE, Oracle, make_dataset


class Filler:
    """Fills the boxes that it is given, and detects nothing."""

    def __init__(self, class_names=("cat", "dog")):
        self.class_names = class_names
        self.category_ids = tuple(range(len(class_names)))
        self.given = []

    def predict(self, *_):
        raise AssertionError("nothing is to be detected")

    def segment(self, image, boxes, labels=None, scores=None, masks="bitmap"):
        assert (masks, scores) == ("rle", None)
        self.given.append((int(image[0, 0, 0]), np.asarray(boxes).tolist(), labels.tolist()))
        filled = []
        for x1, y1, x2, y2 in np.asarray(boxes, int):
            mask = np.zeros(SIZE, bool)
            mask[y1:y2, x1:x2] = True
            filled.append(encode_rle(mask))
        count = len(boxes)
        corners = np.asarray(boxes, np.float32)
        return Detections(corners, np.ones(count, np.float32), labels, filled, SIZE)


def test_every_annotated_box_is_segmented_once():
    filler = Filler(("dog", "cat"))
    dataset = make_dataset([(0, 11), (2, 12)])
    figures = evaluate(filler, dataset, ground_truth_boxes=True)
    square = [15, 10, 35, 30]
    assert filler.given == [(0, [square], [1]), (1, [], []), (2, [square], [0])]
    for kind in ("box", "mask", "boundary"):
        assert figures[kind]["AP"] == pytest.approx(1)


def test_crowds_and_other_classes_are_left_out():
    filler = Filler(("cat",))
    dataset = make_dataset([(0, 11), (0, 12), (1, 11)])
    dataset.ground_truth["annotations"][2]["iscrowd"] = 1
    evaluate(filler, dataset, ground_truth_boxes=True)
    assert [len(boxes) for _, boxes, _ in filler.given] == [1, 0, 0]


def test_renamed_classes():
    dataset = make_dataset([(0, 11)])
    filler = Filler(("kitten", "dog"))
    renamed = RenamedClasses(filler, {"kitten": "cat"}, dataset)
    assert evaluate(renamed, dataset, ground_truth_boxes=True)["mask"]["AP"] == pytest.approx(1)
    assert filler.given[0][2] == [0]


def test_results_have_boxes_of_their_own():
    with pytest.raises(WrongUsage, match="--ground-truth-boxes requires a model or an artifact"):
        EvalOptions("val.json", results=Path("results.json"), ground_truth_boxes=True)


def test_a_predictor_without_segment():
    dataset = make_dataset([(0, 11)])
    oracle = Oracle(dataset, tuple(NAMES.values()))
    with pytest.raises(RefineMaskError, match="need a predictor with the method segment, got a Or"):
        evaluate(oracle, dataset, ground_truth_boxes=True)
    with pytest.raises(RefineMaskError, match="Oracle has no method segment"):
        evaluate(RenamedClasses(oracle, {}, dataset), dataset, ground_truth_boxes=True)
