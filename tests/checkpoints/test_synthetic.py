"""Synthetic weights: those of the golden recipe, and usable ones for every preset."""

import hashlib
import importlib.util
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from refinemask.checkpoints.synthetic import synthetic_model, synthetic_tensor
from refinemask.configs.config import InputConfig
from refinemask.configs.presets import maskrcnn_small, refinemask_small
from tests import golden


@pytest.fixture(scope="module")
def recipe(shared):
    """Import the normative recipe of the golden vectors, which the subset lacks."""
    spec = importlib.util.spec_from_file_location("recipe", shared / "golden" / "recipe.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_tensor_follows_the_recipe(vectors, recipe):
    shapes = golden.official_shapes(vectors, "refinemask_r50_coco")
    for name in ("mask_rcnn_r50_coco", "refinemask_r50_coco_faster_better"):
        shapes |= golden.official_shapes(vectors, name)
    for key, shape in shapes.items():
        expected = recipe.make_tensor(key, shape)
        found = synthetic_tensor(key, shape)
        assert found.dtype == expected.dtype, key
        assert np.array_equal(found, expected), key


def test_the_deeper_backbone_follows_the_recipe(vectors, recipe):
    known = golden.official_shapes(vectors, "refinemask_r50_coco")
    shapes = golden.official_shapes(vectors, "refinemask_r101_coco")
    extra = {key: shape for key, shape in shapes.items() if key not in known}
    assert len(extra) == 17 * 6 * 3  # 17 more blocks of three convolutions and norms
    for key, shape in extra.items():
        if "conv2.weight" not in key or ".6." in key:  # the largest ones once
            assert np.array_equal(synthetic_tensor(key, shape), recipe.make_tensor(key, shape)), key


def test_tensors_have_the_recorded_checksums(vectors):
    text = (vectors / "detector" / "recipe_check.json").read_text()
    recorded = {key: value for key, value in json.loads(text).items() if "." in key}
    assert len(recorded) == 8
    for key, expected in recorded.items():
        values = synthetic_tensor(key, tuple(expected["shape"]))
        if key.endswith("running_var"):  # NumPy's float32 exp rounds otherwise without AVX2
            assert values[:4].tolist() == pytest.approx(expected["first"], rel=2**-22)
            assert values.sum(dtype=np.float64) == pytest.approx(expected["sum"], rel=2**-22)
            continue
        np.testing.assert_array_equal(values.ravel()[:4], np.float32(expected["first"]))
        assert values.sum(dtype=np.float64) == pytest.approx(expected["sum"], rel=1e-9, abs=1e-9)
        assert hashlib.sha256(values.tobytes()).hexdigest() == expected["sha256"], key


@pytest.mark.parametrize("num_classes", [1, 5, 80])
@pytest.mark.parametrize("preset", [refinemask_small, maskrcnn_small])
def test_small_presets_detect_something_and_mask_some_of_it(preset, num_classes):
    config = replace(preset(num_classes), input=InputConfig(256, 320))
    image = np.random.default_rng(0).integers(0, 256, (8, 10, 3), np.uint8)
    detections = synthetic_model(config).predict(image, masks="probs")
    assert len(detections) >= 5
    assert 0.05 < (np.asarray(detections.masks) >= 0.5).mean() < 0.95


def test_synthetic_models_are_equal():
    first, second = (synthetic_model(refinemask_small()).state_dict() for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)
