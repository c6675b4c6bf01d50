"""Mask R-CNN of torchvision in our detector: the numbers of its own class, and what is refused.

Both compute in float64: with three classes our box head sums in another order than torchvision's,
and in float32 that decides which of two boxes of nearly equal score is better.
"""

import re
from dataclasses import replace
from typing import Any

import pytest
import torch
from torchvision.models import detection
from torchvision.models.detection._utils import overwrite_eps
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.models.detection.image_list import ImageList

from refinemask.checkpoints import torchvision as converter
from refinemask.checkpoints.synthetic import synthetic_tensor
from refinemask.checkpoints.torchvision import convert, is_torchvision
from refinemask.configs.config import TORCHVISION
from refinemask.configs.presets import maskrcnn_r50, refinemask_small
from refinemask.configs.settings import with_settings
from refinemask.errors import RefineMaskError
from refinemask.inference.structures import RawOutputs
from refinemask.models import build_model
from tests.golden.image import make_image

TOLERANCE: dict[str, Any] = {"atol": 1e-9, "rtol": 0}
DETECTIONS = 20
"""At most so many of an image; those that do not fit are chosen by score."""


def mask_rcnn(outputs: int, depth: str = "resnet50", **options: Any):
    """Build torchvision's model with the frozen norms that every fine-tuned one has."""
    backbone = resnet_fpn_backbone(backbone_name=depth, weights=None)
    return detection.MaskRCNN(backbone, outputs, **options).eval()


RATIOS = (0.25, 0.5, 1.0, 2.0, 4.0)
OPTIONS: dict[str, Any] = {
    "rpn_anchor_generator": AnchorGenerator(((24,), (48,), (96,), (192,), (384,)), (RATIOS,) * 5),
    "rpn_pre_nms_top_n_test": 500,
    "rpn_post_nms_top_n_test": 300,
    "rpn_nms_thresh": 0.6,
    "box_score_thresh": 0.1,
    "box_nms_thresh": 0.4,
    "bbox_reg_weights": (8.0, 8.0, 4.0, 4.0),
}
"""What a program may ask for, and no file records."""
SETTINGS: dict[str, Any] = {
    "conventions.anchor_scales": [6],
    "conventions.anchor_ratios": list(RATIOS),
    "conventions.level_proposals": 500,
    "conventions.max_proposals": 300,
    "conventions.proposal_iou": 0.6,
    "score_threshold": 0.1,
    "conventions.detection_iou": 0.4,
    "conventions.detection_stds": [0.125, 0.125, 0.25, 0.25],
}
"""The same for us."""


def on_meta(build):
    """Return the state dict of a model without any numbers in it."""
    with torch.device("meta"):
        return dict(build().state_dict())


@pytest.fixture(
    scope="module",
    params=[(91, 1e-5, {}, {}), (3, 0.0, {}, {}), (3, 0.0, OPTIONS, SETTINGS)],
    ids=["coco", "fine-tuned", "with other options"],
)
def models(request):
    """Return torchvision's model with synthetic weights, and ours loaded from its state dict."""
    outputs, eps, options, given = request.param
    theirs = mask_rcnn(outputs, **options)
    overwrite_eps(theirs, eps)
    for name, tensor in theirs.state_dict().items():
        shape = tuple(tensor.shape)
        tensor.copy_(torch.from_numpy(synthetic_tensor(converter._our_name(name), shape)))
    bias = theirs.roi_heads.box_predictor.cls_score.bias.data
    bias.copy_(bias.roll(1))  # the recipe has the background last
    config, tensors = convert(dict(theirs.state_dict()))
    config = with_settings(config, given)
    theirs.roi_heads.detections_per_img = DETECTIONS
    ours = build_model(replace(config, bn_eps=eps, max_detections=DETECTIONS))
    ours.load_state_dict(tensors)
    return theirs.double(), ours.double()


@torch.inference_mode()
def their_detections(model, images, sizes) -> RawOutputs[torch.Tensor]:
    """Run torchvision's parts on padded images, without the transform that would make these."""
    features = model.backbone(images)
    proposals, _ = model.rpn(ImageList(images, sizes), features)
    found, _ = model.roi_heads(features, proposals, sizes)
    index = [torch.full_like(one["labels"], image) for image, one in enumerate(found)]
    return RawOutputs(
        torch.cat([one["boxes"] for one in found]),
        torch.cat([one["scores"] for one in found]),
        torch.cat([one["labels"] for one in found]) - 1,
        torch.cat(index),
        torch.cat([one["masks"] for one in found])[:, 0],
    )


