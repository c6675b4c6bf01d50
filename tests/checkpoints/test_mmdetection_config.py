"""What an mmdetection configuration says about results is taken or refused, never ignored."""

import dataclasses

import pytest

from refinemask.checkpoints.config_text import read_config
from refinemask.checkpoints.mmdetection import complete
from refinemask.checkpoints.mmdetection_config import recorded_values
from refinemask.configs.presets import maskrcnn_r50, refinemask_r50, refinemask_r50_fast
from refinemask.errors import RefineMaskError

OF_3 = """
model = dict(
    type='MaskRCNN',
    data_preprocessor=dict(type='DetDataPreprocessor', mean=[100.5, 110.0, 120.0],
        std=[50.0, 55.0, 60.0], bgr_to_rgb=True, pad_size_divisor=32),
    backbone=dict(type='mmdet.ResNet', depth=50, norm_cfg=dict(type='BN', eps=1e-3)),
    neck=dict(type='FPN', num_outs=5),
    rpn_head=dict(type='RPNHead',
        anchor_generator=dict(type='AnchorGenerator', scales=[2, 4], ratios=[0.2, 1.0, 5.0],
            strides=[4, 8, 16, 32, 64]),
        bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_means=[.0, .0, .0, .0],
            target_stds=[0.5, 0.5, 1.0, 1.0])),
    roi_head=dict(
        bbox_roi_extractor=dict(type='SingleRoIExtractor',
            roi_layer=dict(type='RoIAlign', output_size=7, sampling_ratio=2, aligned=False),
            featmap_strides=[4, 8, 16, 32]),
        mask_roi_extractor=dict(type='SingleRoIExtractor',
            roi_layer=dict(type='RoIAlign', output_size=14, sampling_ratio=2, aligned=False)),
        bbox_head=dict(num_classes=2,
            bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_stds=[0.05, 0.05, 0.1, 0.1]))),
    test_cfg=dict(
        rpn=dict(nms_pre=2000, max_per_img=1500, nms=dict(type='nms', iou_threshold=0.8),
            min_bbox_size=2),
        rcnn=dict(score_thr=0.3, nms=dict(type='nms', iou_threshold=0.3), max_per_img=300,
            mask_thr_binary=0.5)))
test_pipeline = [dict(type='Resize', scale=(640, 480), keep_ratio=True)]
test_dataloader = dict(dataset=dict(pipeline=[
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(2048, 1024), keep_ratio=True),
    dict(type='PackDetInputs')]))
"""
OF_2 = """
test_cfg = dict(
    rpn=dict(nms_across_levels=False, nms_pre=500, nms_post=400, max_num=300, nms_thr=0.6),
    rcnn=dict(score_thr=0.01, nms=dict(type='nms', iou_thr=0.4), max_per_img=200))
data = dict(test=dict(pipeline=[
    dict(type='LoadImageFromFile'),
    dict(type='MultiScaleFlipAug', img_scale=(1000, 600), flip=False, transforms=[
        dict(type='Resize', keep_ratio=True),
        dict(type='RandomFlip'),
        dict(type='Normalize', mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0], to_rgb=True),
        dict(type='Pad', size_divisor=32),
        dict(type='ImageToTensor', keys=['img']),
        dict(type='Collect', keys=['img'])])]))
"""


def read(text, published=None):
    published = published or maskrcnn_r50()
    recorded = recorded_values(read_config(text), published.mask_head)
    return complete(published, recorded)


def test_all_values_of_3x():
    config, names = read(OF_3)
    expected = dataclasses.replace(
        maskrcnn_r50().conventions,
        anchor_scales=(2, 4),
        anchor_ratios=(0.2, 1.0, 5.0),
        proposal_stds=(0.5, 0.5, 1.0, 1.0),
        detection_stds=(0.05, 0.05, 0.1, 0.1),
        proposal_iou=0.8,
        detection_iou=0.3,
        level_proposals=2000,
        max_proposals=1500,
        min_proposal_side=2,
        sampling_ratio=2,
        aligned=False,
    )
    assert config.conventions == expected
    assert (config.score_threshold, config.max_detections, config.bn_eps) == (0.3, 300, 1e-3)
    assert (config.input.short_side, config.input.long_side) == (1024, 2048)
    assert (config.input.mean, config.input.std) == ((100.5, 110, 120), (50, 55, 60))
    assert {"score_threshold", "conventions.anchor_scales", "input.short_side"} <= names


