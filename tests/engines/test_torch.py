"""The torch engine gives what the model gives."""

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from refinemask.configs.config import InputConfig  # noqa: E402
from refinemask.configs.presets import maskrcnn_small  # noqa: E402
from refinemask.engines.torch import TorchEngine  # noqa: E402
from refinemask.models import build_model  # noqa: E402


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


def test_metadata_describes_the_model(model):
    metadata = TorchEngine(model, weights="synthetic").metadata
    assert (metadata.form, metadata.weights) == ("torch", "synthetic")
    assert metadata.config == model.config.to_dict()
    assert (metadata.input_limits.short_side, metadata.input_limits.long_side) == (96, 128)
