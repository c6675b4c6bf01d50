"""One training step against the official one: samples, targets, losses and every gradient.

The proposals are computed in float64, where no rounding error decides which of them are sampled.
"""

import json
from typing import Any

import pytest
import torch

from refinemask.configs.presets import maskrcnn_r50, refinemask_r50, refinemask_r50_fast
from refinemask.data.batches import Target
from refinemask.data.masks import PolygonMask
from refinemask.models.refine_mask_head import STAGE_SIZES
from refinemask.models.rpn import level_anchors, propose
from refinemask.training import losses as training_losses
from refinemask.training.losses import SamplingOptions, detector_losses
from tests import golden
from tests.golden.image import make_image

MODELS = {
    "refinemask_r50_coco": refinemask_r50,
    "refinemask_r50_coco_faster_better": refinemask_r50_fast,
    "mask_rcnn_r50_coco": maskrcnn_r50,
}
CANVAS = (256, 320)
SIZES = torch.tensor([[250, 310], [250, 310]])

GRADIENT_NORM = 5e-3
"""Relative. Our float64 differs from the official float32 by up to 2e-3, because rounding turns a
few ReLUs over; the float32 of another CPU may differ as much to the other side."""


class Spy:
    """Record the arguments and the result of every call of a function."""

    def __init__(self, monkeypatch, module, name):
        self.calls: list[Any] = []
        function = getattr(module, name)

        def spy(*args, **kwargs):
            result = function(*args, **kwargs)
            self.calls.append((args, result))
            return result

        monkeypatch.setattr(module, name, spy)


class Step:
    """The losses of one step, what the heads were given, and the official numbers."""

    def __init__(self, vectors, name, proposals, monkeypatch):
        folder = vectors / "losses"
        self.name = name
        self.official = golden.tensors(folder / "train_step_refinemask_r50_coco.npz")
        # Both RefineMask heads have the same targets, which are recorded once.
        self.own = self.official.joined(golden.tensors(folder / f"train_step_{name}.npz"))
        self.expected = json.loads((folder / "train_step.json").read_text())[name]
        self.model = golden.official_model(vectors, name, MODELS[name]()).train()
        self.spies = {
            function: Spy(monkeypatch, training_losses, function)
            for function in ("encode_boxes", "boundary_aware_loss", "fcn_mask_loss")
        }
        monkeypatch.setattr(training_losses, "propose", lambda *_: proposals)
        self.class_loss = Spy(monkeypatch, torch.nn.functional, "cross_entropy")
        heads = self.model.roi_head
        heads.bbox_head.register_forward_pre_hook(self.record("box_rois"))
        heads.mask_head.register_forward_pre_hook(self.record("mask_rois"))
        self.losses = detector_losses(
            self.model, images(), SIZES, self.targets(), SamplingOptions(), [choose_first] * 2
        )

    def record(self, name):
        def hook(_, arguments):
            setattr(self, name, arguments[1])

        return hook

    def targets(self):
        def masks(image, count):
            prefixes = [f"in/poly_img{image}_gt{index}_part" for index in range(count)]
            return tuple(
                PolygonMask(
                    tuple(
                        self.official[key].numpy()
                        for key in sorted(self.official)
                        if key.startswith(prefix)
                    )
                )
                for prefix in prefixes
            )

        boxes = [self.official[f"in/gt_bboxes_img{image}"] for image in (0, 1)]
        labels = [self.official[f"in/gt_labels_img{image}"] for image in (0, 1)]
        # The golden instances live on the canvas, not only on the valid part of it.
        return [Target(boxes[i], labels[i], masks(i, len(boxes[i])), CANVAS) for i in (0, 1)]


def images():
    return torch.stack([make_image(seed) for seed in (4, 5)])


def choose_first(indices, count):
    return indices[:count]


@pytest.fixture(scope="module")
def proposals(vectors):
    """Return image index, boxes and scores; the three models have the same."""
    model = golden.official_model(vectors, "mask_rcnn_r50_coco", maskrcnn_r50()).double()
    with torch.no_grad():
        features = model.features(images().double())
        logits, deltas = model.rpn_head(features)
        image, boxes, scores = propose(logits, deltas, level_anchors(features), SIZES, 2000)
    return image, boxes.float(), scores.float()


@pytest.fixture(scope="module", params=MODELS)
def step(request, vectors, proposals):
    with pytest.MonkeyPatch.context() as monkeypatch:
        return Step(vectors, request.param, proposals, monkeypatch)


def test_sampled_rois(step):
    # Of nearly equal scores the official float32 may have exchanged two: compared as sets.
    distances = torch.cdist(step.box_rois, step.official["bbox_rois"], p=float("inf"))
    assert distances.amin(0).max() < golden.BOXES["atol"]
    assert distances.amin(1).max() < golden.BOXES["atol"]
    torch.testing.assert_close(step.mask_rois, step.own["pos_rois"], **golden.BOXES)


def test_labels_and_box_targets(step):
    (((_, labels), _),) = step.class_loss.calls
    assert torch.equal(labels, step.official["rcnn/labels"])
    encoded = step.spies["encode_boxes"].calls[-1][1]
    positive = step.official["rcnn/bbox_weights"][:, 0] > 0
    assert torch.equal(positive, labels < 80)
    expected = step.official["rcnn/bbox_targets"][positive]
    torch.testing.assert_close(encoded, expected, atol=1e-3, rtol=1e-3)


def test_mask_targets(step):
    if step.name == "mask_rcnn_r50_coco":
        (((_, target), _),) = step.spies["fcn_mask_loss"].calls
        assert torch.equal(target.bool(), golden.unpack(step.own["mask_target"], 28))
        return
    ((arguments, _),) = step.spies["boundary_aware_loss"].calls
    for stage, (size, target) in enumerate(zip(STAGE_SIZES, arguments[1], strict=True)):
        expected = golden.unpack(step.own[f"stage{stage}_target"], size)
        assert torch.equal(target.bool(), expected), stage


def test_losses(step):
    official = {
        name: sum(v) if isinstance(v, list) else v for name, v in step.expected["losses"].items()
    }
    names = {
        "loss_rpn_cls": "rpn_score",
        "loss_rpn_bbox": "rpn_box",
        "loss_cls": "class",
        "loss_bbox": "box",
        "loss_instance": "mask",
        "loss_mask": "mask",
        "loss_semantic": "semantic",
    }
    compared = {names[name]: value for name, value in official.items() if name in names}
    assert set(compared) == set(step.losses)
    for name, value in compared.items():
        assert step.losses[name].item() == pytest.approx(value, rel=1e-4), name
    total = sum(loss.item() for loss in step.losses.values())
    assert total == pytest.approx(step.expected["total"], rel=1e-4)


def test_gradients(step):
    step.model.zero_grad()
    sum(step.losses.values()).backward()
    parameters = dict(step.model.named_parameters())
    assert set(parameters) == set(step.expected["grad_norm"])
    for name, expected in step.expected["grad_norm"].items():
        gradient = parameters[name].grad
        if expected is None:
            assert gradient is None and not parameters[name].requires_grad, name
        else:
            norm = gradient.double().norm().item()
            assert norm == pytest.approx(expected, rel=GRADIENT_NORM, abs=1e-6), name
