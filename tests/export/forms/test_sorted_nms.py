"""`sorted_nms` in the static form, in every runtime, against the operator in PyTorch."""

from collections import Counter

import numpy as np
import onnx
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from refinemask.ops.sorted_nms import sorted_nms
from tests.export.graphs import TARGETS, attributes, exported_program, operator_names

STATIC = [target for target in TARGETS if target.startswith("static")]
pytestmark = pytest.mark.parametrize("target", STATIC, indirect=True)
IOU = 0.5


class Suppress(nn.Module):
    def __init__(self, grouped) -> None:
        super().__init__()
        self.grouped = grouped

    def forward(self, boxes, candidates, groups):
        return sorted_nms(boxes, candidates, IOU, groups if self.grouped else None)


@pytest.fixture(scope="session", params=[False, True], ids=["one group", "groups"])
def grouped(request):
    return request.param


@pytest.fixture(scope="session")
def graph(target, grouped) -> onnx.ModelProto:
    example = (
        torch.rand(2, 5, 4),
        torch.ones(2, 5, dtype=torch.bool),
        torch.zeros(2, 5, dtype=torch.int64),
    )
    dims = {0: torch.export.Dim("rows"), 1: torch.export.Dim("count")}
    program = torch.export.export(Suppress(grouped), example, dynamic_shapes=(dims,) * 3)
    return exported_program(program, ["boxes", "candidates", "groups"], target.form)


@pytest.fixture(scope="module")
def check(graph, target, grouped):
    """Return a function that compares both and gives back what was kept."""
    run = target.load(graph)

    def compare(boxes, candidates=None, groups=None):
        boxes = np.asarray(boxes, np.float32)
        if candidates is None:
            candidates = np.ones(boxes.shape[:2], bool)
        if groups is None:
            groups = np.zeros(boxes.shape[:2], np.int64)
        (kept,) = run(boxes=boxes, candidates=candidates, groups=groups)
        tensors = [torch.from_numpy(value) for value in (boxes, candidates, groups)]
        expected = sorted_nms(*tensors[:2], IOU, tensors[2] if grouped else None)
        assert kept.dtype == bool
        np.testing.assert_array_equal(kept, expected.numpy())
        return kept

    return compare


def test_one_loop_with_a_condition(graph):
    assert not graph.functions
    assert Counter(operator_names(graph))["Loop"] == 1
    (loop,) = (node for node in graph.graph.node if node.op_type == "Loop")
    assert loop.input[1]
    assert "MatMul" in [node.op_type for node in attributes(loop)["body"].node]


def test_one_box(check):
    assert check([[[0, 0, 9, 9]]]).tolist() == [[True]]
    assert check([[[0, 0, 9, 9]]], np.array([[False]])).tolist() == [[False]]


def test_a_chain_in_which_each_box_overlaps_the_next(check):
    """As many steps as there are boxes: every second one is kept."""
    boxes = np.tile(np.array([0, 0, 10, 10], np.float32), (1, 300, 1))
    boxes[0, :, 0::2] += 3 * np.arange(300)[:, None]
    kept = check(boxes)
    assert kept[0].tolist() == [index % 2 == 0 for index in range(300)]


def test_boxes_without_area_suppress_nothing(check):
    assert check([[[5, 5, 5, 5], [5, 5, 5, 5], [5, 0, 5, 9], [0, 0, 9, 9]]]).all()


def test_groups(check, grouped):
    same = np.zeros((1, 4, 4), np.float32)
    same[...] = [0, 0, 9, 9]
    kept = check(same, groups=np.array([[3, 0, 3, 1]]))
    assert kept.tolist() == [[True, grouped, False, grouped]]


@st.composite
def rows(draw):
    """Draw boxes on a coarse grid, of which many are the same or overlap, and candidates."""
    count = draw(st.integers(1, 25))
    numbers = st.lists(st.integers(0, 12), min_size=4 * count, max_size=4 * count)
    corners = np.array([draw(numbers) for _ in range(2)], np.float32).reshape(2, count, 2, 2)
    boxes = np.concatenate([corners.min(2), corners.max(2)], 2) * np.float32(1.7)
    flags = st.lists(st.booleans(), min_size=2 * count, max_size=2 * count)
    groups = st.lists(st.integers(0, 2), min_size=2 * count, max_size=2 * count)
    return boxes, np.array(draw(flags)).reshape(2, count), np.array(draw(groups)).reshape(2, count)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows())
def test_any_boxes(check, drawn):
    check(*drawn)
