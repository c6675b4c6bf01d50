"""Sizes and costs against sums by hand (numerics 19) for 800x1344 pixels and 100 RoIs."""

import pytest
from torchvision.models import resnet50

from refinemask.configs import presets
from refinemask.models.complexity import multiply_adds, parameters

BACKBONE = sum(p.numel() for p in resnet50().parameters()) - 2048 * 1000 - 1000


def test_parameters():
    found = parameters(presets.maskrcnn_r50())
    fpn = sum(256 * width + 256 for width in (256, 512, 1024, 2048)) + 4 * (256 * 256 * 9 + 256)
    box_head = 256 * 49 * 1024 + 1024 + 1024 * 1024 + 1024 + 1024 * 401 + 401
    mask_head = 4 * (256 * 256 * 9 + 256) + 256 * 256 * 4 + 256 + 256 * 80 + 80
    rpn = 256 * 256 * 9 + 256 + 256 * 15 + 15
    assert list(found.values()) == [BACKBONE, fpn, rpn, box_head, mask_head]


@pytest.fixture(scope="module")
def refinemask():
    return multiply_adds(presets.refinemask_r50(), 800, 1344, rois=100)


def test_multiply_adds_of_the_detector(refinemask):
    parts, _ = refinemask
    giga = {name: count / 1e9 for name, count in parts.items()}
    assert giga["backbone"] + giga["fpn"] + giga["rpn"] == pytest.approx(201.6, abs=0.05)
    assert giga["box_head"] == pytest.approx(14.3, abs=0.05)


def test_multiply_adds_of_refinemask(refinemask):
    parts, inside = refinemask
    giga = {name: count / 1e9 for name, count in inside.items()}
    assert giga["semantic_convs"] == pytest.approx(158.5, abs=0.05)
    rest = giga["instance_convs"] + giga["stage_14"] + giga["stage_28"] + giga["stage_56"]
    assert rest == pytest.approx(127.2 + 25.1, abs=0.1)
    # One class instead of 80: a dot product of 32 channels at 112 x 112 after the last stage.
    assert inside["logits"] == 100 * 112 * 112 * 32
    assert sum(inside.values()) == parts["mask_head"]


def test_multiply_adds_of_mask_rcnn():
    parts, inside = multiply_adds(presets.maskrcnn_r50(), 800, 1344, rois=100)
    of_other_classes = 79 * 256 * 28 * 28 * 100
    assert (parts["mask_head"] + of_other_classes) / 1e9 == pytest.approx(53.0, abs=0.05)
    assert inside["upsample"] == 100 * 14 * 14 * 256 * 256 * 4


def test_multiply_adds_of_the_fast_head():
    parts, inside = multiply_adds(presets.refinemask_r50_fast(), 320, 320, rois=7)
    assert inside["semantic_convs"] == 4 * 80 * 80 * 256 * 256 * 9
    assert inside["logits"] == 7 * (14**2 * 256 + 28**2 * 128 + 56**2 * 64 + 56**2 * 32)
    assert sum(inside.values()) == parts["mask_head"]


def test_multiply_adds_of_the_lite_head():
    parts, inside = multiply_adds(presets.refinemask_r50_lite(), 320, 320, rois=7)
    assert inside["semantic_convs"] == 80 * 80 * 9 * (256 * 128 + 128 * 128)
    # Pooled features, logits, the fusion with one dilated convolution, and its last convolution.
    per_pixel = 128 * 128 + 128 + 258 * 128 + (9 + 1) * 128 * 128 + 128 * 62
    assert inside["stage_14"] == 80 * 80 * 128 * 128 + 7 * 14 * 14 * per_pixel
    assert inside["logits"] == 7 * 112 * 112 * 16
    assert sum(inside.values()) == parts["mask_head"]


def test_costs_grow_with_what_they_are_of():
    config = presets.maskrcnn_small()
    once, twice = (multiply_adds(config, 256, side, 10, 100)[0] for side in (256, 512))
    assert twice["backbone"] == 2 * once["backbone"] and twice["box_head"] == once["box_head"]
    more = multiply_adds(config, 256, 256, 20, 200)[0]
    assert more["mask_head"] == 2 * once["mask_head"]
    assert more["box_head"] == 2 * once["box_head"]
