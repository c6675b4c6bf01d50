"""Outputs of fixed size become flat ones."""

import numpy as np
import pytest

from refinemask.errors import RefineMaskError
from refinemask.inference.outputs import flat_outputs
from refinemask.inference.padded_outputs import PaddedArrays, PaddedOutputs, unpad
from refinemask.inference.structures import RawArrays


def padded(**changes) -> PaddedArrays:
    """Return three slots for each of three images, of which 1, 0 and 2 have a detection."""
    outputs = PaddedOutputs(
        boxes=np.arange(36, dtype=np.float32).reshape(3, 3, 4),
        scores=np.array([[0.5, 0, 0], [0, 0, 0], [0.9, 0.7, 0]], np.float32),
        labels=np.array([[4, -1, -1], [-1, -1, -1], [0, 2, -1]]),
        masks=np.ones((3, 3, 2, 2), np.float32),
        num_detections=np.array([1, 0, 2]),
        truncated=np.array([False, False, True]),
    )
    return outputs._replace(**changes)


def test_slots_without_a_detection_are_left_out():
    flat = unpad(padded())
    assert flat.boxes[:, 0].tolist() == [0, 24, 28]
    assert flat.scores.tolist() == [np.float32(0.5), np.float32(0.9), np.float32(0.7)]
    assert flat.labels.tolist() == [4, 0, 2]
    assert flat.image_index.tolist() == [0, 2, 2]
    assert flat.image_index.dtype == np.int64
    assert flat.masks.shape == (3, 2, 2)


def test_no_detections():
    flat = unpad(padded(num_detections=np.zeros(3, np.int64)))
    assert flat.map(np.shape) == ((0, 4), (0,), (0,), (0,), (0, 2, 2))


def test_flat_outputs_stay_as_they_are():
    flat = RawArrays(*unpad(padded()))
    assert flat_outputs(flat, "m.onnx") is flat


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_detections": np.array([1, 0, 4])}, r"num_detections of \[1, 0, 4\], not from 0 to"),
        ({"num_detections": np.array([1, -1, 2])}, "num_detections of"),
        ({"num_detections": np.array([1, 0])}, r"num_detections .* \(2,\), not int64 and \(3,\)"),
        ({"num_detections": np.zeros(3)}, "num_detections of the type float64"),
        ({"truncated": np.zeros(3)}, "truncated of the type float64"),
        ({"scores": np.zeros(3, np.float32)}, "scores of the type float32 and the shape"),
        ({"scores": np.zeros((3, 2), np.float32)}, "boxes of .* not float32 and "),
        ({"masks": np.zeros(3, np.float32)}, "masks of the type"),
        ({"labels": np.zeros((3, 3), np.float32)}, "labels of the type float32"),
    ],
)
def test_outputs_that_do_not_agree(changes, message):
    with pytest.raises(RefineMaskError, match=rf"^m\.onnx returned {message}") as error:
        flat_outputs(padded(**changes), "m.onnx")
    assert "\n" not in str(error.value)
