"""BatchedNMS in ONNX Runtime: by hand, and against the PyTorch reference (numerics 3.4)."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from refinemask.ops.batched_nms import batched_nms as reference
from tests.plugins.operators import batched_nms


def stack(*rows):
    """Return boxes and scores of one image and group from (x1, y1, x2, y2, score) rows."""
    table = np.array(rows, np.float32).reshape(1, -1, 1, 5)
    return table[..., :4].copy(), table[..., 4].copy()


def test_a_better_box_suppresses_only_above_the_threshold():
    boxes, scores = stack((0, 0, 10, 10, 0.9), (0, 0, 10, 6, 0.8), (0, 0, 10, 5, 0.7))
    assert batched_nms(boxes, scores).tolist() == [[0, 0, 0], [0, 2, 0]]  # 0.5 is not above
    assert batched_nms(boxes, scores, iou_threshold=0.49).tolist() == [[0, 0, 0]]


def test_equal_scores_keep_their_order_and_nan_is_no_candidate():
    boxes, scores = stack(
        (0, 0, 1, 1, 0.5), (5, 0, 6, 1, np.nan), (9, 0, 10, 1, 0.7), (0, 0, 1, 1, 0.5)
    )
    assert batched_nms(boxes, scores)[:, 1].tolist() == [2, 0]


def test_groups_do_not_suppress_each_other_and_images_are_apart():
    boxes = np.tile(np.array([0, 0, 10, 10], np.float32), (2, 1, 3, 1))
    scores = np.array([[[0.3, 0.9, 0.01]], [[0.2, 0.6, 0.7]]], np.float32)
    assert batched_nms(boxes, scores).tolist() == [
        [0, 0, 1],
        [0, 0, 0],
        [1, 0, 2],
        [1, 0, 1],
        [1, 0, 0],
    ]
    assert batched_nms(boxes, scores, max_per_image=1).tolist() == [[0, 0, 1], [1, 0, 2]]


def test_negative_coordinates_reach_into_the_group_before():
    """The official code moves by the largest coordinate alone; a box left of 0 may meet others."""
    boxes = np.array([[[[0, 0, 99, 99]] * 2, [[-100, -100, -1, -1]] * 2]], np.float32)
    scores = np.array([[[0.9, 0.01], [0.01, 0.8]]], np.float32)
    arguments = (0.5, 0.05, 100)
    expected = reference(torch.from_numpy(boxes), torch.from_numpy(scores), *arguments)
    assert len(expected) == 1
    np.testing.assert_array_equal(batched_nms(boxes, scores), expected)


@given(
    shape=st.tuples(st.integers(1, 3), st.integers(0, 40), st.integers(1, 4)),
    lowest=st.sampled_from([0, -40]),
    decimals=st.sampled_from([0, 3]),
    score_decimals=st.sampled_from([1, 6]),
    nan=st.booleans(),
    per_group=st.booleans(),
    iou_threshold=st.sampled_from([0.0, 0.25, 0.5, 0.7, 1.0]),
    score_threshold=st.sampled_from([-1.0, 0.3, 0.8, 2.0]),
    limit=st.sampled_from([1, 3, 100]),
    max_shifted=st.sampled_from([-1, 0, 8]),
    first_shift=st.sampled_from([0, 1]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=300, deadline=None)
def test_matches_the_reference(
    shape,
    lowest,
    decimals,
    score_decimals,
    nan,
    per_group,
    iou_threshold,
    score_threshold,
    limit,
    max_shifted,
    first_shift,
    seed,
):
    rng = np.random.default_rng(seed)
    batch, count, groups = shape
    corners = rng.uniform(lowest, 60, (batch, count, groups if per_group else 1, 2))
    sizes = rng.uniform(-2, 40, corners.shape)  # some of them inverted
    boxes = np.concatenate((corners, corners + sizes), -1).round(decimals).astype(np.float32)
    scores = rng.uniform(0, 1, shape).round(score_decimals).astype(np.float32)
    if nan:
        scores[rng.uniform(size=shape) < 0.2] = np.nan
    options = {
        "iou_threshold": iou_threshold,
        "score_threshold": score_threshold,
        "max_per_image": limit,
        "max_shifted": max_shifted,
        "first_shift": first_shift,
    }
    found = batched_nms(boxes if per_group else boxes[:, :, 0], scores, **options)
    expected = reference(
        torch.from_numpy(np.broadcast_to(boxes, (*shape, 4)).copy()),
        torch.from_numpy(scores),
        iou_threshold,
        score_threshold,
        limit,
        None if max_shifted < 0 else max_shifted,
        first_shift,
    )
    np.testing.assert_array_equal(found, expected)


def crowded(rng, count, groups):
    centres, sizes = rng.uniform(0, 600, (1, count, groups, 2)), rng.uniform(8, 90, (2,))
    boxes = np.concatenate((centres - sizes, centres + sizes), -1).clip(0, 600).astype(np.float32)
    return boxes, rng.uniform(0, 1, (1, count, groups)).astype(np.float32)


@pytest.mark.parametrize(
    ("count", "groups", "limit"), [(1000, 5, 1000), (200, 80, 100), (30, 1203, 300), (3000, 1, 7)]
)
def test_sizes_of_real_models(count, groups, limit):
    boxes, scores = crowded(np.random.default_rng(count), count, groups)
    expected = reference(torch.from_numpy(boxes), torch.from_numpy(scores), 0.5, 0.05, limit)
    found = batched_nms(boxes, scores, max_per_image=limit)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_coordinates_that_are_no_numbers(value):
    boxes, scores = crowded(np.random.default_rng(1), 40, 3)
    boxes[0, 7, 1, 2] = value
    scores[0, 7, 1] = 0.99
    expected = reference(torch.from_numpy(boxes), torch.from_numpy(scores), 0.5, 0.05, 100)
    np.testing.assert_array_equal(batched_nms(boxes, scores), expected)


@pytest.mark.parametrize("shape", [(0, 4, 2), (2, 0, 2), (2, 4, 0), (1, 0, 1)])
def test_nothing_to_select_from(shape):
    boxes = np.zeros((*shape, 4), np.float32)
    assert batched_nms(boxes, np.ones(shape, np.float32)).shape == (0, 3)


def test_one_session_serves_several_threads():
    cases = [crowded(np.random.default_rng(seed), 300, 4) for seed in range(4)] * 6
    expected = [batched_nms(*case) for case in cases]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda case: batched_nms(*case), cases))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