def assert_same(models, images, sizes, least: int):
    theirs, ours = models
    expected = their_detections(theirs, images, sizes)
    with torch.inference_mode():
        found = ours(images, torch.tensor(sizes))
    assert len(expected.scores) >= least
    assert torch.equal(found.image_index, expected.image_index)
    assert torch.equal(found.labels, expected.labels)
    torch.testing.assert_close(found.boxes, expected.boxes, **TOLERANCE)
    torch.testing.assert_close(found.scores, expected.scores, **TOLERANCE)
    torch.testing.assert_close(found.masks.sigmoid(), expected.masks, **TOLERANCE)


def batch(sizes, padded):
    """Return normalised images (B, 3, H, W), zero outside of their sizes."""
    return torch.stack([make_image(4 + i, h, w, padded) for i, (h, w) in enumerate(sizes)]).double()


@pytest.mark.parametrize(
    ("sizes", "padded"),
    [
        ([(120, 150)], (128, 160)),
        ([(90, 150)], (96, 160)),  # 3 x 5 cells of P5 are 2 x 3 of P6, 48 and 53 pixels apart
        ([(150, 120), (140, 100)], (160, 128)),
        pytest.param([(800, 1333)], (800, 1344), marks=pytest.mark.slow),
        pytest.param([(1333, 800), (1200, 790)], (1344, 800), marks=pytest.mark.slow),
    ],
)
def test_detections_are_those_of_torchvision(models, sizes, padded):
    images = batch(sizes, padded)
    assert_same(models, images, sizes, DETECTIONS * len(sizes))


def test_no_detections(models):
    theirs, ours = models
    threshold = theirs.roi_heads.score_thresh
    config = ours.config
    try:
        theirs.roi_heads.score_thresh = 1.0
        ours.config = replace(config, score_threshold=1 - 1e-9)
        assert_same(models, torch.zeros(1, 3, 64, 64).double(), [(64, 60)], 0)
    finally:
        theirs.roi_heads.score_thresh = threshold
        ours.config = config


@pytest.mark.parametrize("depth", ["resnet50", "resnet101"])
def test_every_tensor_has_its_place(depth):
    tensors = on_meta(lambda: mask_rcnn(3, depth))
    assert is_torchvision(tensors)
    config, converted = convert(tensors)
    assert config.backbone == depth
    assert config.conventions == TORCHVISION
    assert (config.class_names, config.category_ids) == (("class 0", "class 1"), (1, 2))
    with torch.device("meta"):
        expected = build_model(config).state_dict()
    assert shapes(converted) == shapes(expected)


def shapes(tensors):
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def test_a_model_trained_from_nothing_has_ordinary_norms():
    config, converted = convert(
        on_meta(lambda: detection.maskrcnn_resnet50_fpn(weights=None, weights_backbone=None))
    )
    assert config.conventions == replace(TORCHVISION, frozen_norms=False)
    with torch.device("meta"):
        assert shapes(converted) == shapes(build_model(config).state_dict())


def test_names_of_old_releases():
    new = on_meta(lambda: mask_rcnn(2))
    old = {
        re.sub(
            r"mask_head\.(\d)\.0\.",
            lambda match: f"mask_head.mask_fcn{int(match[1]) + 1}.",
            re.sub(r"(inner_blocks\.\d|layer_blocks\.\d)\.0\.|(head\.conv)\.0\.0\.", _plain, name),
        ): tensor
        for name, tensor in new.items()
    }
    assert {"rpn.head.conv.weight", "roi_heads.mask_head.mask_fcn4.bias"} <= old.keys()
    assert "backbone.fpn.layer_blocks.3.bias" in old
    assert convert(old)[0] == convert(new)[0]
    assert shapes(convert(old)[1]) == shapes(convert(new)[1])


def _plain(match):
    return f"{match[1] or match[2]}."


