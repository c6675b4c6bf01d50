"""The detectors against the official implementation: each stage from golden inputs, then the whole.

One image of 250 x 310 pixels on a canvas of 256 x 320; see golden/README of the shared folder.
"""

import dataclasses

import numpy as np
import pytest
import torch

from refinemask.configs.config import MMDETECTION
from refinemask.configs.presets import (
    maskrcnn_r50,
    refinemask_r50,
    refinemask_r50_cityscapes,
    refinemask_r50_fast,
    refinemask_r50_lvis,
    refinemask_r101,
)
from refinemask.export.mask_ties import explained_by_near_ties
from refinemask.export.reference import (
    run_normalised,
    undecided_detections,
    undecided_proposals,
)
from refinemask.models import build_model
from refinemask.models.box_head import ROI_SIZE, select_detections
from refinemask.models.fpn import STRIDES
from refinemask.models.refine_mask_head import refine_stages
from refinemask.models.rpn import level_anchors, propose
from refinemask.ops.multiscale_roi_align import multiscale_roi_align
from tests import golden
from tests.golden import detections
from tests.golden.image import make_image

SIZES = torch.tensor([[250, 310]])
LEVELS = range(2, 7)


@pytest.fixture(autouse=True)
def inference():
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def stages(vectors):
    """What the detectors share: the image, the features, the proposals and the detections."""
    return golden.tensors(vectors / "detector" / "shared.npz").joined({"img": make_image(4)})


@pytest.fixture(scope="module")
def refinemask(vectors):
    return golden.official_model(vectors, "refinemask_r50_coco", refinemask_r50())


@pytest.fixture(scope="module")
def refinemask_masks(vectors):
    return golden.tensors(vectors / "detector" / "refinemask_r50_coco.npz")


@pytest.fixture(scope="module")
def fast(vectors):
    return golden.official_model(
        vectors, "refinemask_r50_coco_faster_better", refinemask_r50_fast()
    )


@pytest.fixture(scope="module")
def fast_masks(vectors):
    return golden.tensors(vectors / "detector" / "refinemask_r50_coco_faster_better.npz")


@pytest.fixture(scope="module")
def maskrcnn(vectors):
    return golden.official_model(vectors, "mask_rcnn_r50_coco", maskrcnn_r50())


@pytest.fixture(scope="module")
def maskrcnn_masks(vectors):
    return golden.tensors(vectors / "detector" / "mask_rcnn_r50_coco.npz")


@pytest.fixture(scope="module")
def features(stages):
    return [stages[f"fpn/P{level}"][None] for level in LEVELS]


@pytest.fixture(scope="module")
def proposals(stages):
    return torch.nn.functional.pad(stages["proposals"][:, :4], (1, 0))


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("refinemask_r50_coco", refinemask_r50()),
        ("refinemask_r101_coco", refinemask_r101()),
        ("refinemask_r50_coco_faster_better", refinemask_r50_fast()),
        ("refinemask_r50_lvis", refinemask_r50_lvis()),
        ("refinemask_r50_cityscapes", refinemask_r50_cityscapes()),
        ("mask_rcnn_r50_coco", maskrcnn_r50()),
    ],
)
def test_parameters_have_the_official_names_and_shapes(vectors, name, config):
    with torch.device("meta"):
        state = build_model(config).state_dict()
    shapes = {key: tuple(tensor.shape) for key, tensor in state.items()}
    assert shapes == golden.official_shapes(vectors, name)


def test_backbone_and_fpn(stages, refinemask):
    for level, found in zip(LEVELS, refinemask.features(stages["img"][None]), strict=True):
        stages.assert_close(f"fpn/P{level}", found[0], **golden.STAGE)


def test_rpn_maps(stages, refinemask, features):
    for level, logits, deltas in zip(LEVELS, *refinemask.rpn_head(features), strict=True):
        expected = stages[f"rpn/cls_P{level}"].permute(1, 2, 0).flatten()
        torch.testing.assert_close(logits[0], expected, **golden.STAGE)
        expected = stages[f"rpn/reg_P{level}"].permute(1, 2, 0).reshape(-1, 4)
        torch.testing.assert_close(deltas[0], expected, **golden.STAGE)


