"""Selection of proposals by hand (numerics 3)."""

from dataclasses import replace

import torch

from refinemask.configs.config import MMDETECTION, TORCHVISION
from refinemask.models.boxes import grid_anchors
from refinemask.models.rpn import level_anchors, propose

SQUARE = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
FAR = torch.tensor([[100.0, 100.0, 140.0, 140.0]])
SIZES = torch.tensor([[128, 128]])


def proposals(logits, anchors, sizes=SIZES, pre_nms=1000, conventions=MMDETECTION):
    """Propose without moving the anchors; `logits` and `anchors` are lists by level."""
    deltas = [torch.zeros(*level.shape, 4) for level in logits]
    return propose(logits, deltas, anchors, sizes, pre_nms, conventions)


def test_proposals_of_all_levels_are_sorted_and_clipped():
    logits = [torch.tensor([[-1.0, 2.0]]), torch.tensor([[0.5]])]
    image, boxes, scores = proposals(logits, [torch.cat((SQUARE, FAR)), SQUARE * 5])
    assert image.tolist() == [0, 0, 0]
    expected = [[100, 100, 128, 128], [0, 0, 50, 50], [0, 0, 10, 10]]
    assert boxes.tolist() == expected
    torch.testing.assert_close(scores, torch.tensor([2, 0.5, -1]).sigmoid())


def test_suppression_stays_within_a_level():
    logits = [torch.tensor([[1.0, 0.5]]), torch.tensor([[0.0]])]
    _, boxes, scores = proposals(logits, [SQUARE.repeat(2, 1), SQUARE])
    assert boxes.tolist() == [[0, 0, 10, 10]] * 2
    torch.testing.assert_close(scores, torch.tensor([1.0, 0.0]).sigmoid())


def test_only_the_best_of_a_level_are_considered():
    boxes = torch.arange(6.0)[:, None] * 20 + torch.tensor([0.0, 0.0, 9.0, 9.0])
    logits = [torch.tensor([[0.0, 3.0, 1.0, 5.0, 4.0, 2.0]]), torch.tensor([[-9.0]])]
    _, found, _ = proposals(logits, [boxes, SQUARE], pre_nms=3)
    assert found[:, 0].tolist() == [60, 80, 20, 0]


def test_images_are_clipped_to_their_own_size():
    logits = [torch.tensor([[0.0], [1.0]])]
    sizes = torch.tensor([[128, 110], [120, 128]])
    image, boxes, _ = proposals(logits, [FAR], sizes)
    assert image.tolist() == [0, 1]
    assert boxes.tolist() == [[100, 100, 110, 128], [100, 100, 128, 120]]


def test_at_most_a_thousand_are_kept():
    x = torch.arange(2500.0)[:, None] * 20
    boxes = x + torch.tensor([0.0, 0.0, 9.0, 9.0])
    logits = [torch.linspace(-3, 3, 2500)[None]]
    _, found, scores = proposals(logits, [boxes], torch.tensor([[60_000, 60_000]]), pre_nms=2000)
    assert len(found) == 1000
    assert torch.equal(found[0], boxes[-1])
    assert (scores.diff() <= 0).all()


def test_a_score_that_underflows_to_zero_is_a_score():
    """The official code has no threshold; these were once dropped for not being above 0."""
    logits = [torch.tensor([[-200.0, 3.0]]), torch.tensor([[-150.0]])]
    _, boxes, scores = proposals(logits, [torch.cat((SQUARE, FAR)), SQUARE * 5])
    assert scores.tolist() == [torch.tensor(3.0).sigmoid(), 0, 0]
    assert sorted(boxes[1:, 2].tolist()) == [10, 50]


def test_small_proposals_are_dropped_where_that_is_the_convention():
    boxes = torch.tensor([[0.0, 0.0, 9.0, 0.5], [20.0, 20.0, 29.0, 29.0], [200.0, 5.0, 210.0, 9.0]])
    logits = [torch.tensor([[2.0, 1.0, 3.0]])]  # the last lies outside the image and has no width
    _, kept, _ = proposals(logits, [boxes])
    assert kept[:, 1].tolist() == [5, 0, 20]
    conventions = replace(MMDETECTION, min_proposal_side=1.0)
    _, kept, _ = proposals(logits, [boxes], conventions=conventions)
    assert kept[:, 1].tolist() == [20]


def test_the_best_by_logit_where_all_scores_are_one():
    boxes = torch.arange(4.0)[:, None] * 20 + torch.tensor([0.0, 0.0, 9.0, 9.0])
    logits = [torch.tensor([[40.0, 30.0, 60.0, 50.0]])]  # sigmoid gives exactly 1 above 17
    conventions = replace(MMDETECTION, rank_logits=True)
    _, found, scores = proposals(logits, [boxes], pre_nms=2, conventions=conventions)
    assert found[:, 0].tolist() == [40, 60]
    assert scores.tolist() == [1, 1]


def test_anchors_of_torchvision_are_stretched_over_the_padded_image():
    sizes = [(200, 336), (100, 168), (50, 84), (25, 42), (13, 21)]  # 800 x 1344
    features = [torch.empty(1, 1, *size) for size in sizes]
    device = torch.device("cpu")
    for level, (size, stride) in enumerate(zip(sizes, (4, 8, 16, 32, 64), strict=True)):
        step = (61, 64) if level == 4 else (stride, stride)  # 800 // 13 and 1344 // 21
        expected = grid_anchors(size, stride, device, step, TORCHVISION)
        assert torch.equal(level_anchors(features, TORCHVISION)[level], expected)
        assert torch.equal(level_anchors(features)[level], grid_anchors(size, stride, device))