def test_the_background_moves_to_the_end_and_has_no_box_or_mask():
    tensors = on_meta(lambda: mask_rcnn(3))
    rows = torch.arange(3.0)
    tensors["roi_heads.box_predictor.cls_score.bias"] = rows
    tensors["roi_heads.box_predictor.bbox_pred.bias"] = rows.repeat_interleave(4)
    tensors["roi_heads.mask_predictor.mask_fcn_logits.bias"] = rows
    converted = convert(tensors)[1]
    assert converted["roi_head.bbox_head.fc_cls.bias"].tolist() == [1, 2, 0]
    assert converted["roi_head.bbox_head.fc_reg.bias"].tolist() == [1] * 4 + [2] * 4
    assert converted["roi_head.mask_head.conv_logits.bias"].tolist() == [1, 2]


def test_classes_of_coco():
    config = convert(on_meta(lambda: mask_rcnn(91)))[0]
    assert config.category_ids == tuple(range(1, 91))
    assert len(set(config.class_names)) == 90
    names = dict(zip(config.category_ids, config.class_names, strict=True))
    assert (names[1], names[12], names[13], names[90]) == (
        "person", "N/A 12", "stop sign", "toothbrush"
    )  # fmt: skip
    categories = detection.MaskRCNN_ResNet50_FPN_Weights.COCO_V1.meta["categories"]
    assert tuple(name.split()[0] for name in config.class_names) == tuple(
        name.split()[0] for name in categories[1:]
    )


BARE = {"weights": None, "weights_backbone": None}


@pytest.mark.parametrize(
    ("build", "found"),
    [
        (lambda: detection.maskrcnn_resnet50_fpn_v2(**BARE), "maskrcnn_resnet50_fpn_v2"),
        (lambda: detection.fasterrcnn_resnet50_fpn(**BARE), "a detector without masks"),
        (lambda: detection.fasterrcnn_mobilenet_v3_large_fpn(**BARE), "a detector without masks"),
        (lambda: detection.keypointrcnn_resnet50_fpn(**BARE), "a detector without masks"),
        (lambda: detection.retinanet_resnet50_fpn(**BARE), "a detector without masks"),
        (lambda: detection.fcos_resnet50_fpn(**BARE), "a detector without masks"),
        (lambda: detection.ssdlite320_mobilenet_v3_large(**BARE), "a detector without masks"),
        (lambda: mask_rcnn(2, "resnet18"), "a Mask R-CNN on another backbone"),
        (lambda: mask_rcnn(2, "resnet152"), "a Mask R-CNN on another backbone"),
        (lambda: mask_rcnn(2, "wide_resnet50_2"), "a Mask R-CNN on another backbone"),
        (lambda: mask_rcnn(2, "resnext50_32x4d"), "a Mask R-CNN on another backbone"),
    ],
)
def test_other_detectors_of_torchvision(build, found):
    tensors = on_meta(build)
    assert is_torchvision(tensors)
    with pytest.raises(RefineMaskError, match=f"are those of {found} of torchvision; of its detec"):
        convert(tensors)


def test_a_changed_mask_head():
    width = {"roi_heads.mask_predictor.conv5_mask.bias": torch.empty(512)}
    with pytest.raises(RefineMaskError, match="a mask head of another width"):
        convert(on_meta(lambda: mask_rcnn(2)) | width)


def test_missing_tensors_are_left_to_the_loader_to_list():
    tensors = on_meta(lambda: mask_rcnn(2))
    del tensors["roi_heads.box_predictor.bbox_pred.weight"], tensors["backbone.body.bn1.weight"]
    config, converted = convert(tensors)
    with torch.device("meta"):
        missing = build_model(config).state_dict().keys() - converted.keys()
    assert missing == {"roi_head.bbox_head.fc_reg.weight", "backbone.bn1.weight"}
    del tensors["roi_heads.box_predictor.cls_score.bias"]
    with pytest.raises(RefineMaskError, match="a Mask R-CNN without a classifier"):
        convert(tensors)


def test_other_models_are_not_taken_for_torchvision():
    for config in (maskrcnn_r50(), refinemask_small()):
        with torch.device("meta"):
            assert not is_torchvision(build_model(config).state_dict())
    assert not is_torchvision(["conv1.weight", "layer1.0.conv1.weight", "fc.weight"])
    assert not is_torchvision([])