def test_proposals(stages, refinemask, features):
    """Compared as sets: boxes of nearly equal scores may change places."""
    logits, deltas = refinemask.rpn_head(features)
    anchors = level_anchors(features)
    image, boxes, scores = propose(logits, deltas, anchors, SIZES)
    assert not image.any()
    close = undecided_proposals(logits, deltas, anchors, SIZES, MMDETECTION)
    detections.match_official(
        detections.raw(stages["proposals"][:, :4], stages["proposals"][:, 4]),
        detections.raw(boxes, scores),
        dataclasses.replace(close, groups=np.zeros(len(close), np.int64)),  # levels are not labels
    )


def test_box_features(stages, features, proposals):
    pooled = multiscale_roi_align(proposals[:2], features[:4], ROI_SIZE, STRIDES[:4])
    torch.testing.assert_close(pooled, stages["bbox/feat_first2"], **golden.STAGE)


def test_box_head_and_detections(stages, refinemask, features, proposals):
    logits, deltas = refinemask.roi_head.bbox_head(features, proposals)
    torch.testing.assert_close(logits, stages["bbox/cls_score"], **golden.STAGE)
    torch.testing.assert_close(deltas[:100].flatten(1), stages["bbox/bbox_pred"], **golden.STAGE)
    image, boxes, scores, labels = select_detections(logits, deltas, proposals, SIZES, 0.05, 100)
    assert not image.any()
    certain = torch.ones(len(proposals), dtype=torch.bool)
    detections.match_official(
        detections.official_detections(stages, "norescale"),
        detections.raw(boxes, scores, labels),
        undecided_detections(logits, deltas, proposals, certain, SIZES, refinemask.config),
    )


@pytest.mark.parametrize("name", ["refinemask", "fast"])
def test_refine_mask_head(request, name, features):
    model, masks = request.getfixturevalue(name), request.getfixturevalue(f"{name}_masks")
    expected = {
        key.removeprefix("norescale/mask/"): value
        for key, value in masks.items()
        if key.startswith("norescale/mask/")
    }
    labels = masks["norescale/det_labels"]
    output = model.roi_head.mask_head(features, expected["rois"], labels)
    if "semantic_logits" in expected:
        torch.testing.assert_close(output.semantic[0], expected["semantic_logits"], **golden.STAGE)
    for stage, logits in enumerate(output.stages):
        torch.testing.assert_close(logits[:8], expected[f"stage{stage}_logits"], **golden.STAGE)
    # The refinement from the official logits: rounding of ours may flip one that is next to 0.
    stages = [expected[f"stage{stage}_logits"] for stage in range(4)]
    _, half, final = refine_stages(stages)
    torch.testing.assert_close(half, expected["stage2_refined_logits"], **golden.STAGE)
    torch.testing.assert_close(final, expected["final_logits"], **golden.STAGE)
    refined = refine_stages(output.stages)[-1]
    assert explained_by_near_ties(stages, refined[:8].sigmoid()).all()
    share = (refined >= 0).float().mean((1, 2, 3))
    torch.testing.assert_close(share, expected["final_fg_frac_all"], atol=1e-3, rtol=0)


def test_fcn_mask_head(maskrcnn, maskrcnn_masks, features):
    expected = {
        name: maskrcnn_masks[f"norescale/mask/{name}"]
        for name in ("rois", "final_logits", "final_fg_frac_all", "all_class_logits_first2")
    }
    head = maskrcnn.roi_head.mask_head
    final = head.final_logits(features, expected["rois"], maskrcnn_masks["norescale/det_labels"])
    torch.testing.assert_close(final[:8], expected["final_logits"], **golden.STAGE)
    share = (final >= 0).float().mean((1, 2, 3))
    torch.testing.assert_close(share, expected["final_fg_frac_all"], **golden.STAGE)
    rois = expected["rois"][:2].repeat_interleave(80, 0)
    logits = head.final_logits(features, rois, torch.arange(80).repeat(2))
    all_classes = expected["all_class_logits_first2"]
    torch.testing.assert_close(logits.reshape(2, 80, 28, 28), all_classes, **golden.STAGE)


@pytest.mark.parametrize("name", ["refinemask", "fast", "maskrcnn"])
def test_end_to_end(request, stages, name):
    model = request.getfixturevalue(name)
    reference = run_normalised(model, stages["img"][None], SIZES)
    detections.assert_official(
        reference.outputs, reference, request.getfixturevalue(f"{name}_masks")
    )
