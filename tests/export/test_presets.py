"""Every mask head, narrow, and every preset become artifacts that pass the gate."""

from dataclasses import replace

import numpy as np
import pytest

from refinemask import engines
from refinemask.checkpoints import synthetic_model
from refinemask.config import RefineMaskConfig, SimpleRefineMaskConfig
from refinemask.engines.torch import TorchEngine
from refinemask.export import export_model
from refinemask.presets import PRESETS, preset, refinemask_small
from tests.export.small import assert_parity, calibrated, photo

SIMPLE = replace(refinemask_small(5), mask_head=SimpleRefineMaskConfig(64, 2, 32, 2))
LVIS = replace(
    refinemask_small(1203),
    mask_head=RefineMaskConfig(32, 1, 32, 1, class_agnostic_final=True),
    score_threshold=1e-4,
    max_detections=300,
)


def lvis():
    """Return a model with scores a quarter as steep as the recipe has them: rounding shows less."""
    model = synthetic_model(LVIS)
    classifier = model.roi_head.bbox_head.fc_cls
    classifier.weight.data *= 0.25
    classifier.bias.data *= 0.25
    return model


NARROW = {"simple_refine": lambda: calibrated(SIMPLE), "lvis": lvis}
"""The heads of refinemask_small and maskrcnn_small are those of the other tests."""


@pytest.fixture(scope="session", params=NARROW)
def narrow(request, tmp_path_factory):
    """Return a model and its artifact."""
    model = NARROW[request.param]()
    path = tmp_path_factory.mktemp(request.param) / "model.onnx"
    assert export_model(model, path, weights="synthetic").parity["passed"]
    return model, path


def test_each_mask_head(narrow, runtime):
    model, path = narrow
    images = np.stack([photo(224, 288, seed) for seed in (1, 2)])
    sizes = np.array([[224, 288], [200, 280]])
    reference, engine = TorchEngine(model), engines.open(path, runtime)
    found = engine.run(images, sizes)
    assert set(found["image_index"]) == {0, 1}
    assert assert_parity(reference.run(images, sizes), found, (224, 288)) >= 10


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_each_preset(name, tmp_path):
    metadata = export_model(
        synthetic_model(preset(name)), tmp_path / "model.onnx", weights="synthetic"
    )
    assert metadata.parity["passed"]
    # A gate on a handful of detections would say little.
    assert metadata.parity["detections"] >= 5
