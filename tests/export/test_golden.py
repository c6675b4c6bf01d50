"""The exported graph of the official models against the official numbers, end to end."""

from functools import lru_cache

import numpy as np
import pytest
import torch

from refinemask.configs.presets import maskrcnn_r50, refinemask_r50, refinemask_r50_fast
from refinemask.export import export_graph
from refinemask.export.reference import run_normalised
from refinemask.inference.structures import RawArrays
from tests import golden
from tests.export.conftest import make_target
from tests.export.graphs import ADAPTIVE
from tests.golden import detections
from tests.golden.image import make_image

MODELS = {
    "refinemask_r50_coco": refinemask_r50,
    "refinemask_r50_coco_faster_better": refinemask_r50_fast,
    "mask_rcnn_r50_coco": maskrcnn_r50,
}
# For fused artifacts of the others: pytest -m slow.
CASES = [
    pytest.param(name, target, marks=pytest.mark.slow)
    if target.startswith("fused") and name != "refinemask_r50_coco"
    else (name, target)
    for name in MODELS
    for target in ADAPTIVE
]


@pytest.fixture(scope="module")
def official_as(vectors):
    """Return a function from a name to its model, which keeps the last one."""
    return lru_cache(1)(lambda name: golden.official_model(vectors, name, MODELS[name]()).eval())


@pytest.fixture(scope="module")
def graph_as(official_as):
    """Return a function that exports a model in a form, which keeps the last graph."""
    return lru_cache(1)(
        lambda name, form: export_graph(official_as(name), form=form, normalized_input=True)
    )


@pytest.fixture(scope="module")
def image():
    """Return the normalised image (1, 3, 256, 320), of which 250 x 310 are valid."""
    return make_image(4)[None]


@pytest.fixture(scope="module")
def reference_of(official_as, image):
    """Return a function from a name to what its model finds, which keeps the last one."""
    return lru_cache(1)(
        lambda name: run_normalised(official_as(name), image, torch.tensor([[250, 310]]))
    )


@pytest.mark.parametrize(("name", "target"), CASES)
def test_end_to_end(vectors, name, target, graph_as, image, reference_of):
    chosen = make_target(target)
    run = chosen.load(graph_as(name, chosen.form))
    outputs = RawArrays(*run(images=image.numpy(), image_sizes=np.array([[250, 310]])))
    assert not outputs.image_index.any()
    expected = golden.tensors(vectors / "detector" / f"{name}.npz")
    detections.assert_official(outputs, reference_of(name), expected)
