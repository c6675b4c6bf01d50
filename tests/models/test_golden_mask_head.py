"""Both RefineMask heads alone, narrow, against the official ones, on ordinary and odd RoIs.

The heads run in float64, which gives the same on every CPU, and in float32.
"""

import copy

import pytest
import torch

from refinemask.configs.config import MaskConfig, RefineMaskConfig, SimpleRefineMaskConfig
from refinemask.models.detector import mask_head
from refinemask.models.mask_logits import class_logits
from refinemask.models.refine_mask_head import STAGE_SIZES, refine_stages
from tests import golden

HEADS: dict[str, MaskConfig] = {
    "refine_mask_head_sigmoid": RefineMaskConfig(channels=32, semantic_channels=32),
    "refine_mask_head_lvis": RefineMaskConfig(
        channels=32, semantic_channels=32, class_agnostic_final=True
    ),
    "simple_refine_mask_head": SimpleRefineMaskConfig(channels=32, semantic_channels=32),
    "simple_refine_mask_head_preup": SimpleRefineMaskConfig(
        channels=32, semantic_channels=32, class_agnostic_final=False, upsample_features=True
    ),
}


STAGE = 4e-5
"""How far float64 may be from the official float32."""


@pytest.fixture(scope="module", params=HEADS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def case(vectors, name):
    return golden.tensors(vectors / "heads" / f"{name}.npz")


@pytest.fixture(scope="module")
def head(name, case):
    head = mask_head(HEADS[name], in_channels=32, num_classes=5)
    head.load_state_dict({k[3:]: v for k, v in case.items() if k.startswith("sd/")})
    return head.requires_grad_(False)


def refine(head, case, dtype):
    feats, semantic, rois = (
        case[f"in/{name}"].to(dtype) for name in ("instance_feats", "semantic_feat", "rois")
    )
    return head.to(dtype).refine(feats, semantic, rois, case["in/labels"])


@pytest.fixture(scope="module")
def output(head, case):
    return refine(head, case, torch.float32)


@pytest.fixture(scope="module")
def exact(head, case):
    return refine(copy.deepcopy(head), case, torch.float64)


@pytest.mark.parametrize("stage", range(4))
def test_stage_logits(output, exact, case, stage):
    name = f"out/stage{stage}_logits"
    case.assert_rounds_alike(name, output.stages[stage], exact.stages[stage], atol=STAGE)


def test_semantic_logits(output, exact, case):
    if output.semantic is None:
        assert "out/semantic_logits" not in case
    else:
        case.assert_rounds_alike("out/semantic_logits", output.semantic, exact.semantic, atol=STAGE)


def test_refined_logits(exact, case):
    _, half, final = refine_stages(exact.stages)
    case.assert_close("out/stage2_refined_logits", half, atol=STAGE)
    case.assert_close("out/final_logits", final, atol=STAGE)
    official, found = case.sampled("out/final_logits", final)
    assert torch.equal(found >= 0, official >= 0)


def test_refinement_in_float32(exact):
    """From the same stages, of which no logit is so near 0 that rounding turns its sign."""
    rounded = [stage.float() for stage in exact.stages]
    for found, expected in zip(refine_stages(rounded), refine_stages(exact.stages), strict=True):
        torch.testing.assert_close(found, expected.float(), atol=1e-5, rtol=1e-5)


def test_no_rois(head, case, output):
    rois, labels = torch.zeros(0, 5), torch.zeros(0, dtype=torch.int64)
    none = head.refine(torch.zeros(0, 32, 14, 14), case["in/semantic_feat"], rois, labels)
    assert [tuple(stage.shape) for stage in none.stages] == [(0, 1, s, s) for s in STAGE_SIZES]
    assert (none.semantic is None) == (output.semantic is None)
    if none.semantic is not None:
        torch.testing.assert_close(none.semantic, output.semantic)
    assert refine_stages(none.stages)[-1].shape == (0, 1, 112, 112)


@pytest.mark.parametrize("num_classes", [1, 7])
def test_class_logits_are_the_channel_of_the_label(num_classes):
    torch.manual_seed(0)
    classifier = torch.nn.Conv2d(6, num_classes, 1)
    features, labels = torch.randn(5, 6, 3, 4), torch.tensor([0, 6, 2, 2, 5])
    channel = labels.clamp(max=num_classes - 1)  # one channel serves all classes
    expected = classifier(features)[torch.arange(5), channel][:, None]
    torch.testing.assert_close(class_logits(features, classifier, labels), expected)
