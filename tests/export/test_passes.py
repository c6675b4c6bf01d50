"""Rewrites: the same numbers, and a model that they leave as it is."""

import copy
import dataclasses

import pytest
import torch

from refinemask.checkpoints import synthetic_model
from refinemask.configs.config import SimpleRefineMaskConfig
from refinemask.configs.presets import maskrcnn_small, refinemask_small, refinemask_small_lite
from refinemask.export import export_graph
from refinemask.export.passes import PASSES, SPARSE_PASSES, rewritten
from refinemask.export.passes.boundary_band import needed_pixels
from refinemask.export.passes.enlarging import enlarged
from refinemask.export.passes.semantic_tiles import needed_tiles
from refinemask.models.complexity import mask_head_multiply_adds
from refinemask.models.detector import normalise
from refinemask.ops.boundary_refine import boundary_refine

SIDES = (48, 24, 12, 6, 3)


@pytest.fixture(scope="module")
def model():
    return synthetic_model(refinemask_small(5)).double()


def head_inputs(model, count):
    generator = torch.Generator().manual_seed(count)
    channels = model.config.fpn_channels
    features = [
        torch.randn(2, channels, side, side + 1, generator=generator, dtype=torch.float64)
        for side in SIDES
    ]
    corners = torch.rand(count, 2, generator=generator) * 150 - 10
    boxes = torch.cat((corners, corners + torch.rand(count, 2, generator=generator) * 100), 1)
    rois = torch.cat((torch.arange(count)[:, None] % 2, boxes), 1)
    return features, rois, torch.arange(count) % 5


def run_head(model, count):
    with torch.no_grad():
        return model.roi_head.mask_head(*head_inputs(model, count))


def final_logits(model, features, rois, labels):
    with torch.no_grad():
        return model.roi_head.mask_head.final_logits(features, rois, labels)


def with_head(name):
    mask_head, _ = HEADS[name]
    return synthetic_model(dataclasses.replace(refinemask_small(5), mask_head=mask_head)).double()


HEADS = {
    "refine": (refinemask_small(5).mask_head, 3),
    "lite": (refinemask_small_lite(5).mask_head, 3),
    "simple": (SimpleRefineMaskConfig(96, semantic_channels=64), 2),
    "simple_upsampled": (SimpleRefineMaskConfig(96, 2, 64, upsample_features=True), 3),
}
"""With the number of enlargements of each."""


@pytest.mark.parametrize("count", [0, 1, 7])
@pytest.mark.parametrize("head", HEADS)
def test_late_upsampling_gives_the_same_logits(head, count):
    model, matches = with_head(head), HEADS[head][1]
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


@pytest.mark.parametrize("count", [0, 1, 7])
@pytest.mark.parametrize("head", HEADS)
def test_semantic_tiles_give_the_same_logits(head, count):
    model = with_head(head)
    changed = copy.deepcopy(model)
    PASSES["late_upsampling"](changed)
    assert SPARSE_PASSES["semantic_tiles"](changed) == model.config.mask_head.semantic_convs
    given = head_inputs(model, count)
    expected, got = final_logits(model, *given), final_logits(changed, *given)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-10)


def test_semantic_tiles_are_those_of_rois_alone(model):
    p2 = torch.zeros(2, 1, 40, 70)
    roi = torch.tensor([[1, 70.0, 40, 120, 60]])  # columns 17 to 30 and rows 10 to 15 of P2
    for margin, rows, columns in ((0, (1, 2), (1,)), (3, (0, 1, 2), (0, 1, 2))):
        expected = [[1, row, column] for row in rows for column in columns]
        assert needed_tiles(roi, p2, margin).nonzero().tolist() == [[0, 0, 0], *expected]
    assert needed_tiles(roi[:0], p2, 3).nonzero().tolist() == [[0, 0, 0]]
    assert needed_tiles(torch.tensor([[1, -90.0, -90, -50, 900]]), p2, 0).sum() == 1
    assert needed_tiles(torch.tensor([[1, 0.0, 0, torch.nan, 9]]), p2, 0).sum() == 1
    assert needed_tiles(torch.tensor([[1, 0.0, 0, 1e30, 1e30]]), p2, 0)[1].all()


@pytest.mark.parametrize("count", [0, 1, 7])
@pytest.mark.parametrize("head", ["refine", "lite"])
@pytest.mark.parametrize("flat", [False, True])
def test_boundary_band_gives_the_same_logits(head, count, flat):
    """Also where masks have no outline at all, and the band is empty."""
    changed = with_head(head)
    convolutions = len(list(changed.roi_head.mask_head.stages[-1].fuse_conv[1].children()))
    if flat:
        for stage in changed.roi_head.mask_head.stages:
            torch.nn.init.zeros_(stage.instance_logits.weight)
            torch.nn.init.constant_(stage.instance_logits.bias, -1)
    given = head_inputs(changed, count)
    expected = final_logits(changed, *given)
    PASSES["late_upsampling"](changed)
    assert SPARSE_PASSES["boundary_band"](changed) == convolutions
    torch.testing.assert_close(final_logits(changed, *given), expected, rtol=0, atol=1e-10)


def test_the_band_has_what_the_refinement_takes():
    """Changing what is outside of the band changes nothing, whatever the mask."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(8, 1, 9, 9, generator=generator, dtype=torch.float64)
    coarse = torch.nn.functional.interpolate(noise, size=56, mode="bicubic")
    needed = needed_pixels(coarse)[:, None] > 0
    assert 0.1 < needed.double().mean() < 0.9
    low = torch.randn(8, 1, 56, 56, generator=generator, dtype=torch.float64)
    refined = (
        boundary_refine(coarse, enlarged(values)) for values in (low, low.where(needed, 1e6))
    )
    torch.testing.assert_close(*refined, rtol=0, atol=0)


def test_sparse_passes_are_for_forms_that_have_their_operators(model):
    names = [rewrite.name for rewrite in rewritten(model, sparse=True)[1]]
    assert names == [*PASSES, *SPARSE_PASSES]
    assert [rewrite.name for rewrite in rewritten(model)[1]] == [*PASSES]
    assert [rewrite.name for rewrite in rewritten(model, "none", sparse=True)[1]] == ["fold_norms"]


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
        [node.op_type for node in export_graph(model, optimize=level).graph.node]
        for level in ("none", "all")
    )
    assert plain.count("Concat") - optimized.count("Concat") >= 3
    assert plain.count("Div") > optimized.count("Div")
