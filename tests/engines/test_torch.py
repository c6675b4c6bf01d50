"""The torch engine gives what the model gives."""

import copy
import dataclasses
import multiprocessing
from multiprocessing.queues import Queue

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from refinemask.configs.config import InputConfig  # noqa: E402
from refinemask.configs.presets import maskrcnn_small  # noqa: E402
from refinemask.engines.torch import TorchEngine  # noqa: E402
from refinemask.errors import RefineMaskError  # noqa: E402
from refinemask.models import Detector, build_model  # noqa: E402


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = dataclasses.replace(maskrcnn_small(), input=InputConfig(96, 128))
    return build_model(config)


def test_predict_equals_the_model(model):
    image = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    engine = TorchEngine(model, weights="synthetic")
    expected = model.predict(image, masks="probs", max_detections=7)
    found = engine.predict(image, masks="probs", max_detections=7)
    assert len(found) == 7  # untrained: everything is a weak detection
    np.testing.assert_array_equal(found.boxes, expected.boxes)
    np.testing.assert_array_equal(found.scores, expected.scores)
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(np.asarray(found.masks), np.asarray(expected.masks))


def test_batches_and_streams_of_the_model(model):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*size, 3), np.uint8) for size in ((90, 120), (120, 90)) * 2]
    alone = [model.predict(image, masks="rle") for image in images]
    for predictor in (model, TorchEngine(model)):
        for found in (
            predictor.predict_batch(images, masks="rle", batch_size=2),
            list(predictor.predict_stream(images, masks="rle")),
        ):
            assert [one.image_size for one in found] == [one.image_size for one in alone]
            for one, other in zip(found, alone, strict=True):
                np.testing.assert_allclose(one.scores, other.scores, atol=1e-4)


def test_segment_equals_the_model(model):
    image = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    boxes, labels = [[5, 5, 60, 60], [0, 0, 120, 90]], ["person"] * 2
    engine = TorchEngine(model, weights="synthetic")
    assert engine.outputs == ("detections", "masks")
    found, expected = (one.segment(image, boxes, labels, masks="probs") for one in (engine, model))
    masks = np.asarray(expected.masks)
    np.testing.assert_array_equal(np.asarray(found.masks), masks)
    alone = model.segment(image, boxes[1:], labels[1:], masks="probs")
    np.testing.assert_allclose(np.asarray(alone.masks), masks[1:], atol=1e-5)


def test_metadata_describes_the_model(model):
    metadata = TorchEngine(model, weights="synthetic").metadata
    assert (metadata.form, metadata.weights) == ("torch", "synthetic")
    assert metadata.config == model.config.to_dict()
    assert (metadata.input_limits.short_side, metadata.input_limits.long_side) == (96, 128)


def _said_in_child(engine: TorchEngine, model: Detector, said: "Queue[str]") -> None:
    image = np.zeros((90, 120, 3), np.uint8)
    for use in (lambda: engine.predict(image), lambda: TorchEngine(model).predict(image)):
        try:
            use()
        except RefineMaskError as error:
            said.put(str(error))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_neither_it_nor_a_new_one_hangs_in_a_forked_process(model):
    engine = TorchEngine(model)
    engine.predict(np.zeros((90, 120, 3), np.uint8))
    context = multiprocessing.get_context("fork")
    said: Queue[str] = context.Queue()
    child = context.Process(target=_said_in_child, args=(engine, model, said))
    child.start()
    try:
        first, second = said.get(timeout=60), said.get(timeout=60)
    finally:
        child.kill()
        child.join()
    assert first.startswith("maskrcnn_small was opened by another process")
    assert second.startswith("cannot run maskrcnn_small here: this process was forked")
    assert first.endswith("; start processes by the method spawn")
    assert second.endswith("; start processes by the method spawn")


@pytest.mark.parametrize("layer", ["bbox_head.fc_reg", "mask_head.conv_logits"])
def test_weights_that_make_nan_are_noticed(model, layer):
    broken = copy.deepcopy(model)
    broken.roi_head.get_submodule(layer).bias.data.fill_(float("nan"))
    image = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    for predictor in (broken, TorchEngine(broken)):
        with pytest.raises(
            RefineMaskError,
            match=r"maskrcnn_small (returned (x of boxes|masks) from nan|make boxes that are none)",
        ):
            predictor.predict(image)