def test_all_values_of_2x():
    config, names = read(OF_2)
    conventions = config.conventions
    assert (conventions.level_proposals, conventions.max_proposals) == (500, 400)
    assert (conventions.proposal_iou, conventions.detection_iou) == (0.6, 0.4)
    assert (config.score_threshold, config.max_detections) == (0.01, 200)
    assert (config.input.short_side, config.input.long_side) == (600, 1000)
    assert (config.input.mean, config.input.std) == ((1, 2, 3), (4, 5, 6))
    assert "conventions.anchor_scales" not in names


def test_nothing_recorded_is_the_published_model():
    assert read("") == (maskrcnn_r50(), frozenset())


@pytest.mark.parametrize(
    ("text", "mean"),
    [
        ("img_norm_cfg = dict(mean=[1, 2, 3], std=[4, 5, 6], to_rgb=False)", (3, 2, 1)),
        ("img_norm_cfg = dict(mean=[1, 2, 3], std=[4, 5, 6])", (1, 2, 3)),
        ("model = dict(data_preprocessor=dict(mean=[1, 2, 3], std=[4, 5, 6]))", (3, 2, 1)),
    ],
)
def test_the_order_of_colours(text, mean):
    assert read(text)[0].input.mean == mean


def test_the_fast_head_may_enlarge_its_last_features():
    text = "model = dict(roi_head=dict(mask_head=dict(pre_upsample_last_stage=True)))"
    assert read(text, refinemask_r50_fast())[0].mask_head.upsample_features


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("strides=[4, 8, 16, 32, 64]", "strides=[8, 16, 32, 64, 128]", "anchor_generator.strides"),
        ("target_means=[.0, .0, .0, .0]", "target_means=[.1, 0, 0, 0]", "bbox_coder.target_means"),
        ("mask_thr_binary=0.5", "mask_thr_binary=0.4", "test_cfg.rcnn.mask_thr_binary to 0.4"),
        ("nms=dict(type='nms', iou_threshold=0.3)", "nms=dict(type='soft_nms')", "rcnn.nms.type"),
        ("output_size=7", "output_size=14", "bbox_roi_extractor.roi_layer.output_size to 14"),
        ("output_size=14, sampling_ratio=2", "output_size=14", "roi_layer.sampling_ratio to 0"),
        ("featmap_strides=[4, 8, 16, 32]", "finest_scale=28", "finest_scale to 28"),
        ("type='mmdet.ResNet'", "type='ResNetV1d'", "model.backbone.type to 'ResNetV1d'"),
        ("depth=50,", "conv_cfg=dict(type='ConvWS'),", "model.backbone.conv_cfg"),
        ("num_classes=2,", "loss_cls=dict(type='SeesawLoss'),", "loss_cls.type to 'SeesawLoss'"),
        ("pad_size_divisor=32", "pad_size_divisor=1", "pad_size_divisor to 1; supported is 32"),
        ("(2048, 1024), keep_ratio=True", "(2048, 1024)", "keep_ratio to False"),
        ("scale=(2048, 1024)", "scale_factor=0.5", "Resize.scale_factor to 0.5"),
        ("scale=(2048, 1024)", "scale=[(2048, 1024), (800, 600)]", "Resize.scale"),
        ("dict(type='PackDetInputs')", "dict(type='CenterCrop')", "step to 'CenterCrop'"),
        ("score_thr=0.3", "score_thr=min(1, 2)", "score_thr to an expression that is no literal"),
        ("score_thr=0.3", "score_thr='low'", "score_threshold must be a number"),
        ("max_per_img=300", "max_per_img=5000", "max_detections must be .* between 1 and 1000"),
        ("nms_pre=2000", "nms_pre=10**9", "nms_pre to an expression"),
        ("nms_pre=2000", "nms_pre=1000000000", "level_proposals must be an integer between"),
        ("mean=[100.5, 110.0, 120.0]", "mean=100.5", "mean to 100.5; supported is a list of three"),
        ("mean=[100.5, 110.0, 120.0]", "mean=MEAN", "mean to an expression"),
        ("mean=[100.5, 110.0, 120.0]", "mean={'a': 1}", "mean to {'a': 1}"),
        ("std=[50.0, 55.0, 60.0], bgr_to_rgb=True", "bgr_to_rgb=False", "preprocessor.std to None"),
        ("scales=[2, 4]", "scales=[]", "anchor_scales must be a list of 1 to 8 values"),
    ],
)
def test_what_cannot_be_had_is_refused_by_name(old, new, message):
    assert old in OF_3
    with pytest.raises(RefineMaskError, match=f"its configuration sets .*{message}"):
        read(OF_3.replace(old, new, 1 if "strides" in old else -1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "(2048, 1024), keep_ratio",
            "(2048, 1024), backend='pillow', keep_ratio",
            "Resize.backend",
        ),
        (
            "keep_ratio=True),\n    dict(type='Pack",
            "interpolation='area'), dict(type='Pack",
            "area",
        ),
        ("dict(type='PackDetInputs')", "dict(type='Pad', pad_to_square=True)", "Pad.pad_to_square"),
        ("dict(type='PackDetInputs')", "dict(type='Pad', pad_val=dict(img=114))", "pad_val to 114"),
        ("dict(type='PackDetInputs')", "dict(type='Pad', padding_mode='edge')", "padding_mode"),
        ("dict(type='PackDetInputs')", "f(x)", "pipeline step to an expression"),
        ("File')", "File', color_type='grayscale')", "color_type to 'grayscale'"),
        ("File')", "File', channel_order='rgb')", "channel_order to 'rgb'; supported is bgr"),
        ("pad_size_divisor=32", "pad_value=114", "data_preprocessor.pad_value to 114"),
        ("keep_ratio=True),\n", "keep_ratio=f(x)),\n", "keep_ratio to an expression"),
        ("bgr_to_rgb=True", "bgr_to_rgb=f(x)", "bgr_to_rgb to an expression"),
    ],
)
def test_other_images_are_refused_by_name(old, new, message):
    assert old in OF_3
    with pytest.raises(RefineMaskError, match=f"its configuration sets .*{message}"):
        read(new.join(OF_3.rsplit(old, 1)))


