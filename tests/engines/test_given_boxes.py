"""Engines that are given boxes: the contract on a toy artifact, and the other kind of artifact."""

import numpy as np
import pytest

import refinemask.engines
from refinemask.engines.base import Engine
from refinemask.errors import RefineMaskError
from refinemask.inference.metadata import InputLimits
from tests.engines.conftest import CPU_RUNTIMES

GRAPH = """
<ir_version: 10, opset_import: ["" : 18]>
brightness_in_boxes (
    uint8[B, H, W, 3] images, int64[B, 2] image_sizes, float[K, 5] rois, int64[K] labels
) => (float[K, 28, 28] masks)
<float[1] white = {255.0}, int64[3] pixels = {1, 2, 3}, int64[1] column = {0},
 int64[1] last = {1}, int64[2] sides = {28, 28}, int64[2] spread = {1, 2}>
{
    values = Cast<to = 1>(images)
    means = ReduceMean<keepdims = 0>(values, pixels)
    bright = Div(means, white)
    index = Gather<axis = 1>(rois, column)
    image = Cast<to = 7>(index)
    flat = Squeeze(image, last)
    each = Gather(bright, flat)
    sizes = Gather(image_sizes, flat)
    count = Shape(labels)
    shape = Concat<axis = 0>(count, sides)
    wide = Unsqueeze(each, spread)
    masks = Expand(wide, shape)
}
"""
"""Masks filled with the brightness of the image of each box."""


@pytest.fixture(params=CPU_RUNTIMES)
def engine(request, make_artifact):
    pytest.importorskip(request.param)
    path = make_artifact(graph=GRAPH, outputs="masks", class_names=("cat", "dog"))
    return refinemask.engines.open(path, request.param)


def grey(*levels):
    images = np.stack([np.full((64, 96, 3), level, np.uint8) for level in levels])
    return images, np.array([[60, 80]] * len(levels), np.int64)


@pytest.mark.parametrize("order", [[], [0], [1, 0, 1, 1]])
def test_boxes_of_several_images_in_any_order(engine, order):
    rois = np.array([[image, 1, 2, 30, 40] for image in order], np.float32).reshape(-1, 5)
    masks = engine.run_rois(*grey(51, 204), rois, np.zeros(len(order), np.int64))
    assert (masks.dtype, masks.shape) == (np.float32, (len(order), 28, 28))
    np.testing.assert_allclose(masks[:, 0, 0], [[0.2, 0.8][image] for image in order], rtol=1e-6)


def test_segment_keeps_boxes_scores_and_order(engine):
    image = np.full((128, 160, 3), 255, np.uint8)  # resized to half of its size
    boxes = [[20, 30, 60, 90], [-10, 100, 50, 500], [8, 8, 8, 9], [300, 0, 400, 9]]
    found = engine.segment(image, boxes, ["dog", "cat", "dog", "cat"], [0.1, 0.9, 0.5, 0.2])
    expected = [[20, 30, 60, 90], [0, 100, 50, 128], [8, 8, 8, 9], [160, 0, 160, 9]]
    assert found.boxes.tolist() == expected
    np.testing.assert_allclose(found.scores, [0.1, 0.9, 0.5, 0.2])
    assert found.labels.tolist() == [1, 0, 1, 0]
    assert found.image_size == (128, 160)
    masks = np.asarray(found.masks)
    assert masks.shape == (4, 128, 160) and masks.dtype == bool
    assert masks[0, 31:89, 21:59].all() and not masks[0, :28].any() and not masks[0, :, 62:].any()
    assert masks[1].any() and not masks[2:].any()  # without area in the image
    rle = engine.segment(image, boxes, ["dog", "cat", "dog", "cat"], masks="rle").masks
    assert [one["size"] for one in rle] == [[128, 160]] * 4
    probs = engine.segment(image, boxes[:2], [0, 0], masks="probs").masks
    assert np.shape(probs) == (2, 28, 28)


def test_no_boxes(engine):
    image = np.zeros((40, 50, 3), np.uint8)
    for masks, shape in (("bitmap", (0, 40, 50)), ("probs", (0, 28, 28)), ("rle", (0,))):
        found = engine.segment(image, [], [], masks=masks)
        assert len(found) == 0 and np.shape(found.masks) == shape


def test_what_the_model_does_not_take_is_refused(engine):
    image = np.zeros((40, 50, 3), np.uint8)
    with pytest.raises(RefineMaskError, match="box 0 has the label 'cow'"):
        engine.segment(image, [[0, 0, 9, 9]], ["cow"])
    with pytest.raises(RefineMaskError, match="unknown mask format 'polygon'"):
        engine.segment(image, [[0, 0, 9, 9]], ["cat"], masks="polygon")
    with pytest.raises(RefineMaskError, match="an image must be a uint8 RGB array"):
        engine.segment(image[..., 0], [[0, 0, 9, 9]], ["cat"])
    with pytest.raises(RefineMaskError, match="an image index from 0 to 1"):
        rois = np.array([[2, 0, 0, 9, 9]], np.float32)
        engine.run_rois(*grey(1, 2), rois, np.zeros(1, np.int64))


def test_a_fixed_batch_is_filled_up(make_artifact):
    limits = InputLimits(64, 96, batch=3, height=64, width=96)
    graph = GRAPH.replace("[B, H, W, 3]", "[3, 64, 96, 3]").replace("[B, 2]", "[3, 2]")
    path = make_artifact(graph=graph, limits=limits, outputs="masks")
    found = refinemask.engines.open(path).segment(
        np.full((64, 96, 3), 102, np.uint8), [[0, 0, 9, 9]], masks="probs"
    )
    np.testing.assert_allclose(np.asarray(found.masks), 0.4)


def test_an_artifact_that_detects_nothing(engine):
    message = (
        r"toy\.onnx takes the boxes of a detector and detects nothing itself: use it with segment, "
        "or export its model with --outputs detections"
    )
    with pytest.raises(RefineMaskError, match=message):
        engine.predict(np.zeros((40, 50, 3), np.uint8))


def test_an_artifact_that_takes_no_boxes(make_artifact):
    engine = refinemask.engines.open(make_artifact())
    message = (
        r"toy\.onnx detects objects and takes no boxes: use it with predict, or export its model "
        "with --outputs masks"
    )
    with pytest.raises(RefineMaskError, match=message):
        engine.segment(np.zeros((40, 50, 3), np.uint8), [[0, 0, 9, 9]])


def test_a_graph_that_returns_other_masks(make_artifact):
    graph = GRAPH.replace("white = {255.0}", "white = {25.0}")
    engine = refinemask.engines.open(make_artifact(graph=graph, outputs="masks"))
    with pytest.raises(RefineMaskError, match=r"toy\.onnx returned masks from .* not from 0 to 1"):
        engine.segment(np.full((64, 96, 3), 255, np.uint8), [[0, 0, 9, 9]])


def test_a_runtime_without_given_boxes(metadata):
    class Detecting(Engine):
        def _run(self, images, image_sizes):
            raise AssertionError

    engine = Detecting(metadata(outputs="masks"), "m.engine")
    with pytest.raises(RefineMaskError, match=r"m\.engine: this runtime does not take boxes"):
        engine.segment(np.zeros((64, 96, 3), np.uint8), [[0, 0, 9, 9]])
