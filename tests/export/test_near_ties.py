"""Greedy selection in three values brackets every selection within the margins."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from refinemask.export.near_ties import Candidates, best, box_iou, score_margin, select
from refinemask.export.tolerances import IOU_MARGIN, SCORE_MARGIN
from refinemask.ops.batched_nms import batched_nms


def candidates(boxes, scores, groups=None, certain=None):
    count = len(scores)
    return Candidates(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.zeros(count, np.int64) if groups is None else np.array(groups),
        np.ones(count, bool) if certain is None else np.array(certain),
    )


def described(found, limit=10, iou=0.5):
    """Return the selection as text: the scores of what is kept, those of what is undecided."""
    selection = select(found, iou, limit)
    return (
        selection.candidates.scores[selection.kept].tolist(),
        selection.undecided.scores.tolist(),
    )


LEFT, NEAR_LEFT, RIGHT = (0, 0, 10, 10), (1, 0, 11, 10), (50, 0, 60, 10)
HALF = (0, 0, 10, 20)
"""IoU with LEFT: exactly the threshold."""


def test_what_no_tie_touches_is_decided():
    assert described(candidates([LEFT, NEAR_LEFT, RIGHT], [0.5, 0.25, 0.125])) == (
        [0.5, 0.125],
        [],
    )
    assert described(candidates([], [])) == ([], [])


def test_equal_scores_of_overlapping_boxes():
    near = np.float32(0.5 - 0.9 * SCORE_MARGIN)
    kept, undecided = described(candidates([LEFT, NEAR_LEFT, RIGHT], [0.5, near, 0.125]))
    assert (kept, undecided) == ([0.125], [0.5, near])
    far = np.float32(0.5 - 1.1 * SCORE_MARGIN)
    assert described(candidates([LEFT, NEAR_LEFT], [0.5, far])) == ([0.5], [])


def test_an_iou_at_the_threshold():
    assert described(candidates([LEFT, HALF], [0.5, 0.25])) == ([0.5], [0.25])
    assert described(candidates([LEFT, HALF], [0.5, 0.25]), iou=0.5 + 1.1 * IOU_MARGIN) == (
        [0.5, 0.25],
        [],
    )
    assert described(candidates([LEFT, HALF], [0.5, 0.25]), iou=0.5 - 1.1 * IOU_MARGIN) == (
        [0.5],
        [],
    )


def test_doubt_spreads_to_what_a_doubtful_box_would_suppress():
    chain = [(0, 0, 10, 10), (0, 0, 10, 20), (0, 0, 10, 30)]  # IoU 1/2, 2/3 of neighbours
    assert described(candidates(chain, [0.5, 0.25, 0.125])) == ([0.5], [0.25, 0.125])
    # Unless another box suppresses it anyway.
    chain.append((0, 0, 10, 31))
    assert described(candidates(chain, [0.5, 0.25, 0.125, 0.75])) == ([0.75, 0.5], [])


def test_what_is_no_certain_candidate():
    found = candidates([LEFT, NEAR_LEFT, RIGHT], [0.5, 0.25, 0.125], certain=[False, True, True])
    assert described(found) == ([0.125], [0.5, 0.25])


def test_the_last_place():
    boxes = [(100 * i, 0, 100 * i + 10, 10) for i in range(4)]
    margin = score_margin(np.array([0.25], np.float32)).item()
    close = np.array([0.5, 0.25, 0.25 - 0.9 * margin, 0.125], np.float32)
    assert described(candidates(boxes, close), limit=2) == ([0.5], [close[1], close[2]])
    assert described(candidates(boxes, close), limit=3) == ([0.5, close[1], close[2]], [])
    ranked = best(candidates(boxes, close), 2)
    assert ranked.certain.tolist() == [True, False, False]


def test_groups_do_not_suppress_each_other():
    assert described(candidates([LEFT, LEFT], [0.5, 0.25], groups=[0, 1])) == ([0.5, 0.25], [])


def test_many_more_boxes_than_places():
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 5000, (4000, 2))
    found = candidates(
        np.hstack([corner, corner + 30]), np.linspace(0.9, 0.1, 4000), rng.integers(0, 9, 4000)
    )
    selection = select(found, 0.5, 20)
    whole = select(found, 0.5, 4000)
    assert selection.kept.sum() + len(selection.undecided) >= 20
    assert np.isin(selection.candidates.scores[selection.kept], whole.candidates.scores).all()


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 60),
    groups=st.integers(1, 3),
    limit=st.integers(1, 30),
    step=st.sampled_from([0.0, 3e-5, 1e-2]),
)
@settings(max_examples=150, deadline=None)
def test_brackets_what_torchvision_selects_within_the_margins(seed, count, groups, limit, step):
    """Boxes on a coarse grid, whose IoUs are often exactly the threshold, and scores close by."""
    rng = np.random.default_rng(seed)
    corner = rng.integers(0, 4, (count, 2)) * 10
    size = rng.integers(1, 4, (count, 2)) * 10
    boxes = np.hstack([corner, corner + size]).astype(np.float32)
    ranks = rng.permutation(count) if step else np.zeros(count)
    scores = (0.9 - ranks * step * 0.5).clip(0.1).astype(np.float32)
    label = rng.integers(0, groups, count)
    selection = select(candidates(boxes, scores, label), 0.5, limit)
    kept = {(tuple(b), g) for b, g in rows(selection.candidates, selection.kept)}
    possible = {(tuple(b), g) for b, g in rows(selection.candidates, slice(None))}

    table = np.full((1, count, groups), -1.0, np.float32)
    moved = scores + rng.uniform(-0.45, 0.45, count) * score_margin(scores)
    table[0, np.arange(count), label] = moved
    threshold = 0.5 + rng.uniform(-0.9, 0.9) * IOU_MARGIN
    everywhere = np.repeat(boxes[None, :, None], groups, 2)
    chosen = batched_nms(
        torch.from_numpy(everywhere), torch.from_numpy(table), threshold, 0.0, limit
    )
    found = {(tuple(boxes[row]), group) for _, row, group in chosen.tolist()}
    assert kept <= found <= possible


def rows(found, index):
    return zip(found.boxes[index], found.groups[index].tolist(), strict=True)


@pytest.mark.parametrize("count", [0, 3])
def test_iou(count):
    boxes = np.array([LEFT, HALF, RIGHT], np.float32)[:count]
    expected = np.array([[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]])[:count, :count]
    np.testing.assert_allclose(box_iou(boxes, boxes), expected)
    flat = np.array([(5, 5, 5, 9)], np.float32)
    assert box_iou(flat, flat) == 0
