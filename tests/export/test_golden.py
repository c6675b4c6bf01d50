"""The exported graph of the official models against the official numbers, end to end."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from refinemask.configs.presets import maskrcnn_r50, refinemask_r50, refinemask_r50_fast
from refinemask.export import export_graph
from refinemask.inference.processing import Prepared, postprocess
from refinemask.inference.structures import RawArrays
from tests import golden
from tests.export.graphs import TARGETS

MODELS = {
    "refinemask_r50_coco": refinemask_r50,
    "refinemask_r50_coco_faster_better": refinemask_r50_fast,
    "mask_rcnn_r50_coco": maskrcnn_r50,
}
PROBABILITY = 1e-3
# For fused artifacts of the others: pytest -m slow.
CASES = [
    pytest.param(name, target, marks=pytest.mark.slow)
    if target == "fused" and name != "refinemask_r50_coco"
    else (name, target)
    for name in MODELS
    for target in TARGETS
]
# Share of the mask pixels within that. OpenVINO rounds a decision of the refinement (SPEC 3.8)
# differently in one place, which changes the 14 pixels around it.
SHARE = {"onnxruntime": 1.0, "openvino": 0.9998}
# Each mask of ONNX Runtime is that of the official model. Of OpenVINO's the mean is: in either
# model one small mask has one pixel or two that it rounds differently.
IOU: dict[str, Callable[[Tensor], Tensor]] = {"onnxruntime": torch.min, "openvino": torch.mean}


@pytest.fixture(scope="session")
def name(request):
    return request.param


@pytest.fixture(scope="session")
def graph_as(shared, name):
    """Return a function that exports the model of that name in a form, once."""
    model = golden.official_model(shared / "golden", name, MODELS[name]()).eval()
    return cache(lambda form: export_graph(model, form=form, normalized_input=True))


@pytest.mark.parametrize(("name", "target"), CASES, indirect=True)
def test_end_to_end(shared, name, target, graph_as):
    folder = shared / "golden" / "detector"
    expected = golden.tensors(folder / f"{name}.npz")
    image = golden.tensors(folder / "shared.npz")["img"][None].numpy()
    run = target.load(graph_as(target.form))
    outputs = RawArrays(*run(images=image, image_sizes=np.array([[250, 310]])))
    assert not outputs.image_index.any()
    probabilities = expected["norescale/mask/final_logits"][:, 0].sigmoid().numpy()
    within = np.abs(outputs.masks[:8] - probabilities) <= PROBABILITY
    assert within.mean() >= SHARE[target.runtime]
    for kind in ("norescale", "rescale"):
        prepared = Prepared(
            np.zeros((256, 320, 3), np.uint8),
            (250, 310),
            expected[f"{kind}/scale_factor"].numpy(),
            tuple(expected[f"{kind}/ori_shape"].tolist()),
        )
        found = postprocess(outputs, prepared)
        official = expected[f"{kind}/det_bboxes"].numpy()
        np.testing.assert_array_equal(found.labels, expected[f"{kind}/det_labels"])
        np.testing.assert_allclose(found.boxes, official[:, :4], atol=golden.BOXES["atol"], rtol=0)
        np.testing.assert_allclose(found.scores, official[:, 4], atol=golden.SCORES["atol"], rtol=0)
        pasted = torch.from_numpy(np.asarray(found.masks))
        assert IOU[target.runtime](iou_with_official(pasted, expected, kind)) > golden.MASK_IOU


def iou_with_official(pasted, expected, kind):
    width = expected[f"{kind}/masks_shape"].tolist()[-1]
    official = golden.unpack(expected[f"{kind}/masks_packed"], width)
    union = (pasted | official).sum((1, 2))
    return ((pasted & official).sum((1, 2)) / union)[union > 0]
