"""Architecture and classes of foreign checkpoints follow from names and shapes."""

from dataclasses import replace

import pytest

from refinemask.checkpoints.mmdetection import recognise
from refinemask.checkpoints.unsupported import refuse_others
from refinemask.configs import presets
from refinemask.configs.classes import CITYSCAPES_CLASSES, COCO_CLASSES
from refinemask.configs.config import SimpleRefineMaskConfig
from refinemask.errors import RefineMaskError
from tests import golden
from tests.checkpoints import foreign

PUBLISHED = {
    "refinemask_r50_coco": presets.refinemask_r50,
    "refinemask_r101_coco": presets.refinemask_r101,
    "refinemask_r50_coco_faster_better": presets.refinemask_r50_fast,
    "refinemask_r50_lvis": presets.refinemask_r50_lvis,
    "refinemask_r50_cityscapes": presets.refinemask_r50_cityscapes,
    "mask_rcnn_r50_coco": presets.maskrcnn_r50,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_configurations_are_recognised(vectors, name):
    assert recognise(golden.official_shapes(vectors, name)) == PUBLISHED[name]()


@pytest.mark.parametrize(
    "config",
    [
        presets.refinemask_r50(3),
        presets.refinemask_r50(1),
        presets.refinemask_r50_fast(1),
        presets.refinemask_r50_lvis(7),
        presets.maskrcnn_r101(2),
        replace(presets.refinemask_r50_fast(5), mask_head=SimpleRefineMaskConfig(
            instance_convs=1, semantic_convs=3, class_agnostic_final=False)),
    ],
    ids=lambda config: f"{config.preset}-{config.num_classes}",
)  # fmt: skip
def test_widths_and_classes_follow_from_shapes(config):
    config = foreign.narrow(config)
    found = recognise(foreign.shapes(config))
    if config.preset == "refinemask_r50_lvis":  # the thresholds of LVIS go with its 1203 classes
        config = replace(config, score_threshold=0.05, max_detections=100)
    assert found == config


@pytest.mark.parametrize(
    ("count", "names", "expected", "ids"),
    [
        (80, None, COCO_CLASSES, (1, 2, 3)),
        (80, COCO_CLASSES, COCO_CLASSES, (1, 2, 3)),
        (80, list(COCO_CLASSES), COCO_CLASSES, (1, 2, 3)),
        (80, ("a", *COCO_CLASSES[1:]), ("a", *COCO_CLASSES[1:]), (1, 2, 3)),
        (8, None, CITYSCAPES_CLASSES, (24, 25, 26)),
        (8, tuple("abcdefgh"), tuple("abcdefgh"), (1, 2, 3)),
        (4, None, ("class 0", "class 1", "class 2", "class 3"), (1, 2, 3)),
        (4, ("cat", "dog"), ("cat", "dog", "class 2", "class 3"), (1, 2, 3)),
        (80, ("cat",), ("cat", *(f"class {i}" for i in range(1, 80))), (1, 2, 3)),
    ],
)
def test_class_names(count, names, expected, ids):
    shapes = foreign.shapes(foreign.narrow(presets.maskrcnn_r50(count)))
    found = recognise(shapes, names)
    assert found.class_names == expected
    assert found.category_ids[:3] == ids


def test_only_cityscapes_classes_bring_its_images():
    shapes = foreign.shapes(foreign.narrow(presets.refinemask_r50(8)))
    assert recognise(shapes).input.short_side == 1024
    assert recognise(shapes, tuple("abcdefgh")).input.short_side == 800


def test_more_names_than_classes():
    shapes = foreign.shapes(foreign.narrow(presets.maskrcnn_r50(2)))
    with pytest.raises(RefineMaskError, match=r"names 3 classes \(a, b, c, ...\) .* head has 2"):
        recognise(shapes, ("a", "b", "c"))


@pytest.fixture(scope="module")
def mask_rcnn():
    return foreign.shapes(foreign.narrow(presets.maskrcnn_r50(2)))


def test_another_depth(mask_rcnn):
    deeper = {f"backbone.layer3.{i}.conv1.weight": (256, 1024, 1, 1) for i in range(36)}
    with pytest.raises(
        RefineMaskError, match="stages of 3, 4, 36, 3 blocks, not those of a ResNet-50"
    ):
        recognise(mask_rcnn | deeper)


def test_another_mask_head(mask_rcnn):
    changed = {k.replace("mask_head.conv_logits", "mask_head.fcs"): v for k, v in mask_rcnn.items()}
    with pytest.raises(RefineMaskError, match=r"mask head is of another kind \(convs\.0"):
        recognise(changed)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("roi_head.mask_head.", "another detector: it has no mask head "),
        ("neck.", "another detector: it has no FPN "),
        ("roi_head.", "another detector: it has no box head, no mask head "),
        ("backbone.", "another detector: it has no ResNet backbone "),
        ("roi_head.bbox_head.fc_cls", r"lacks roi_head\.bbox_head\.fc_cls\.weight.* complete"),
        ("roi_head.bbox_head.shared_fcs.1", r"lacks roi_head\.bbox_head\.shared_fcs\.1\.weight"),
    ],
)
def test_a_part_is_not_there(mask_rcnn, part, message):
    kept = {name: shape for name, shape in mask_rcnn.items() if not name.startswith(part)}
    with pytest.raises(RefineMaskError, match=message):
        recognise(kept)


def test_a_backbone_alone(mask_rcnn):
    backbone = {name: shape for name, shape in mask_rcnn.items() if name.startswith("backbone.")}
    with pytest.raises(
        RefineMaskError, match="it looks like a backbone alone: it has no FPN, no RPN"
    ):
        recognise(backbone)


def test_something_else():
    with pytest.raises(RefineMaskError, match=r"no detector we know \(2 parameters: a, b\); what"):
        recognise({"a": (1,), "b": (2,)})


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("roi_head.bbox_head.2.fc_cls.weight", "Cascade R-CNN"),
        ("roi_head.point_head.fcs.0.conv.weight", "PointRend"),
        ("roi_head.mask_iou_head.fcs.0.weight", "Mask Scoring"),
        ("bbox_head.fc_cls.weight", "mmdetection 1.x"),
        ("bbox_head.0.fc_cls.weight", "mmdetection 1.x"),
        ("bbox_head.cls_convs.0.conv.weight", "one-stage"),
        ("mask_head.cate_convs.0.conv.weight", "one-stage"),
        ("decode_head.conv_seg.weight", "mmsegmentation"),
        ("model.0.conv.weight", "YOLO"),
        ("conv1.weight", "a classifier or a backbone alone"),
        ("layer1.0.conv1.weight", "a classifier or a backbone alone"),
    ],
)
def test_other_models_are_named(name, kind):
    with pytest.raises(RefineMaskError, match=f"it looks like .*{kind}"):
        refuse_others({"first": 1, name: 2})


@pytest.mark.parametrize("config", [presets.refinemask_r50(), presets.maskrcnn_r50()])
def test_our_models_are_no_others(config):
    refuse_others(foreign.shapes(foreign.narrow(config)))
