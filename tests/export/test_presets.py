"""Every mask head, narrow, and every preset become artifacts that pass the gate."""

from dataclasses import replace
from functools import cache

import numpy as np
import onnx
import pytest

from refinemask import engines
from refinemask.checkpoints import synthetic_model
from refinemask.configs.config import TORCHVISION, RefineMaskConfig, SimpleRefineMaskConfig
from refinemask.configs.presets import PRESETS, preset, refinemask_small, refinemask_small_lite
from refinemask.export import export_model
from refinemask.export.forms import FORMS
from refinemask.export.options import ExportOptions
from tests.export.graphs import TARGETS, assert_fused, assert_static
from tests.export.small import assert_parity, calibrated, limited_as, photo, sampled_as
from tests.tensorrt.artifacts import write_artifact

SIMPLE = replace(refinemask_small(5), mask_head=SimpleRefineMaskConfig(64, 2, 32, 2))
LVIS = replace(
    refinemask_small(1203),
    mask_head=RefineMaskConfig(32, 1, 32, 1, class_agnostic_final=True),
    score_threshold=1e-4,
    max_detections=300,
)


def gentle(config):
    """Return a model with scores a quarter as steep as the recipe has them: rounding shows less."""
    model = synthetic_model(config)
    classifier = model.roi_head.bbox_head.fc_cls
    classifier.weight.data *= 0.25
    classifier.bias.data *= 0.25
    return model


NARROW = {
    "simple_refine": lambda: calibrated(SIMPLE),
    "lvis": lambda: gentle(LVIS),
    "lite": lambda: calibrated(refinemask_small_lite(5)),
}
"""The heads of refinemask_small and maskrcnn_small are those of the other tests."""


@pytest.fixture(scope="session", params=NARROW)
def narrow(request):
    """Return a model."""
    return NARROW[request.param]()


@pytest.fixture(scope="session")
def artifact_as(narrow, tmp_path_factory):
    """Return a function that exports that model in a form, once."""

    @cache
    def export(form):
        path = tmp_path_factory.mktemp(form) / "model.onnx"
        return write_artifact(limited_as(narrow, form), form, path)

    return export


FAST = {
    "simple_refine": ("fused-onnxruntime", "static-onnxruntime"),
    "lvis": ("portable-onnxruntime",),
    "lite": ("fused-onnxruntime",),
}
"""Targets in the fast tests; test_golden.py has the simple head in the form portable."""
CASES = [
    pytest.param(name, target, marks=[pytest.mark.slow] * (target not in FAST[name]))
    for name in NARROW
    for target in TARGETS
]


@pytest.mark.parametrize(("narrow", "target"), CASES, indirect=True)
def test_each_mask_head(narrow, artifact_as, target):
    images = np.stack([photo(224, 288, seed) for seed in (1, 2)])
    sizes = np.array([[224, 288], [200, 280]])
    engine = engines.open(artifact_as(target.form), target.runtime)
    found = engine.run(images, sizes)
    assert set(found.image_index) == {0, 1}
    model = sampled_as(limited_as(narrow, target.form), target.form)
    assert assert_parity(model, images, sizes, found) >= 10


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", PRESETS)
def test_each_preset(name, form, tmp_path, request):
    if form == "fused":
        request.getfixturevalue("operators")
    path = tmp_path / "model.onnx"
    model = gentle(preset(name))
    metadata = export_model(model, path, ExportOptions(form=form), weights="synthetic")
    assert metadata.parity["passed"]
    # A gate on a handful of detections would say little.
    assert metadata.parity["detections"] >= 5
    if form == "fused":
        assert_fused(onnx.load(path), metadata.config["mask_head"]["type"])
    elif form == "static":
        assert_static(onnx.load(path))


@pytest.mark.slow
def test_torchvision_of_full_width(operators, tmp_path):
    model = gentle(replace(preset("maskrcnn_r50", 90), conventions=TORCHVISION))
    path = tmp_path / "model.onnx"
    metadata = export_model(model, path, ExportOptions(form="fused"), weights="synthetic")
    assert metadata.parity["passed"]
    assert metadata.parity["detections"] >= 5
    assert_fused(onnx.load(path), "fcn")
