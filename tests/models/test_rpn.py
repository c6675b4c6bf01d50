"""Selection of proposals by hand (SPEC 3.3)."""

import torch

from refinemask.models.rpn import propose

SQUARE = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
FAR = torch.tensor([[100.0, 100.0, 140.0, 140.0]])
SIZES = torch.tensor([[128, 128]])


def proposals(logits, anchors, sizes=SIZES, pre_nms=1000):
    """Propose without moving the anchors; `logits` and `anchors` are lists by level."""
    deltas = [torch.zeros(*level.shape, 4) for level in logits]
    return propose(logits, deltas, anchors, sizes, pre_nms)


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
