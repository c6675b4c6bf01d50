"""Detections as those of supervision: the fields that it documents, there and back."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from refinemask.errors import RefineMaskError
from refinemask.inference.rle import encode_rle
from refinemask.inference.structures import Detections
from refinemask.inference.supervision_format import from_supervision, supervision_fields

SIZE = (20, 30)


def detections_of(form):
    boxes = np.array([[3, 2, 9, 5], [20, 10, 30, 20]], np.float32)
    masks = np.zeros((2, *SIZE), bool)
    masks[0, 2:5, 3:9] = masks[1, 10:, 20:] = True
    forms: dict[str, Any] = {
        "bitmap": masks,
        "rle": [encode_rle(mask) for mask in masks],
        "probs": np.ones((2, 28, 28), np.float32),
    }
    scores, labels = np.array([0.9, 0.5], np.float32), np.array([1, 0])
    return Detections(boxes, scores, labels, forms[form], SIZE)


def supervision_detections(**fields):
    """Stand for supervision.Detections, with its fields and defaults."""
    return SimpleNamespace(**{"mask": None, "confidence": None, "class_id": None} | fields)


@pytest.mark.parametrize("form", ["bitmap", "rle", "probs"])
def test_there_and_back(form):
    fields = supervision_fields(detections_of(form), ("cat", "dog"))
    assert fields["data"]["class_name"].tolist() == ["dog", "cat"]
    found, expected = from_supervision(supervision_detections(**fields)), detections_of("bitmap")
    for name in ("boxes", "scores", "labels", "masks"):
        values = getattr(found, name)
        np.testing.assert_array_equal(values, getattr(expected, name))
        assert values.dtype == getattr(expected, name).dtype
    assert found.image_size == SIZE


def test_names_are_left_out_where_none_are_given():
    assert set(supervision_fields(detections_of("rle"))) == {
        "xyxy",
        "mask",
        "confidence",
        "class_id",
    }


def test_defaults():
    fields = supervision_fields(detections_of("bitmap"))
    found = from_supervision(supervision_detections(xyxy=fields["xyxy"], mask=fields["mask"]))
    assert (found.scores.tolist(), found.labels.tolist()) == ([1, 1], [0, 0])
    none = from_supervision(supervision_detections(xyxy=np.zeros((0, 4))), SIZE)
    assert len(none) == 0
    assert np.asarray(none.masks).shape == (0, *SIZE)


def test_refused():
    boxes = supervision_detections(xyxy=np.zeros((2, 4)))
    with pytest.raises(RefineMaskError, match=r"have no masks; predict them .* model.segment"):
        from_supervision(boxes, SIZE)
    boxes.mask = np.zeros((2, 5, 7), bool)
    message = r"2 detections in an image of 30 x 20 .* shape \(2, 20, 30\), got \(2, 5, 7\)"
    with pytest.raises(RefineMaskError, match=message):
        from_supervision(boxes, SIZE)
