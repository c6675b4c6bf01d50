"""Resizing, padding, pasting and selecting."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refinemask.errors import RefineMaskError
from refinemask.inference.processing import (
    Prepared,
    encode_rle,
    paste_mask,
    paste_rle,
    postprocess,
    prepare,
    resized_size,
)
from refinemask.inference.structures import RawArrays

COORDINATE = st.floats(-60, 120, width=32) | st.integers(-60, 120).map(float)


@pytest.mark.parametrize(
    ("size", "sides", "expected"),
    [
        ((480, 640), (800, 1333), (800, 1067)),  # short side decides
        ((427, 1280), (800, 1333), (445, 1333)),  # long side decides: 444.68 rounds up
        ((1200, 600), (800, 1333), (1333, 667)),  # portrait: 666.5 rounds up
        ((1, 1), (800, 1333), (800, 800)),
        ((20, 20000), (800, 1333), (1, 1333)),
        ((1, 30000), (384, 512), (1, 512)),  # 0.017 becomes at least 1
    ],
)
def test_resized_size(size, sides, expected):
    assert resized_size(*size, *sides) == expected


def test_prepare_resizes_and_pads():
    image = np.random.default_rng(0).integers(1, 256, (50, 70, 3), np.uint8)
    prepared = prepare(image, 60, 100)
    assert prepared.size == (60, 84)
    assert prepared.original_size == (50, 70)
    assert prepared.image.shape == (64, 96, 3)
    assert prepared.scale_factor.dtype == np.float32
    np.testing.assert_allclose(prepared.scale_factor, [1.2, 1.2, 1.2, 1.2])
    expected = cv2.resize(image, (84, 60), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(prepared.image[:60, :84], expected)
    assert not prepared.image[60:].any()
    assert not prepared.image[:, 84:].any()


def test_prepare_has_a_factor_for_each_axis():
    prepared = prepare(np.zeros((3, 1000, 3), np.uint8), 800, 1333)
    np.testing.assert_allclose(prepared.scale_factor, [1.333, 4 / 3, 1.333, 4 / 3], rtol=1e-6)
    assert prepared.image.shape == (32, 1344, 3)


def test_prepare_fits_a_fixed_canvas():
    prepared = prepare(np.zeros((1000, 500, 3), np.uint8), 800, 1333, canvas=(800, 1344))
    assert prepared.size == (800, 400)
    assert prepared.image.shape == (800, 1344, 3)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((5, 5), np.uint8),
        np.zeros((5, 5, 4), np.uint8),
        np.zeros((5, 5, 3), np.float32),
        np.zeros((0, 5, 3), np.uint8),
    ],
)
def test_prepare_refuses_other_arrays(image):
    with pytest.raises(RefineMaskError, match="uint8 RGB array of shape"):
        prepare(image, 800, 1333)


def prepared_like(size, scale):
    factors = np.array([scale] * 4, np.float32)
    return Prepared(np.zeros((32, 32, 3), np.uint8), (0, 0), factors, size)


def process(count, prepared, *options, size=8, **named):
    """Postprocess `count` detections with scores from 0.9 down to 0.1 and labels 0, 1, ..."""
    outputs = RawArrays(
        np.tile(np.array([[10, 20, 50, 60]], np.float32), (count, 1)),
        np.linspace(0.9, 0.1, count, dtype=np.float32),
        np.arange(count, dtype=np.int64),
        np.zeros(count, np.int64),
        np.ones((count, size, size), np.float32),
    )
    return postprocess(outputs, prepared, *options, **named)


def test_postprocess_returns_to_the_original_image():
    found = process(1, prepared_like((100, 90), 2.0))
    assert found.boxes.tolist() == [[5, 10, 25, 30]]
    assert found.image_size == (100, 90)
    masks = np.asarray(found.masks)
    assert masks.dtype == bool and masks.shape == (1, 100, 90)
    assert masks[0, 12:28, 7:23].all()
    assert not masks[0, 30:].any() and not masks[0, :, 25:].any()


@pytest.mark.parametrize(
    ("threshold", "most", "labels"),
    [(0.0, None, [0, 1, 2]), (0.5, None, [0, 1]), (0.0, 1, [0]), (0.95, None, []), (0, 0, [])],
)
@pytest.mark.parametrize("form", ["bitmap", "rle", "probs"])
def test_postprocess_selects(form, threshold, most, labels):
    found = process(3, prepared_like((70, 60), 1.0), form, threshold, most)
    assert found.labels.tolist() == labels
    assert len(found) == len(found.boxes) == len(found.masks) == len(labels)


@pytest.mark.parametrize(
    ("form", "shape"), [("bitmap", (0, 70, 60)), ("probs", (0, 28, 28)), ("rle", (0,))]
)
def test_postprocess_without_detections(form, shape):
    found = process(0, prepared_like((70, 60), 1.0), form, size=28)
    assert np.asarray(found.masks).shape == shape
    assert found.boxes.shape == (0, 4)
    assert (found.boxes.dtype.name, found.labels.dtype.name) == ("float32", "int64")


def test_postprocess_refuses_wrong_options():
    prepared = prepared_like((70, 60), 1.0)
    with pytest.raises(RefineMaskError, match="'polygon'; choose one of bitmap, rle, probs"):
        process(1, prepared, "polygon")
    with pytest.raises(RefineMaskError, match=">= 0, got -1"):
        process(1, prepared, max_detections=-1)


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


@settings(max_examples=300, deadline=None)
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
    certain = np.abs(expected - 0.5) > 1e-6 * max(np.abs(expected).max(), 1)
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
    certain = np.abs(expected - 0.5) > 1e-6
    np.testing.assert_array_equal(found[certain], expected[certain] >= 0.5)
    assert paste_rle(probs, corners, 48, 64) == encode_rle(found)


def test_paste_mask_of_broken_boxes_is_empty():
    for box in ([np.nan] * 4, [0, 0, np.inf, 9]):
        assert not paste_mask(np.ones((4, 4), np.float32), np.array(box, np.float32), 9, 9).any()


def test_paste_mask_in_strips_equals_the_whole(monkeypatch):
    box = np.array([-3.3, 2.2, 50.7, 44.9], np.float32)
    whole = paste_mask(blobs(2, 112), box, 48, 64)
    monkeypatch.setattr("refinemask.inference.processing._STRIP_PIXELS", 100)
    np.testing.assert_array_equal(paste_mask(blobs(2, 112), box, 48, 64), whole)
    assert paste_rle(blobs(2, 112), box, 48, 64) == encode_rle(whole)


@settings(max_examples=300, deadline=None)
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
