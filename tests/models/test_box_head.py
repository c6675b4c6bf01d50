"""From box-head outputs to detections by hand (numerics 5)."""

from dataclasses import replace

import pytest
import torch

from refinemask.configs.config import MMDETECTION
from refinemask.models.box_head import select_detections

SIZES = torch.tensor([[100, 100], [50, 80]])


def select(rows, threshold=0.05, limit=100, sizes=SIZES, deltas=None):
    """Select from (image, x1, y1, x2, y2, [class probabilities], background last) rows."""
    rois = torch.tensor([row[:5] for row in rows], dtype=torch.float32)
    logits = torch.tensor([row[5] for row in rows]).log()
    if deltas is None:
        deltas = torch.zeros(len(rows), logits.shape[1] - 1, 4)
    image, boxes, scores, labels = select_detections(logits, deltas, rois, sizes, threshold, limit)
    return list(zip(image.tolist(), boxes.tolist(), scores.tolist(), labels.tolist(), strict=True))


def test_a_roi_may_give_several_classes_and_background_none():
    found = select([(0, 10, 10, 20, 20, [0.5, 0.04, 0.3, 0.16])])
    assert [d[3] for d in found] == [0, 2]
    assert [d[2] for d in found] == pytest.approx([0.5, 0.3])
    assert all(box == [10, 10, 20, 20] for _, box, _, _ in found)


def test_suppression_is_by_class_and_image():
    rows = [
        (0, 10, 10, 20, 20, [0.6, 0.1, 0.3]),
        (0, 10, 10, 20, 21, [0.5, 0.2, 0.3]),
        (1, 10, 10, 20, 20, [0.4, 0.3, 0.3]),
    ]
    kept = [(image, label, round(score, 4)) for image, _, score, label in select(rows)]
    assert kept == [(0, 0, 0.6), (0, 1, 0.2), (1, 0, 0.4), (1, 1, 0.3)]


def test_deltas_of_the_class_move_the_box_and_the_image_clips_it():
    deltas = torch.zeros(1, 2, 4)
    deltas[0, 1, 0] = 10.0  # a shift by the width, after the factor 0.1
    found = select([(1, 60, 10, 75, 30, [0.4, 0.5, 0.1])], deltas=deltas)
    assert [(d[3], d[1]) for d in found] == [(1, [75, 10, 80, 30]), (0, [60, 10, 75, 30])]


def test_threshold_is_exclusive_and_the_limit_holds_for_each_image():
    rows = [
        (i, 20 * k, 0, 20 * k + 9, 9, [0.25, 0.5 - k / 8, 0.25 + k / 8])
        for i in (0, 1)
        for k in range(3)
    ]
    labels = [(image, label) for image, _, _, label in select(rows, threshold=0.25)]
    assert labels == [(0, 1), (0, 1), (1, 1), (1, 1)]
    assert [d[0] for d in select(rows, limit=3)] == [0, 0, 0, 1, 1, 1]


def test_an_image_without_rois():
    found = select([(1, 0, 0, 9, 9, [0.9, 0.1])], sizes=SIZES.repeat(2, 1))
    assert [d[0] for d in found] == [1]
    logits, deltas, rois = torch.zeros(0, 3), torch.zeros(0, 2, 4), torch.zeros(0, 5)
    assert len(select_detections(logits, deltas, rois, SIZES, 0.05, 100)[0]) == 0


def test_small_detections_are_dropped_where_that_is_the_convention():
    rois = torch.tensor([[0.0, 10, 10, 30, 10.5], [0.0, 50, 50, 70, 70]])
    logits = torch.tensor([[0.6, 0.4], [0.5, 0.5]]).log()
    deltas, sizes = torch.zeros(2, 1, 4), SIZES[:1]
    for least, expected in ((0.0, [10, 50]), (1.0, [50])):
        conventions = replace(MMDETECTION, min_detection_side=least)
        _, boxes, _, _ = select_detections(logits, deltas, rois, sizes, 0.05, 100, conventions)
        assert boxes[:, 0].tolist() == expected
