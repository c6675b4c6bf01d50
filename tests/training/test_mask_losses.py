"""Losses of the mask heads against the official ones, with their gradients, and by hand."""

import math
from typing import Any

import pytest
import torch

from refinemask.training.mask_losses import boundary_aware_loss, fcn_mask_loss, semantic_loss
from tests import golden

CLOSE: dict[str, Any] = {"atol": 1e-6, "rtol": 1e-5}


def official(shared, name):
    return golden.tensors(shared / "golden" / "losses" / f"{name}.npz")


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("kind", ["RefineCrossEntropyLoss", "BARCrossEntropyLoss"])
def test_boundary_aware_loss(shared, kind, number):
    case = official(shared, f"{kind}_case{number}")
    logits = [case[f"in/stage{i}_logits"].requires_grad_() for i in range(4)]
    loss = boundary_aware_loss(
        logits,
        [case[f"in/stage{i}_target"].float() for i in range(4)],
        case["cfg/stage_instance_loss_weight"].tolist(),
        int(case["cfg/boundary_width"]),
        int(case["cfg/start_stage"]),
    )
    loss.backward()
    torch.testing.assert_close(loss.detach(), case["out/loss_instance"], **CLOSE)
    for i, stage in enumerate(logits):
        torch.testing.assert_close(stage.grad, case[f"grad/stage{i}_logits"], **CLOSE)


@pytest.mark.parametrize("number", [0, 1])
def test_semantic_loss(shared, number):
    case = official(shared, f"RefineCrossEntropyLoss_case{number}")
    logits = case["in/semantic_logits"].requires_grad_()
    weight = float(case["cfg/semantic_loss_weight"])
    loss = weight * semantic_loss(logits, case["in/semantic_target"].float())
    loss.backward()
    torch.testing.assert_close(loss.detach(), case["out/loss_semantic"], **CLOSE)
    torch.testing.assert_close(logits.grad, case["grad/semantic_logits"], **CLOSE)


def flat_stages(values):
    """Return logits of one RoI that are constant on each of the four stages."""
    return [torch.full((1, 1, 14 << i, 14 << i), float(v)) for i, v in enumerate(values)]


def test_fine_stages_without_a_boundary_add_nothing():
    targets = [torch.zeros(1, 14 << i, 14 << i) for i in range(4)]
    loss = boundary_aware_loss(flat_stages([-1, -1, 3, 3]), targets, (1, 10, 100, 1000), 2)
    assert loss.item() == pytest.approx(11 * math.log(1 + math.exp(-1)), rel=1e-5)


def test_fine_stages_count_near_either_outline():
    targets = [torch.zeros(1, 14 << i, 14 << i) for i in range(4)]
    targets[1][0, 14:17, 14:17] = 1  # the truth of the stage before has an outline in the middle
    logits = flat_stages([-1, -1, 3, 3])
    logits[1][0, 0, 2:5, 2:5] = 1  # and so has its prediction, in a corner
    logits[2].requires_grad_()
    boundary_aware_loss(logits, targets, (1, 10, 100, 1000), 2).backward()
    trained = logits[2].grad[0, 0] != 0
    assert trained[30, 26:36].all() and trained[6, 2:12].all()  # row 15 of 28 is 30.6 of 56
    assert not trained[40:].any() and not trained[:20, 20:].any()


def test_fcn_loss_is_the_mean_cross_entropy():
    target = torch.zeros(3, 28, 28)
    target[:, :14] = 1
    assert fcn_mask_loss(torch.zeros(3, 1, 28, 28), target).item() == pytest.approx(math.log(2))
    assert fcn_mask_loss(50 * (2 * target - 1)[:, None], target).item() < 1e-12
