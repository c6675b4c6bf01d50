"""Losses of batches with and without instances, on narrow models."""

import math
from dataclasses import replace

import pytest
import torch

from refinemask.checkpoints import synthetic_model
from refinemask.configs.config import TORCHVISION, RefineMaskConfig, SimpleRefineMaskConfig
from refinemask.configs.presets import (
    maskrcnn_r50,
    maskrcnn_small,
    refinemask_small,
    refinemask_small_lite,
)
from refinemask.data.batches import Target
from refinemask.data.masks import PolygonMask
from refinemask.models.boxes import encode_boxes
from refinemask.models.rpn import level_anchors
from refinemask.training import losses as training_losses
from refinemask.training.assignment import random_choice
from refinemask.training.losses import SamplingOptions, detector_losses

SIZES = torch.tensor([[64, 96], [60, 64]])
NAMES = {"rpn_score", "rpn_box", "class", "box", "mask"}
SAMPLING = SamplingOptions(anchors=32, rois=16)


CONFIGS = {
    "refine": refinemask_small(3),
    "class_agnostic": replace(
        refinemask_small(3), mask_head=RefineMaskConfig(32, class_agnostic_final=True)
    ),
    "simple_refine": replace(refinemask_small(3), mask_head=SimpleRefineMaskConfig(32)),
    "lite": refinemask_small_lite(3),
    "fcn": maskrcnn_small(3),
}


@pytest.fixture(scope="module", params=CONFIGS)
def model(request):
    return synthetic_model(CONFIGS[request.param]).train()


def target(*boxes):
    masks = tuple(
        PolygonMask((torch.tensor([x1, y1, x2, y1, x2, y2, x1, y2]).double().numpy(),))
        for x1, y1, x2, y2 in boxes
    )
    labels = torch.arange(len(boxes)) % 3
    return Target(torch.tensor(boxes).float().reshape(-1, 4), labels, masks, (64, 96))


def losses(model, targets, sampling=SAMPLING, **kwargs):
    images = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    choices = [random_choice(torch.Generator().manual_seed(seed)) for seed in (0, 1)]
    model.zero_grad()
    return detector_losses(model, images, SIZES, targets, sampling, choices, **kwargs)


@pytest.mark.parametrize(
    "targets",
    [
        [target((8, 8, 40, 40), (30, 5, 60, 60)), target((0, 0, 64, 60))],
        [target((8, 8, 40, 40)), target()],
        [target(), target((8, 8, 40, 40))],
        [target(), target()],
        [target((8, 8, 9, 9)), target((63, 59, 64, 60))],
    ],
)
def test_every_batch_gives_finite_losses_and_gradients(model, targets):
    found = losses(model, targets)
    semantic = hasattr(model.roi_head.mask_head, "semantic_logits")
    assert found.keys() == NAMES | ({"semantic"} if semantic else set())
    assert all(math.isfinite(loss.item()) and loss.item() >= 0 for loss in found.values())
    if not sum(len(t.boxes) for t in targets):
        assert found["box"] == found["mask"] == found["rpn_box"] == 0
    sum(found.values()).backward()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


def test_masks_only_leaves_the_detector_alone(model):
    targets = [target((8, 8, 40, 40)), target((0, 0, 64, 60))]
    found = losses(model, targets, masks_only=True)
    everything = losses(model, targets)
    assert set(found) == set(everything) & {"mask", "semantic"}
    sum(found.values()).backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == (".mask_head." in name), name


def test_mask_rois_limit_what_the_mask_head_sees(model):
    seen = []
    hook = model.roi_head.mask_head.register_forward_pre_hook(lambda _, args: seen.append(args[1]))
    targets = [target((8, 8, 40, 40), (9, 8, 40, 41), (8, 9, 41, 40)), target((0, 0, 64, 60))]
    losses(model, targets)
    losses(model, targets, SamplingOptions(anchors=32, rois=16, mask_rois=1))
    hook.remove()
    assert len(seen[0]) > 2
    assert seen[1][:, 0].tolist() == [0, 1]
    assert all((seen[0] == roi).all(1).any() for roi in seen[1])


@pytest.mark.parametrize(
    ("beta", "error", "expected"), [(0, 0.5, 0.5), (1, 0.5, 0.125), (1, 2, 1.5), (3, 2, 2 / 3)]
)
def test_box_loss(beta, error, expected):
    """One in four RoIs is positive, a ground-truth box with each of its four deltas off."""
    model = synthetic_model(replace(maskrcnn_small(3), box_smooth_l1_beta=beta)).train()
    regressor = model.roi_head.bbox_head.fc_reg
    regressor.weight.data.zero_()
    regressor.bias.data.fill_(error)
    images = torch.zeros(2, 3, 64, 96)
    targets = [target((8, 8, 40, 40)), target((0, 0, 64, 60))]
    choices = [lambda rows, count: rows[:count]] * 2
    found = detector_losses(model, images, SIZES, targets, SamplingOptions(rois=4), choices)
    assert found["box"].item() == pytest.approx(model.config.box_loss_weight * expected, rel=1e-6)


def test_targets_are_coded_from_the_anchors_of_the_model(monkeypatch):
    model = synthetic_model(replace(maskrcnn_small(3), conventions=TORCHVISION)).train()
    anchors = []

    def spy(boxes, *rest):
        anchors.append(boxes)
        return encode_boxes(boxes, *rest)

    monkeypatch.setattr(training_losses, "encode_boxes", spy)
    wide, tall = target((4, 20, 50, 42)), target((10, 2, 32, 48))
    found = losses(model, [wide, tall])
    sum(found.values()).backward()
    features = model.features(torch.zeros(1, 3, 64, 96))
    used, own = torch.cat(anchors[:2]), torch.cat(level_anchors(features, TORCHVISION))
    others = torch.cat(level_anchors(features))

    def share_in(boxes):
        return (used[:, None] == boxes).all(2).any(1).float().mean()

    assert len(used) >= 2
    assert share_in(own) == 1
    assert share_in(others) < 1


def test_frozen_norms_are_never_trained():
    config = replace(maskrcnn_r50(2), fpn_channels=32, box_head_channels=32)
    model = synthetic_model(replace(config, conventions=TORCHVISION)).train()
    assert not any(".bn" in name for name, _ in model.named_parameters())
    targets = [target((8, 8, 40, 40)), target((0, 0, 64, 60))]
    sum(losses(model, [replace(t, labels=t.labels % 2) for t in targets]).values()).backward()
    grads = {n for n, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert "backbone.layer4.0.conv1.weight" in grads
    assert not any(name.startswith("backbone.layer1.") for name in grads)