@pytest.mark.parametrize(
    "text",
    [
        "model = dict([('backbone', dict(style='caffe'))])",
        "model = dict(**{'backbone': dict(type='VGG')})",
        "model = {**{'backbone': dict(type='VGG')}}",
        "model = {}\nmodel['backbone'] = dict(type='VGG')",
        "model = {}\nmodel.update(backbone=dict(type='VGG'))",
        "model = {}\nif True:\n    model = dict(backbone=dict(type='VGG'))",
        "model = {}\nmodel |= dict(backbone=dict(type='VGG'))",
        "model, other = dict(backbone=dict(type='VGG')), 1",
        "model: dict = dict(backbone=f(x))",
        "test_cfg = f(x)",
        "test_pipeline = f(x)",
        "data = f(x)",
        "img_norm_cfg = f(x)",
    ],
)
def test_what_is_not_understood_is_refused_where_it_decides(text):
    with pytest.raises(RefineMaskError, match="to an expression that is no literal"):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        "import os\nos.environ['A'] = 'b'\nlr = 1\nlr *= 2\nif lr:\n    evaluation = f(x)",
        "optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict({'backbone.a': dict(lr=0)})))",
        "model: dict = dict({'backbone': dict(type='ResNet')}, type='MaskRCNN')",
        "train_pipeline = [dict(type='Resize', scale=[(1, 2), (3, 4)], backend='pillow')]",
        "model = dict(backbone=dict(init_cfg=f(x)))",
    ],
)
def test_what_does_not_decide_may_be_anything(text):
    assert read(text)[0] == maskrcnn_r50()


def test_a_published_pipeline_with_all_its_defaults():
    text = """
test_pipeline = [
    dict(type='LoadImageFromFile', to_float32=False, color_type='color', imdecode_backend='pillow',
        backend_args=None),
    dict(type='mmdet.Resize', scale=(1333, 800), keep_ratio=True, interpolation='bilinear',
        backend='cv2', clip_object_border=True),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='Pad', size_divisor=32, pad_val=dict(img=0, masks=0, seg=255)),
    dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'scale_factor'))]
"""
    assert read(text)[0] == maskrcnn_r50()


def test_either_name_of_the_exchange_of_colours():
    text = "model = dict(data_preprocessor=dict(mean=[1, 2, 3], std=[4, 5, 6], rgb_to_bgr=True))"
    assert read(text)[0].input.mean == (1, 2, 3)


def test_the_heads_of_refinemask_pool_by_the_defaults():
    with pytest.raises(RefineMaskError, match=r"mask_roi_extractor.roi_layer.sampling_ratio to 2"):
        read(OF_3, refinemask_r50())


def test_flipped_images_are_refused():
    with pytest.raises(RefineMaskError, match=r"MultiScaleFlipAug\.flip to True"):
        read(OF_2.replace("flip=False", "flip=True"))
