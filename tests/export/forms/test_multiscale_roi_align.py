"""`multiscale_roi_align` in every form and runtime against the operator in PyTorch."""

import numpy as np
import onnx
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from refinemask.export.forms.portable.multiscale_roi_align import smallest_side
from refinemask.export.sampling import fixed_sampling_ratio
from refinemask.ops.levels import assign_levels, side_levels
from refinemask.ops.multiscale_roi_align import multiscale_roi_align
from tests.export.graphs import exported_program, operator_names

STRIDES = (4, 8, 16, 32)
IMAGE = 512  # pixels: RoIs of every level fit inside
BATCH, CHANNELS = 2, 2


OPTIONS = {"mmdetection": (0, True, False), "torchvision": (2, False, True)}
"""sampling_ratio, aligned and epsilon_after_log."""


class Pool(nn.Module):
    def __init__(self, levels: int, options) -> None:
        super().__init__()
        self.levels, self.options = levels, options

    def forward(self, rois, features):
        return multiscale_roi_align(rois, features, 7, STRIDES[: self.levels], *self.options)


def features(levels: int):
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(BATCH, CHANNELS, IMAGE // stride, IMAGE // stride, generator=generator)
        for stride in STRIDES[:levels]
    ]


@pytest.fixture(scope="session", params=[1, 4])
def levels(request):
    return request.param


@pytest.fixture(scope="session", params=OPTIONS)
def options(request, target):
    ratio, *others = OPTIONS[request.param]
    return ratio or fixed_sampling_ratio(target.form, None) or 0, *others


@pytest.fixture(scope="session")
def graph(levels, options, target) -> onnx.ModelProto:
    maps = features(levels)
    rois = torch.tensor([[0.0, 0, 0, 9, 9]]).repeat(4, 1)
    dynamic = {"rois": {0: torch.export.Dim("rois")}, "features": [{} for _ in maps]}
    program = torch.export.export(Pool(levels, options), (rois, maps), dynamic_shapes=dynamic)
    return exported_program(
        program, ["rois", *(f"p{level}" for level in range(levels))], target.form
    )


@pytest.fixture(scope="module")
def check(graph, target, levels, options):
    """Return a function that compares both for a list of RoIs."""
    run = target.load(graph)
    maps = features(levels)
    named = {f"p{level}": values.numpy() for level, values in enumerate(maps)}

    def compare(rows):
        rois = torch.tensor(rows, dtype=torch.float32).reshape(-1, 5)
        expected = multiscale_roi_align(rois, maps, 7, STRIDES[:levels], *options).numpy()
        (pooled,) = run(rois=rois.numpy(), **named)
        assert pooled.shape == expected.shape
        np.testing.assert_allclose(pooled, expected, atol=1e-4, rtol=0)

    return compare


def test_operators_of_the_graph(graph, target, levels):
    assert not graph.functions
    names = operator_names(graph)
    if target.form == "fused":
        assert names == ["refinemask:MultiScaleRoIAlign"]
        return
    assert [opset.domain for opset in graph.opset_import] == [""]
    if target.form == "static":
        assert not {"RoiAlign", "NonZero", "GridSample"} & set(names)
        return
    assert names.count("RoiAlign") == levels
    assert names.count("NonZero") == (levels if levels > 1 else 0)


def test_no_rois(check):
    check([])


def test_one_roi(check):
    check([[1, 10, 20, 200, 90]])


def test_rois_of_all_levels_and_images_in_any_order(check):
    check(
        [
            [image, x, y, x + side, y + side * ratio]
            for x, y in ((3.7, 11.2), (60.5, 0))
            for side in (440, 9, 130, 60, 250, 1)
            for image, ratio in ((1, 1.0), (0, 0.5))
        ]
    )


def test_degenerate_rois(check):
    rows = [[0, x, y, x, y + 30] for x in (0, 17.3, 511.9) for y in (0, 33.3)]
    rows += [[1, 5, y, 90, y] for y in (0.1, 200)]
    rows += [[0, 40, 40, 40, 40], [1, 512, 512, 512, 512]]
    # Distinct corners that the half-pixel shift rounds to one, next to an ordinary RoI.
    rows += [[0, 0, 0, 1e-9, 80], [1, 30, 30, 60, 60]]
    check(rows)


def test_rois_beyond_the_image(check):
    check([[0, -100, -80, 40, 60], [1, 480, 500, 900, 700], [0, 600, 600, 800, 800]])


def test_sides_at_the_border_of_two_levels(check):
    sides = np.array([112, 224, 448], np.float32)
    below, above = (np.nextafter(sides, np.float32(end)) for end in (0, 999))
    around = np.concatenate([below, sides, above, sides - np.float32(1e-3)])
    check([[0, 0, 0, side, side] for side in around.tolist()])


@pytest.mark.parametrize("epsilon_after_log", [False, True])
def test_levels_are_those_of_pytorch_to_the_last_bit(epsilon_after_log):
    """The limits of the translation, against the levels of the floats around 112, 224 and 448."""
    for level in (1, 2, 3):
        limit = smallest_side(level, epsilon_after_log)
        assert 56 * 2**level - 1e-3 < limit < 56 * 2**level
        around = torch.tensor(56.0 * 2**level)
        for _ in range(40):
            around = torch.nextafter(around, torch.tensor(0.0))
        assert around < limit
        for _ in range(50):
            assert (side_levels(around, epsilon_after_log) >= level) == (around >= limit)
            around = torch.nextafter(around, torch.tensor(1e3))
    boxes = torch.tensor([[0.0, 0, side, side] for side in (50, 111, 113, 223, 225, 447, 449)])
    assert assign_levels(boxes, 4).tolist() == [0, 0, 1, 1, 2, 2, 3]


coordinate = st.floats(-40, IMAGE + 40, width=32)
extent = st.floats(0, IMAGE, width=32)
roi = st.tuples(st.integers(0, BATCH - 1), coordinate, coordinate, extent, extent)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(roi, max_size=12))
def test_any_rois(check, rows):
    check([[image, x, y, x + width, y + height] for image, x, y, width, height in rows])
