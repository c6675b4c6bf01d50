"""Rewrites: the same numbers, and a model that they leave as it is."""

import copy
import dataclasses

import pytest
import torch

from refinemask.checkpoints import synthetic_model
from refinemask.configs.config import SimpleRefineMaskConfig
from refinemask.configs.presets import maskrcnn_small, refinemask_small
from refinemask.export import export_graph
from refinemask.export.passes import PASSES, rewritten
from refinemask.models.complexity import mask_head_multiply_adds
from refinemask.models.detector import normalise

SIDES = (48, 24, 12, 6, 3)


@pytest.fixture(scope="module")
def model():
    return synthetic_model(refinemask_small(5)).double()


def run_head(model, count):
    generator = torch.Generator().manual_seed(count)
    channels = model.config.fpn_channels
    features = [
        torch.randn(2, channels, side, side + 1, generator=generator, dtype=torch.float64)
        for side in SIDES
    ]
    corners = torch.rand(count, 2, generator=generator) * 150 - 10
    boxes = torch.cat((corners, corners + torch.rand(count, 2, generator=generator) * 100), 1)
    rois = torch.cat((torch.arange(count)[:, None] % 2, boxes), 1)
    labels = torch.arange(count) % 5
    with torch.no_grad():
        return model.roi_head.mask_head(features, rois, labels)


@pytest.mark.parametrize("count", [0, 1, 7])
@pytest.mark.parametrize("upsample_features", [None, False, True])
def test_late_upsampling_gives_the_same_logits(model, upsample_features, count):
    matches = 3
    if upsample_features is not None:  # the other head
        config = model.config.mask_head
        simple = SimpleRefineMaskConfig(
            channels=config.channels,
            semantic_channels=config.semantic_channels,
            upsample_features=upsample_features,
        )
        model = synthetic_model(dataclasses.replace(model.config, mask_head=simple)).double()
        matches = 2 + upsample_features
    changed = copy.deepcopy(model)
    assert PASSES["late_upsampling"](changed) == matches
    expected, got = run_head(model, count), run_head(changed, count)
    for logits, others in zip(expected.stages, got.stages, strict=True):
        assert logits.shape == others.shape
        torch.testing.assert_close(others, logits, rtol=0, atol=1e-10)
    if expected.semantic is not None:
        torch.testing.assert_close(got.semantic, expected.semantic, rtol=0, atol=0)


def test_late_upsampling_has_no_features_of_the_last_size(model):
    """The features of the last stage are a quarter of all that the head computes with per RoI."""
    changed = copy.deepcopy(model)
    PASSES["late_upsampling"](changed)
    largest = 0

    def measure(module, arguments, result):
        nonlocal largest
        largest = max(largest, result.shape[-1]) if result.shape[1] > 2 else largest

    for module in changed.roi_head.mask_head.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(measure)
    run_head(changed, 1)
    assert largest == 56
    assert mask_head_multiply_adds(changed) < mask_head_multiply_adds(model)


def test_fold_scale_gives_the_same_features(model):
    changed = copy.deepcopy(model)
    assert PASSES["fold_scale"](changed) == 1
    images = torch.randint(0, 256, (1, 64, 96, 3), dtype=torch.uint8)
    sizes = torch.tensor([[50, 96]])
    with torch.no_grad():
        expected, got = (
            each.backbone(normalise(images, sizes, each.config.input).double())
            for each in (model, changed)
        )
    for features, others in zip(expected, got, strict=True):
        torch.testing.assert_close(others, features, rtol=1e-5, atol=1e-5)
    assert PASSES["fold_scale"](changed) == 0  # nothing is left to fold


def test_the_model_stays_as_it_is(model):
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    changed, rewrites = rewritten(model)
    assert [rewrite.matches for rewrite in rewrites] == [48, 1, 3]
    assert changed.roi_head.bbox_head.fc_cls.weight is model.roi_head.bbox_head.fc_cls.weight
    assert model.state_dict().keys() == before.keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert str(rewrites[-1]).startswith("late_upsampling: 3 rewritten, 0.")


def test_what_does_not_match_is_left():
    _, rewrites = rewritten(synthetic_model(maskrcnn_small(5)))
    assert {rewrite.name: rewrite.matches for rewrite in rewrites}["late_upsampling"] == 0
    assert str(rewrites[-1]) == "late_upsampling: 0 rewritten"


def test_without_rewrites():
    """Normalisation divides, and the features of the last stage are enlarged."""
    model = synthetic_model(refinemask_small(5))
    plain, optimized = (
        [node.op_type for node in export_graph(model, form="fused", optimize=level).graph.node]
        for level in ("none", "all")
    )
    assert plain.count("Concat") - optimized.count("Concat") >= 3
    assert plain.count("Div") > optimized.count("Div")
