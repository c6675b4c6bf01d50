"""Suppression of a batch: by hand, and against the definition box by box (numerics 3.4)."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from refinemask.ops.batched_nms import batched_nms


def iou(a, b):
    width = max(min(a[2], b[2]) - max(a[0], b[0]), 0)
    height = max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return width * height / (sum(areas) - width * height) if sum(areas) else 0.0


def greedy(boxes, scores, iou_threshold, score_threshold, max_per_image):
    """Do what the definition says, one box after the other."""
    selected = []
    for image in range(len(boxes)):
        places = [tuple(place) for place in np.argwhere(scores[image] > score_threshold)]
        places.sort(key=lambda place: -scores[image][place])
        kept: list[tuple[int, ...]] = []
        for place in places:
            better = [other for other in kept if other[1] == place[1]]
            box = boxes[image][place]
            if all(iou(box, boxes[image][other]) <= iou_threshold for other in better):
                kept.append(place)
        selected += [(image, *place) for place in kept[:max_per_image]]
    return np.array(selected).reshape(-1, 3)


@given(
    shape=st.tuples(st.integers(1, 3), st.integers(0, 12), st.integers(1, 3)),
    seed=st.integers(0, 2**32 - 1),
    iou_threshold=st.sampled_from([0.3, 0.5, 0.7]),
    score_threshold=st.sampled_from([-1.0, 0.3, 0.8, 2.0]),
    limit=st.sampled_from([1, 3, 100]),
    max_shifted=st.sampled_from([None, 0, 8]),
    first_shift=st.sampled_from([0, 1]),
)
@settings(max_examples=150)
def test_matches_the_definition(
    shape, seed, iou_threshold, score_threshold, limit, max_shifted, first_shift
):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 60, (*shape, 2))
    boxes = np.concatenate((corners, corners + rng.uniform(0, 40, (*shape, 2))), -1).round(1)
    scores = rng.permutation(int(np.prod(shape))).reshape(shape) / max(np.prod(shape), 1)
    arguments = (iou_threshold, score_threshold, limit)
    tensors = torch.tensor(boxes).float(), torch.tensor(scores).float()
    found = batched_nms(*tensors, *arguments, max_shifted, first_shift)
    assert found.dtype == torch.int64
    expected = greedy(boxes, np.float32(scores), *arguments)
    pairs = iou_of_all(boxes)
    if not (abs(pairs - iou_threshold) < 1e-4).any():  # rounding decides these
        np.testing.assert_array_equal(found, expected)


def iou_of_all(boxes):
    flat = boxes.reshape(-1, 4)
    return np.array([iou(a, b) for a in flat for b in flat])


def stack(*rows):
    """Return boxes and scores of one image and group from (x1, y1, x2, y2, score) rows."""
    table = torch.tensor(rows).reshape(1, -1, 1, 5)
    return table[..., :4].contiguous(), table[..., 4].contiguous()


def test_a_better_box_suppresses_only_above_the_threshold():
    boxes, scores = stack(
        (0.0, 0.0, 10.0, 10.0, 0.9), (0.0, 0.0, 10.0, 6.0, 0.8), (0.0, 0.0, 10.0, 5.0, 0.7)
    )
    assert batched_nms(boxes, scores, 0.5, 0.0, 100)[:, 1].tolist() == [0, 2]  # 0.5 is not above
    assert batched_nms(boxes, scores, 0.49, 0.0, 100)[:, 1].tolist() == [0]


def test_a_suppressed_box_suppresses_nothing():
    boxes, scores = stack(
        (0.0, 0.0, 10.0, 10.0, 0.9), (4.0, 0.0, 14.0, 10.0, 0.8), (8.0, 0.0, 18.0, 10.0, 0.7)
    )
    assert batched_nms(boxes, scores, 0.4, 0.0, 100)[:, 1].tolist() == [0, 2]


def test_groups_and_images_do_not_touch():
    boxes = torch.tensor([0.0, 0.0, 10.0, 10.0]).expand(2, 1, 2, 4).contiguous()
    scores = torch.tensor([[[0.6, 0.7]], [[0.9, 0.8]]])
    found = batched_nms(boxes, scores, 0.5, 0.0, 100)
    assert found.tolist() == [[0, 0, 1], [0, 0, 0], [1, 0, 0], [1, 0, 1]]


def test_images_without_candidates_leave_no_rows():
    boxes = torch.tensor([0.0, 0.0, 10.0, 10.0]).expand(3, 1, 1, 4).contiguous()
    found = batched_nms(boxes, torch.tensor([[[0.1]], [[0.9]], [[0.05]]]), 0.5, 0.1, 100)
    assert found.tolist() == [[1, 0, 0]]
    assert batched_nms(boxes, torch.zeros(3, 1, 1), 0.5, 0.1, 100).shape == (0, 3)
    assert batched_nms(boxes[:, :0], torch.zeros(3, 0, 1), 0.5, 0.1, 100).shape == (0, 3)


def test_the_limit_holds_for_each_image():
    boxes = torch.arange(10.0)[:, None].mul(20).add(torch.tensor([0.0, 0.0, 9.0, 9.0]))
    scores = torch.linspace(0.1, 0.9, 10)
    found = batched_nms(
        boxes.reshape(1, 10, 1, 4).repeat(2, 1, 1, 1),
        scores.reshape(1, 10, 1).repeat(2, 1, 1),
        0.5,
        0,
        3,
    )
    assert found.tolist() == [[0, 9, 0], [0, 8, 0], [0, 7, 0], [1, 9, 0], [1, 8, 0], [1, 7, 0]]


def test_equal_scores_keep_their_order():
    boxes, scores = stack(*((20.0 * i, 0.0, 20.0 * i + 9, 9.0, 0.5) for i in range(50)))
    assert batched_nms(boxes, scores, 0.5, 0.0, 100)[:, 1].tolist() == list(range(50))


def test_boxes_without_area_do_not_suppress_each_other():
    boxes, scores = stack(*((5.0, 5.0, 5.0, 9.0, 0.9 - 0.1 * i) for i in range(3)))
    assert len(batched_nms(boxes, scores, 0.5, 0.0, 100)) == 3


def test_a_million_candidates_take_no_quadratic_time():
    """As many as an untrained LVIS model has; box by box they would take hours."""
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(1, 1000, 1203, 2, generator=generator) * 800
    boxes = torch.cat((corners, corners + 50), -1)
    scores = torch.rand(1, 1000, 1203, generator=generator)
    found = batched_nms(boxes, scores, 0.5, 1e-4, 300)
    kept = scores[0, found[:, 1], found[:, 2]]
    assert len(found) == 300 and (kept.diff() <= 0).all()


def test_candidates_are_looked_at_until_enough_are_kept():
    """Behind 9,000 copies of one box, further down than the first look, there are others."""
    boxes = torch.tensor([10.0, 10, 50, 50]).repeat(1, 9_003, 1, 1)
    boxes[0, 9_000:] += torch.tensor([100.0, 200, 300])[:, None, None]
    scores = torch.linspace(0.9, 0.1, 9_003)[None, :, None]
    found = batched_nms(boxes, scores, 0.5, 0.0, 5)
    assert found[:, 1].tolist() == [0, 9_000, 9_001, 9_002]
    assert batched_nms(boxes, scores, 0.5, 0.0, 2)[:, 1].tolist() == [0, 9_000]


def test_the_shift_rounds_and_few_candidates_only_are_moved():
    """As in torchvision: it decides whether a box of IoU 0.52 with a better one is suppressed."""
    boxes, scores = stack((0.0, 0.0, 10.0, 10.0, 0.9), (0.0, 0.0, 10.0, 5.2, 0.8))
    far = 10**6  # steps of 11: the heights become 10 and 5, as floats of that size are whole

    def kept(max_shifted, first_shift):
        return len(batched_nms(boxes, scores, 0.5, 0.0, 100, max_shifted, first_shift))

    assert kept(None, 0) == 1
    assert kept(None, far) == kept(2, far) == 2
    assert kept(1, far) == 1


def test_equal_scores_keep_their_order_without_a_shift():
    boxes, scores = stack(*((20.0 * i, 0.0, 20.0 * i + 9, 9.0, 0.5) for i in range(50)))
    assert batched_nms(boxes, scores, 0.5, 0.0, 100, 0)[:, 1].tolist() == list(range(50))


def test_no_image():
    found = batched_nms(torch.zeros(0, 5, 2, 4), torch.zeros(0, 5, 2), 0.5, 0.05, 100)
    assert (found.shape, found.dtype) == ((0, 3), torch.int64)
