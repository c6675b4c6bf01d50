"""Anchors and box coding by hand (numerics 3)."""

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from refinemask.configs.config import Conventions
from refinemask.models.boxes import (
    MAX_LOG_RATIO,
    clip_boxes,
    decode_boxes,
    drop_small,
    encode_boxes,
    grid_anchors,
)

STD = (0.1, 0.1, 0.2, 0.2)
ROUNDED = Conventions(round_anchors=True)

boxes = st.builds(
    lambda x, y, w, h: (x, y, x + w, y + h),
    st.floats(-50, 900, width=32),
    st.floats(-50, 900, width=32),
    st.floats(1, 500, width=32),
    st.floats(1, 500, width=32),
)


def test_anchors_are_centred_on_the_corner_of_their_cell():
    anchors = grid_anchors((2, 3), 4, torch.device("cpu"))
    assert anchors.shape == (2 * 3 * 3, 4)
    wide, tall = 16 * math.sqrt(2), 16 / math.sqrt(2)  # half lengths of ratio 0.5 at stride 4
    expected = [[-wide, -tall, wide, tall], [-16, -16, 16, 16], [-tall, -wide, tall, wide]]
    torch.testing.assert_close(anchors[:3], torch.tensor(expected))
    shift = torch.tensor([4.0, 0.0, 4.0, 0.0])
    torch.testing.assert_close(anchors[3:6], anchors[:3] + shift)  # the next column
    torch.testing.assert_close(anchors[9:12], anchors[:3] + shift.roll(1))  # the next row


def test_rounded_anchors_keep_their_centre():
    anchors = grid_anchors((1, 2), 4, torch.device("cpu"), conventions=ROUNDED)
    expected = [[-23, -11, 23, 11], [-16, -16, 16, 16], [-11, -23, 11, 23]]  # 22.6 and 11.3
    assert anchors[:3].tolist() == expected
    assert torch.equal(anchors[3:], anchors[:3] + torch.tensor([4.0, 0.0, 4.0, 0.0]))


def test_anchors_of_several_scales_go_by_ratio_first():
    own = Conventions(anchor_scales=(2, 3), anchor_ratios=(1, 4))
    anchors = grid_anchors((1, 1), 8, torch.device("cpu"), conventions=own)
    expected = [[-8, -8, 8, 8], [-12, -12, 12, 12], [-4, -16, 4, 16], [-6, -24, 6, 24]]
    assert anchors.tolist() == expected


def test_the_step_moves_anchors_of_the_same_size():
    anchors = grid_anchors((2, 2), 64, torch.device("cpu"), step=(61, 58)).reshape(2, 2, 3, 4)
    assert torch.equal(anchors[0, 0], grid_anchors((1, 1), 64, torch.device("cpu")))
    torch.testing.assert_close(anchors[1, 1], anchors[0, 0] + torch.tensor([58, 61, 58, 61]))


def test_zero_deltas_keep_the_box():
    box = torch.tensor([[10.0, 20.0, 40.0, 80.0]])
    assert torch.equal(decode_boxes(box, torch.zeros(1, 4)), box)


def test_deltas_move_by_the_size_and_scale_by_the_exponential():
    box = torch.tensor([[10.0, 20.0, 40.0, 80.0]])
    deltas = torch.tensor([[0.5, -1.0, math.log(2), math.log(0.5)]])
    expected = torch.tensor([[10.0, -25.0, 70.0, 5.0]])  # centre (25, 50) -> (40, -10), 60 x 30
    torch.testing.assert_close(decode_boxes(box, deltas), expected)
    torch.testing.assert_close(decode_boxes(box, deltas / torch.tensor(STD), STD), expected)


def test_size_changes_are_limited_in_both_directions():
    box = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
    decoded = decode_boxes(box, torch.tensor([[0.0, 0.0, 99.0, -99.0]]))
    size = decoded[0, 2:] - decoded[0, :2]
    torch.testing.assert_close(size, torch.tensor([1000 / 16, 16 / 1000]) * 10, rtol=1e-4, atol=0)
    assert math.isclose(MAX_LOG_RATIO, 4.1352, abs_tol=1e-4)


def test_shrinking_without_a_limit():
    box, deltas = torch.tensor([[0.0, 0.0, 10.0, 10.0]]), torch.tensor([[0.0, 0.0, 99.0, -6.0]])
    decoded = decode_boxes(box, deltas, limit_shrinking=False)
    size = decoded[0, 2:] - decoded[0, :2]
    torch.testing.assert_close(size, torch.tensor([625, 10 * math.exp(-6)]), rtol=1e-4, atol=0)


def test_boxes_with_a_short_side_lose_their_score():
    boxes = torch.tensor([[0.0, 0.0, 4.0, 0.5], [0.0, 0.0, 0.25, 4.0], [3.0, 3.0, 3.5, 4.0]])
    scores = torch.tensor([0.9, 0.8, 0.7])
    torch.testing.assert_close(drop_small(scores, boxes, 0.5), torch.tensor([0.9, -1, 0.7]))
    torch.testing.assert_close(drop_small(scores, boxes, 0.6), torch.tensor([-1.0, -1, -1]))
    assert torch.equal(drop_small(scores, boxes * 0, 0.0), scores)


@given(boxes, boxes)
def test_decoding_inverts_encoding(anchor, target):
    anchor, target = torch.tensor([anchor]), torch.tensor([target])
    size = anchor[:, 2:] - anchor[:, :2]
    ratio = (target[:, 2:] - target[:, :2]) / size
    decoded = decode_boxes(anchor, encode_boxes(anchor, target, STD), STD)
    if ratio.log().abs().max() < MAX_LOG_RATIO:
        torch.testing.assert_close(decoded, target, rtol=1e-4, atol=0.02)


def test_clipping_uses_the_size_of_each_image():
    box = torch.tensor([-5.0, -5.0, 300.0, 300.0])
    sizes = torch.tensor([[100, 200], [50, 60]])
    clipped = clip_boxes(box.expand(2, 3, 4), sizes)
    assert clipped[0].unique(dim=0).tolist() == [[0, 0, 200, 100]]
    assert clipped[1].unique(dim=0).tolist() == [[0, 0, 60, 50]]
    assert torch.equal(clip_boxes(box.expand(2, 4), sizes), clipped[:, 0])
    assert torch.equal(clip_boxes(box.expand(2, 3, 5, 4), sizes)[:, :, 2], clipped)


def test_a_box_outside_the_image_becomes_empty():
    clipped = clip_boxes(torch.tensor([[250.0, 10.0, 260.0, 20.0]]), torch.tensor([[100, 200]]))
    assert clipped.tolist() == [[200, 10, 200, 20]]
