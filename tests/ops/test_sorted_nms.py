"""Suppression of sorted boxes: by hand, and against torchvision."""

import pytest
import torch
from torchvision.ops import nms

from refinemask.ops.sorted_nms import sorted_nms

A, NEAR_A, B = [0.0, 0, 10, 10], [1.0, 0, 11, 10], [40.0, 40, 50, 50]  # A and NEAR_A: 9 / 11
YES = torch.ones(1, 3, dtype=torch.bool)


def test_a_worse_box_is_suppressed():
    assert sorted_nms(torch.tensor([[A, NEAR_A, B]]), YES, 0.5).tolist() == [[True, False, True]]
    assert sorted_nms(torch.tensor([[A, NEAR_A, B]]), YES, 0.9).all()


def test_what_is_no_candidate_is_not_kept_and_suppresses_nothing():
    candidates = torch.tensor([[False, True, True]])
    kept = sorted_nms(torch.tensor([[A, NEAR_A, B]]), candidates, 0.5)
    assert kept.tolist() == [[False, True, True]]


def test_what_is_suppressed_suppresses_nothing():
    chain = [[x, 0.0, x + 10, 10] for x in (0.0, 3, 6)]  # neighbours: 7 / 13, the others: 4 / 16
    assert sorted_nms(torch.tensor([chain]), YES, 0.5).tolist() == [[True, False, True]]


def test_groups_and_rows_are_apart():
    boxes = torch.tensor([[A, NEAR_A, A], [A, B, B]])
    groups = torch.tensor([[0, 1, 0], [0, 0, 1]])
    kept = sorted_nms(boxes, YES.expand(2, 3), 0.5, groups)
    assert kept.tolist() == [[True, True, False], [True, True, True]]


@pytest.mark.parametrize("seed", range(3))
def test_any_boxes_are_kept_as_by_torchvision(seed):
    generator = torch.Generator().manual_seed(seed)
    corner = 80 * torch.rand(3, 60, 2, generator=generator)
    boxes = torch.cat([corner, corner + 40 * torch.rand(3, 60, 2, generator=generator)], 2)
    scores = torch.rand(3, 60, generator=generator).sort(1, descending=True).values
    kept = sorted_nms(boxes, scores > 0.2, 0.4)
    for row in range(3):
        count = int((scores[row] > 0.2).sum())
        expected = nms(boxes[row, :count], scores[row, :count], 0.4)
        assert torch.nonzero(kept[row])[:, 0].tolist() == expected.tolist()
