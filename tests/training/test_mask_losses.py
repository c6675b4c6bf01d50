"""Losses of the mask heads against the official ones, with their gradients, and by hand."""

import math

import pytest
import torch

from refinemask.training.mask_losses import boundary_aware_loss, fcn_mask_loss, semantic_loss
from tests import golden

LOSS = 1e-6
"""Relative, of float64 and the official float32."""
GRADIENT = 1e-8
"""Absolute."""


def official(vectors, name):
    return golden.tensors(vectors / "losses" / f"{name}.npz")


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("kind", ["RefineCrossEntropyLoss", "BARCrossEntropyLoss"])
def test_boundary_aware_loss(vectors, kind, number):
    case = official(vectors, f"{kind}_case{number}")

    def compute(dtype):
        logits = [
            case[f"in/stage{i}_logits"].to(dtype, copy=True).requires_grad_() for i in range(4)
        ]
        loss = boundary_aware_loss(
            logits,
            [case[f"in/stage{i}_target"].float() for i in range(4)],
            case["cfg/stage_instance_loss_weight"].tolist(),
            int(case["cfg/boundary_width"]),
            int(case["cfg/start_stage"]),
        )
        loss.backward()
        return loss.item(), [stage.grad for stage in logits]

    (loss, gradients), (exact, exact_gradients) = map(compute, (torch.float32, torch.float64))
    assert exact == pytest.approx(case["out/loss_instance"].item(), rel=LOSS)
    assert loss == pytest.approx(exact, rel=LOSS)
    for i, (found, expected) in enumerate(zip(gradients, exact_gradients, strict=True)):
        case.assert_rounds_alike(f"grad/stage{i}_logits", found, expected, atol=GRADIENT)


@pytest.mark.parametrize("number", [0, 1])
def test_semantic_loss(vectors, number):
    case = official(vectors, f"RefineCrossEntropyLoss_case{number}")
    weight = float(case["cfg/semantic_loss_weight"])

    def compute(dtype):
        logits = case["in/semantic_logits"].to(dtype, copy=True).requires_grad_()
        loss = weight * semantic_loss(logits, case["in/semantic_target"].float())
        loss.backward()
        return loss.item(), logits.grad

    (loss, gradient), (exact, exact_gradient) = map(compute, (torch.float32, torch.float64))
    assert exact == pytest.approx(case["out/loss_semantic"].item(), rel=LOSS)
    assert loss == pytest.approx(exact, rel=LOSS)
    case.assert_rounds_alike("grad/semantic_logits", gradient, exact_gradient, atol=GRADIENT)


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
