"""Masks that differ by near ties of the boundary decision, and what is not a near tie."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from refinemask.export.mask_ties import allowed_outcomes, explained_by_near_ties, keep_range
from refinemask.export.tolerances import LOGIT_MARGIN
from refinemask.models.refine_mask_head import refine_stages
from refinemask.ops.boundary_refine import boundary_region, resize_aligned


def random_stages(seed, ties):
    """Return the stages of two masks with smooth outlines and some logits next to 0."""
    generator = torch.Generator().manual_seed(seed)
    rough = torch.randn((2, 1, 5, 5), generator=generator) * 3
    stages = [
        resize_aligned(rough, size) + torch.randn((2, 1, size, size), generator=generator) * 0.3
        for size in (14, 28, 56, 112)
    ]
    for stage in stages[1:3]:
        for row, column in torch.randint(stage.shape[-1], (ties, 2), generator=generator).tolist():
            sign = 1 if (row + column) % 2 else -1
            stage[:, 0, row, column] = sign * LOGIT_MARGIN / 3
    return stages


def moved(stages, seed, amount):
    generator = torch.Generator().manual_seed(seed)
    return [
        stage + (torch.rand(stage.shape, generator=generator) * 2 - 1) * amount for stage in stages
    ]


@given(seed=st.integers(0, 2**31), ties=st.integers(0, 60))
@settings(max_examples=40, deadline=None)
def test_every_result_within_the_margin_is_explained(seed, ties):
    stages = random_stages(seed, ties)
    found = refine_stages(moved(stages, seed + 1, 0.5 * LOGIT_MARGIN))[-1].sigmoid()
    assert explained_by_near_ties(stages, found).all()


def test_near_ties_do_change_pixels():
    """Without this, the test above could pass for want of differences."""
    stages = random_stages(0, 60)
    first = refine_stages(stages)[-1].sigmoid()
    second = refine_stages(moved(stages, 1, 0.5 * LOGIT_MARGIN))[-1].sigmoid()
    assert ((first - second).abs() > 0.01).sum() > 20


def test_a_decision_beyond_the_margin_is_not_excused():
    stages = random_stages(3, 0)
    stages[1][:, 0, 10:18, 10:18] = 4.0
    stages[1][0, 0, 14, 14] = 1.5 * LOGIT_MARGIN
    flipped = [stage.clone() for stage in stages]
    flipped[1][0, 0, 14, 14] *= -1
    unexplained = ~explained_by_near_ties(stages, refine_stages(flipped)[-1].sigmoid())
    assert unexplained[0].sum() > 20 and not unexplained[1].any()
    stages[1][0, 0, 14, 14] = 0.5 * LOGIT_MARGIN
    assert explained_by_near_ties(stages, refine_stages(flipped)[-1].sigmoid()).all()


def test_only_the_outcomes_of_the_decision_are_allowed():
    """Around a near tie, pixels may follow the coarse or the fine stage, and nothing else."""
    coarse = torch.full((1, 1, 28, 28), 4.0)
    coarse[0, 0, 14, 14] = 0.5 * LOGIT_MARGIN
    stages = [coarse, torch.full((1, 1, 56, 56), 2.0), torch.full((1, 1, 112, 112), 1.0)]
    values = torch.stack([v.where(ok, torch.nan) for v, ok in allowed_outcomes(*stages)])
    far = values[:, 0, 0, 20, 20]
    torch.testing.assert_close(far[~far.isnan()].unique(), torch.tensor([4.0]))
    near = values[:, 0, 0, 58, 58]
    kept = refine_stages([coarse, *stages])[-1][0, 0, 58, 58]
    assert torch.isclose(near, kept).any() and torch.isclose(near, torch.tensor(2.0)).any()
    assert not torch.isclose(
        near, torch.tensor(1.0)
    ).any()  # the finest stage, far from any outline
    neither = torch.full((1, 1, 112, 112), 3.0).sigmoid()
    assert not explained_by_near_ties([coarse, *stages], neither)[0, 0, 56:60, 56:60].any()


@pytest.mark.parametrize("size", [28, 56])
def test_without_ties_the_range_is_the_decision(size):
    logits = torch.randn((20, 1, size, size), generator=torch.Generator().manual_seed(size))
    logits = torch.where(logits.abs() < 0.01, 0.01, logits)
    interior = ~boundary_region(logits >= 0, 1)
    expected = resize_aligned(interior.float(), 2 * size) >= 0.5
    certain, possible = keep_range(logits, logits)
    assert torch.equal(certain, expected) and torch.equal(possible, expected)


@pytest.mark.parametrize("size", [28, 56])
def test_what_is_kept_is_never_a_near_tie(size):
    """The resized map is a multiple of 1 / n^2, n = 2 * size - 1, which is odd: never near 0.5."""
    interior = torch.rand((50, 1, size, size), generator=torch.Generator().manual_seed(0)) > 0.5
    shares = resize_aligned(interior.double(), 2 * size)
    steps = shares * (2 * size - 1) ** 2
    assert (steps - steps.round()).abs().max() < 1e-6
    assert (shares - 0.5).abs().min() >= 0.499 / (2 * size - 1) ** 2
