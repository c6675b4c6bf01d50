"""`batched_nms` in every form and runtime against the operator in PyTorch."""

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from refinemask.ops.batched_nms import batched_nms
from tests.export.graphs import ADAPTIVE, exported_program, operator_names

pytestmark = pytest.mark.parametrize("target", ADAPTIVE, indirect=True)

GROUPS = 3
IOU, SCORE, LIMIT = 0.5, 0.3, 20


SHIFTS = {"always": (None, 0), "few": (30, 1)}
"""max_shifted and first_shift."""


class Suppress(nn.Module):
    def __init__(self, shift, threshold=SCORE):
        super().__init__()
        self.shift, self.threshold = shift, threshold

    def forward(self, boxes, scores):
        return batched_nms(boxes, scores, IOU, self.threshold, LIMIT, *self.shift)


def candidates(batch: int, count: int, seed: int = 0):
    """Return clustered boxes (B, K, G, 4) and distinct scores (B, K, G)."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 60, (batch, count, GROUPS, 2))
    size = rng.uniform(10, 60, (batch, count, GROUPS, 2))
    boxes = np.concatenate([corner, corner + size], 3).astype(np.float32)
    scores = rng.permutation(batch * count * GROUPS) / (batch * count * GROUPS)
    return boxes, scores.reshape(batch, count, GROUPS).astype(np.float32)


@pytest.fixture(scope="session", params=SHIFTS)
def shift(request):
    return SHIFTS[request.param]


@pytest.fixture(scope="session")
def graph(shift, target) -> onnx.ModelProto:
    return exported(Suppress(shift), target)


def exported(module, target) -> onnx.ModelProto:
    example = tuple(torch.from_numpy(array) for array in candidates(2, 5))
    dims = {0: torch.export.Dim("batch"), 1: torch.export.Dim("count")}
    program = torch.export.export(module, example, dynamic_shapes=(dims, dims))
    return exported_program(program, ["boxes", "scores"], target.form)


@pytest.fixture(scope="module")
def check(graph, target, shift):
    """Return a function that compares both and gives back what was selected."""
    run = target.load(graph)

    def compare(boxes, scores):
        tensors = torch.from_numpy(boxes), torch.from_numpy(scores)
        expected = batched_nms(*tensors, IOU, SCORE, LIMIT, *shift)
        (selected,) = run(boxes=boxes, scores=scores)
        assert selected.dtype == np.int64
        assert selected.tolist() == expected.tolist()
        return selected

    return compare


def test_graph_has_one_suppression(graph, target):
    suppression = {"portable": "NonMaxSuppression", "fused": "refinemask:BatchedNMS"}[target.form]
    names = operator_names(graph)
    assert names.count(suppression) == 1
    assert not graph.functions
    if target.form == "fused":
        assert names == [suppression]
    else:
        assert [opset.domain for opset in graph.opset_import] == [""]


def test_one_box(check):
    boxes = np.array([[[[0, 0, 9, 9]] * GROUPS]], np.float32)
    scores = np.array([[[0.1, 0.9, 0.3]]], np.float32)
    assert check(boxes, scores).tolist() == [[0, 0, 1]]  # a score at the threshold is too low


def test_suppression_is_by_group(check):
    boxes = np.tile(np.array([10, 10, 50, 50], np.float32), (1, 2, GROUPS, 1))
    scores = np.array([[[0.9, 0.5, 0.7], [0.8, 0.6, 0.75]]], np.float32)
    assert check(boxes, scores).tolist() == [[0, 0, 0], [0, 1, 2], [0, 1, 1]]


@pytest.mark.parametrize("seed", range(4))
def test_several_images(check, seed):
    selected = check(*candidates(3, 40, seed))
    assert set(selected[:, 0]) == {0, 1, 2}


def test_at_most_the_limit_of_each_image(check):
    boxes, scores = candidates(2, 200)
    boxes *= np.arange(1, 201, dtype=np.float32)[:, None, None]
    assert np.bincount(check(boxes, scores)[:, 0]).tolist() == [LIMIT, LIMIT]


def test_images_without_candidates(check):
    boxes, scores = candidates(3, 12)
    for empty in ([1], [0, 2], [0, 1, 2]):
        some = scores.copy()
        some[empty] = -1
        assert set(check(boxes, some)[:, 0]) == {0, 1, 2} - set(empty)


def test_the_shift_is_taken_from_the_candidates_alone(check):
    """Far boxes below the threshold would blur the others if they counted."""
    boxes, scores = candidates(1, 40)
    far = np.full((1, 1, GROUPS, 4), 1e9, np.float32)
    far[..., :2] = 0
    low = np.zeros((1, 1, GROUPS), np.float32)
    expected = check(boxes, scores)
    selected = check(np.concatenate([boxes, far], 1), np.concatenate([scores, low], 1))
    assert selected.tolist() == expected.tolist()


def test_images_with_few_and_with_many_candidates(check, shift):
    """A far box makes the shift round, unless there are too many candidates to be moved."""
    x = 20 * np.arange(40, dtype=np.float32)[:, None, None]
    boxes = np.tile(x + np.array([0, 100, 9, 109], np.float32), (2, 1, GROUPS, 1))
    scores = np.linspace(0.9, 0.4, 2 * 40 * GROUPS, dtype=np.float32).reshape(2, 40, GROUPS)
    scores[1, 8:] = -1
    boxes[0, 0, 0], scores[0, 0, 0] = [0, 0, 1e7, 1e7], 0.99
    # Of IoU 0.48; moved by 20,000,002, where floats are even, the heights are 10 and 6.
    boxes[:, 1, 2], scores[:, 1, 2] = [0, 0, 10, 10.8], 0.98
    boxes[:, 2, 2], scores[:, 2, 2] = [0, 0, 10, 5.2], 0.97
    assert ((scores > SCORE).sum((1, 2)) > 30).tolist() == [True, False]
    selected = check(boxes, scores).tolist()
    assert [0, 1, 2] in selected and [1, 1, 2] in selected and [1, 2, 2] in selected
    assert ([0, 2, 2] in selected) == (shift[0] is not None)


def test_a_score_of_zero_is_above_a_negative_threshold(target, shift):
    """Proposals have such a threshold, and -1 for what is no candidate."""
    run = target.load(exported(Suppress(shift, -0.5), target))
    boxes, scores = candidates(2, 12)
    boxes *= np.arange(1, 13, dtype=np.float32)[:, None, None]
    scores[:, 6:], scores[0, 5, 1] = -1, 0
    (selected,) = run(boxes=boxes, scores=scores)
    expected = batched_nms(
        torch.from_numpy(boxes), torch.from_numpy(scores), IOU, -0.5, LIMIT, *shift
    )
    assert selected.tolist() == expected.tolist()
    assert [0, 5, 1] in selected.tolist()
    assert selected[:, 1].max() < 6
