"""Selection with outputs of fixed size against `batched_nms`, which has any number of them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from refinemask.export.forms.static import selection
from refinemask.export.forms.static.selection import Limits, select_in_classes, select_in_levels
from refinemask.ops.batched_nms import batched_nms

LIMITS = [Limits(0.5, 0.3, 20), Limits(0.4, 0.05, 9, 40, 1), Limits(0.7, 0.1, 500)]


def candidates(count: int, seed: int, groups: int = 3):
    """Return clustered boxes (2, K, G, 4) and distinct scores (2, K, G), sorted in each group."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 60, (2, count, groups, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(5, 60, corner.shape)], 3)
    scores = rng.permutation(corner[..., 0].size).reshape(corner.shape[:3]) / corner[..., 0].size
    ordered = -np.sort(-scores, 1).astype(np.float32)
    return torch.from_numpy(boxes.astype(np.float32)), torch.from_numpy(ordered)


def assert_same(selected, boxes, scores, limits):
    """Compare what is selected with `batched_nms`."""
    image, row, group = batched_nms(boxes, scores, *limits).unbind(1)
    assert selected.scores.shape == (2, limits.max_per_image)
    for index in range(2):
        mine = image == index
        count = int(mine.sum())
        assert selected.valid[index].tolist() == [True] * count + [False] * (
            limits.max_per_image - count
        )
        for name, expected in (
            ("boxes", boxes[image, row, group][mine]),
            ("scores", scores[image, row, group][mine]),
            ("groups", group[mine]),
        ):
            values = getattr(selected, name)[index]
            assert torch.equal(values[:count], expected)
            assert not values[count:].any()


@pytest.mark.parametrize("limits", LIMITS)
@settings(max_examples=25, deadline=None)
@given(count=st.integers(1, 60), seed=st.integers(0, 9999), empty=st.booleans())
def test_levels_and_classes(limits, count, seed, empty):
    boxes, scores = candidates(count, seed)
    if empty:
        scores[1] = -1
    assert_same(select_in_levels(boxes, scores, limits), boxes, scores, limits)
    shuffled = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    boxes, scores = boxes[:, shuffled], scores[:, shuffled]
    selected, truncated = select_in_classes(boxes, scores, limits)
    assert_same(selected, boxes, scores, limits)
    assert truncated.tolist() == [False, False]


def test_more_candidates_than_are_considered(monkeypatch):
    """The shift and its limit are those of all candidates, and the best of these are found."""
    monkeypatch.setattr(selection, "MAX_CANDIDATES", 60)
    boxes, scores = candidates(40, 5)
    scores[1, 10:] = -1
    for limits in (Limits(0.9, 0.01, 5), Limits(0.9, 0.01, 5, 70)):
        selected, truncated = select_in_classes(boxes, scores, limits)
        assert_same(selected, boxes, scores, limits)
        assert truncated.tolist() == [True, False]
    few, _ = select_in_classes(boxes, scores, Limits(1.0, 0.01, 100))
    assert few.valid.sum(1).tolist() == [60, 30]


def test_just_as_many_as_are_considered(monkeypatch):
    boxes, scores = candidates(20, 1)
    scores += 0.01
    monkeypatch.setattr(selection, "MAX_CANDIDATES", 60)
    assert select_in_classes(boxes, scores, Limits(0.5, 0.0, 5))[1].tolist() == [False, False]
    monkeypatch.setattr(selection, "MAX_CANDIDATES", 59)
    assert select_in_classes(boxes, scores, Limits(0.5, 0.0, 5))[1].tolist() == [True, True]
