"""Adaptive depth: which stages RoIs of a size run, and what their masks are then."""

import pytest
import torch

from refinemask.checkpoints import synthetic_model
from refinemask.configs.presets import maskrcnn_small, refinemask_r50_fast, refinemask_small
from refinemask.errors import RefineMaskError
from refinemask.export.passes import rewritten
from refinemask.models.adaptive_depth import depths_of, with_adaptive_depth
from refinemask.ops.boundary_refine import boundary_refine, resize_aligned


@pytest.fixture(scope="module")
def model():
    return synthetic_model(refinemask_small(5))


def inputs(sides):
    """Return features, rois and labels of two images, each RoI of a side and half of it high."""
    generator = torch.Generator().manual_seed(0)
    features = [torch.randn(2, 96, side, side + 1, generator=generator) for side in (48, 24, 12, 6)]
    sides = torch.tensor(sides)
    corners = torch.rand(len(sides), 2, generator=generator) * 60
    boxes = torch.cat((corners, corners + torch.stack((sides, sides / 2), 1)), 1)
    rois = torch.cat((torch.arange(len(sides))[:, None] % 2, boxes), 1)
    return features, rois, torch.arange(len(sides)) % 5


def test_the_longer_side_decides():
    rois = torch.tensor([
        [0, 0, 0, 55.9, 3],
        [0, 9, 9, 65, 9],
        [1, 0, 0, 111, 20],
        [0, 0, 50, 20, 162],
        [0, -500, 0, 900, 9],
        [0, 7, 7, 7, 7],
    ])  # fmt: skip
    assert depths_of(rois).tolist() == [1, 2, 2, 3, 3, 1]


@pytest.mark.parametrize("sides", [[150, 20, 70, 30, 130, 57], [20], [70] * 17, [150], []])
@torch.no_grad()
def test_each_roi_stops_at_its_stage(model, sides):
    arguments = inputs(sides)
    stages = model.roi_head.mask_head(*arguments).stages
    half = boundary_refine(stages[1], stages[2])
    by_depth = (
        resize_aligned(resize_aligned(stages[1], 56), 112),
        resize_aligned(half, 112),
        boundary_refine(half, stages[3]),
    )
    got = with_adaptive_depth(model).roi_head.mask_head.final_logits(*arguments)
    assert got.shape == (len(sides), 1, 112, 112)
    for index, side in enumerate(sides):
        expected = by_depth[(side >= 56) + (side >= 112)][index]
        torch.testing.assert_close(got[index], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("sparse", [False, True])
@torch.no_grad()
def test_of_rewritten_heads(model, sparse):
    model = model.double()
    features, rois, labels = inputs([150, 20, 70, 30, 130])
    features = [maps.double() for maps in features]
    expected, got = (
        with_adaptive_depth(one).roi_head.mask_head.final_logits(features, rois, labels)
        for one in (model, rewritten(model, sparse=sparse)[0])
    )
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("preset", [maskrcnn_small, refinemask_r50_fast])
def test_of_other_heads(preset):
    with pytest.raises(RefineMaskError, match=f"which a {preset.__name__} does not have; leave"):
        with_adaptive_depth(synthetic_model(preset(2)))


def test_the_model_stays_as_it_is(model):
    head, names = model.roi_head.mask_head, list(model.state_dict())
    assert with_adaptive_depth(model).roi_head.mask_head is not head
    assert model.roi_head.mask_head is head and list(model.state_dict()) == names
