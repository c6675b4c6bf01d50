"""Masks pasted into images, against PyTorch and pycocotools."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refinemask.inference import native, pasting
from refinemask.inference.pasting import paste_mask, paste_masks, paste_rle, rle_masks
from refinemask.inference.rle import encode_rle
from refinemask.inference.structures import Detections

COORDINATE = st.floats(-60, 120, width=32) | st.integers(-60, 120).map(float)


def test_paste_mask_by_hand():
    probs = np.array([[1, 0], [0, 1]], np.float32)
    # In a box of 4 x 4 the cells' centres are at 1 and 3. Along one axis the pixels weigh the two
    # cells by (0.75, 0), (0.75, 0.25), (0.25, 0.75) and (0, 0.75): the top row is 0.75 * those of
    # cell 0 = 0.56, 0.56, 0.19, 0 and the next is 0.56, 0.63, 0.38, 0.19.
    mask = paste_mask(probs, np.array([1, 0, 5, 4], np.float32), 5, 6)
    rows = ["".join(".#"[pixel] for pixel in row) for row in mask.astype(int)]
    assert rows == [".##...", ".##...", "...##.", "...##.", "......"]


def reference_paste(probs, box, height, width):
    """Paste with torch as the official code does on a CPU; returns the interpolated values."""
    torch = pytest.importorskip("torch")
    x1, y1, x2, y2 = (torch.tensor(value) for value in box)
    left, top = max(int(x1.floor()) - 1, 0), max(int(y1.floor()) - 1, 0)
    right, bottom = min(int(x2.ceil()) + 1, width), min(int(y2.ceil()) + 1, height)
    values = np.zeros((height, width), np.float32)
    if left >= right or top >= bottom:
        return values
    x = (torch.arange(left, right) + 0.5 - x1) / (x2 - x1) * 2 - 1
    y = (torch.arange(top, bottom) + 0.5 - y1) / (y2 - y1) * 2 - 1
    x[torch.isinf(x)] = 0
    y[torch.isinf(y)] = 0
    grid = torch.stack((x.expand(len(y), -1), y[:, None].expand(-1, len(x))), -1)[None]
    pasted = torch.nn.functional.grid_sample(
        torch.from_numpy(probs)[None, None], grid, align_corners=False
    )
    values[top:bottom, left:right] = pasted[0, 0].nan_to_num(0).numpy()
    return values


def blobs(seed, size):
    """Smooth random probabilities."""
    coarse = np.random.default_rng(seed).random((5, 5), np.float32)
    return np.ascontiguousarray(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC))


@settings(max_examples=300)
@given(
    st.lists(COORDINATE, min_size=4, max_size=4),
    st.sampled_from([1, 2, 28, 112]),
    st.integers(0, 99),
)
def test_paste_mask_equals_grid_sample(corners, size, seed):
    x1, x2 = sorted(corners[:2])
    y1, y2 = sorted(corners[2:])
    box = np.array([x1, y1, x2, y2], np.float32)
    probs = blobs(seed, size)
    expected = reference_paste(probs, box, 48, 64)
    found = paste_mask(probs, box, 48, 64)
    certain = np.abs(expected - 0.5) > 1e-5 * max(np.abs(expected).max(), 1)
    np.testing.assert_array_equal(found[certain], expected[certain] >= 0.5)


@pytest.mark.parametrize(
    "box",
    [
        (3, 4, 3, 30),  # no width
        (3, 4, 20, 4),  # no height
        (3.5, 4.5, 3.5, 4.5),  # no extent, at a pixel's centre: 0/0
        (7, 7, 7.0001, 7.0001),
        (-1e6, -1e6, 1e6, 1e6),
        (-300, -200, 2000, 2500),
        (-50, -50, -20, -20),
        (100, 100, 120, 130),
        (0, 0, 64, 48),
    ],
)
def test_paste_mask_of_extreme_boxes(box):
    corners = np.array(box, np.float32)
    probs = blobs(1, 28)
    expected = reference_paste(probs, corners, 48, 64)
    found = paste_mask(probs, corners, 48, 64)
    certain = np.abs(expected - 0.5) > 1e-5
    np.testing.assert_array_equal(found[certain], expected[certain] >= 0.5)
    assert paste_rle(probs, corners, 48, 64) == encode_rle(found)


def test_paste_mask_of_broken_boxes_is_empty():
    for box in ([np.nan] * 4, [0, 0, np.inf, 9]):
        assert not paste_mask(np.ones((4, 4), np.float32), np.array(box, np.float32), 9, 9).any()


def test_paste_mask_in_strips_equals_the_whole(monkeypatch):
    box = np.array([-3.3, 2.2, 50.7, 44.9], np.float32)
    monkeypatch.setattr(native, "kernels", lambda: None)
    whole = paste_mask(blobs(2, 112), box, 48, 64)
    monkeypatch.setattr(pasting, "_STRIP_PIXELS", 100)
    np.testing.assert_array_equal(paste_mask(blobs(2, 112), box, 48, 64), whole)
    assert paste_rle(blobs(2, 112), box, 48, 64) == encode_rle(whole)


@settings(max_examples=300)
@given(
    st.lists(COORDINATE, min_size=4, max_size=4),
    st.integers(1, 70),
    st.integers(1, 70),
    st.sampled_from(["blobs", "ones", "zeros", "noise"]),
    st.integers(0, 99),
)
def test_paste_rle_equals_pycocotools(corners, height, width, kind, seed):
    coco = pytest.importorskip("pycocotools.mask")
    x1, x2 = sorted(corners[:2])
    y1, y2 = sorted(corners[2:])
    box = np.array([x1, y1, x2, y2], np.float32)
    probs = {
        "blobs": blobs(seed, 28),
        "ones": np.ones((28, 28), np.float32),
        "zeros": np.zeros((28, 28), np.float32),
        "noise": np.random.default_rng(seed).random((112, 112), np.float32),
    }[kind]
    mask = paste_mask(probs, box, height, width)
    expected = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    found = paste_rle(probs, box, height, width)
    assert found == {"size": [height, width], "counts": expected["counts"].decode()}


def test_paste_rle_of_a_huge_image_is_cheap_in_memory():
    tracemalloc = pytest.importorskip("tracemalloc")
    probs = np.full((112, 112), 0.9, np.float32)
    box = np.array([10, 10, 7990, 5990], np.float32)
    tracemalloc.start()
    rle = paste_rle(probs, box, 6000, 8000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rle["size"] == [6000, 8000]
    assert peak < 20e6  # the canvas would be 48 MB


def test_rle_masks_of_each_format():
    boxes = np.array([[1, 2, 30, 40], [5, 5, 60, 20]], np.float32)
    probs = np.stack([blobs(3, 28), blobs(4, 28)])
    bitmaps = paste_masks(probs, boxes, 48, 64)
    rles = [encode_rle(mask) for mask in bitmaps]
    scores, labels = np.ones(2, np.float32), np.zeros(2, np.int64)
    for masks in (probs, bitmaps, rles):
        assert rle_masks(Detections(boxes, scores, labels, masks, (48, 64))) == rles
