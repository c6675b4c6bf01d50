"""Resizing, padding and selecting."""

import cv2
import numpy as np
import pytest

from refinemask.errors import RefineMaskError
from refinemask.inference.processing import Prepared, postprocess, prepare
from refinemask.inference.sizes import resized_size
from refinemask.inference.structures import RawArrays


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
    with pytest.raises(RefineMaskError, match="must be >= 0, got -1"):
        process(1, prepared, max_detections=-1)
