"""Both RefineMask heads alone, narrow, against the official ones, on ordinary and odd RoIs."""

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


@pytest.fixture(scope="module", params=HEADS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def case(shared, name):
    return golden.tensors(shared / "golden" / "heads" / f"{name}.npz")


@pytest.fixture(scope="module")
def head(name, case):
    head = mask_head(HEADS[name], in_channels=32, num_classes=5)
    head.load_state_dict({k[3:]: v for k, v in case.items() if k.startswith("sd/")})
    return head.requires_grad_(False)


@pytest.fixture(scope="module")
def output(head, case):
    return head.refine(
        *(case[f"in/{n}"] for n in ("instance_feats", "semantic_feat", "rois", "labels"))
    )


def assert_semantic(output, case):
    """Compare the semantic logits; the simple head has none."""
    if (expected := case.get("out/semantic_logits")) is None:
        assert output.semantic is None
    else:
        torch.testing.assert_close(output.semantic, expected, **golden.STAGE)


@pytest.mark.parametrize("stage", range(4))
def test_stage_logits(output, case, stage):
    torch.testing.assert_close(
        output.stages[stage], case[f"out/stage{stage}_logits"], **golden.STAGE
    )


def test_semantic_logits(output, case):
    assert_semantic(output, case)


def test_refined_logits(output, case):
    half, final = refine_stages(output.stages)
    torch.testing.assert_close(half, case["out/stage2_refined_logits"], **golden.STAGE)
    torch.testing.assert_close(final, case["out/final_logits"], **golden.STAGE)
    assert torch.equal(final >= 0, case["out/final_logits"] >= 0)


def test_no_rois(head, case):
    rois, labels = torch.zeros(0, 5), torch.zeros(0, dtype=torch.int64)
    output = head.refine(torch.zeros(0, 32, 14, 14), case["in/semantic_feat"], rois, labels)
    assert [tuple(stage.shape) for stage in output.stages] == [(0, 1, s, s) for s in STAGE_SIZES]
    assert_semantic(output, case)
    assert refine_stages(output.stages)[-1].shape == (0, 1, 112, 112)


@pytest.mark.parametrize("num_classes", [1, 7])
def test_class_logits_are_the_channel_of_the_label(num_classes):
    torch.manual_seed(0)
    classifier = torch.nn.Conv2d(6, num_classes, 1)
    features, labels = torch.randn(5, 6, 3, 4), torch.tensor([0, 6, 2, 2, 5])
    channel = labels.clamp(max=num_classes - 1)  # one channel serves all classes
    expected = classifier(features)[torch.arange(5), channel][:, None]
    torch.testing.assert_close(class_logits(features, classifier, labels), expected)
