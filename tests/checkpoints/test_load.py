"""Every kind of checkpoint becomes the model that it holds."""

import re
from collections import OrderedDict
from dataclasses import replace
from functools import cache

import pytest
import torch

from refinemask.checkpoints import load, load_model, save_checkpoint, synthetic_model
from refinemask.configs import presets
from refinemask.configs.classes import COCO_CLASSES
from refinemask.configs.config import Conventions, RefineMaskConfig
from refinemask.errors import RefineMaskError
from refinemask.models import build_model
from tests import golden
from tests.checkpoints import foreign

NARROW = {
    name: foreign.narrow(config)
    for name, config in {
        "refinemask": presets.refinemask_r50(),
        "fast": presets.refinemask_r50_fast(),
        "class-agnostic": replace(
            presets.refinemask_r50(5),
            preset="refinemask_r50_lvis",
            mask_head=RefineMaskConfig(class_agnostic_final=True),
        ),
        "cityscapes": presets.refinemask_r50_cityscapes(),
        "maskrcnn": presets.maskrcnn_r50(),
    }.items()
}


def same_tensors(model, config):
    expected, found = foreign.state_dict(config), model.state_dict()
    assert list(found) == list(expected)
    different = [name for name in expected if not torch.equal(found[name], expected[name])]
    assert not different


def same_predictions(model, config):
    """Compare with a model that has never been a file."""
    expected = foreign.empty_model(config)
    expected.load_state_dict(foreign.state_dict(config), assign=True)
    image = torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(0)) * 10 - 5
    sizes = torch.tensor([[90, 120]])
    with torch.inference_mode():
        for one, other in zip(model(image, sizes), expected(image, sizes), strict=True):
            assert torch.equal(one, other)
            assert len(one)


@pytest.fixture
def write(tmp_path):
    def save(content, **kwargs):
        path = tmp_path / "model.pth"
        torch.save(content, path, **kwargs)
        return path

    return save


@pytest.mark.parametrize("name", NARROW)
def test_plain_state_dicts(write, name):
    config = NARROW[name]
    model = load_model(write(foreign.state_dict(config)))
    assert model.config == config
    assert not model.training
    same_tensors(model, config)
    same_predictions(model, config)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_as_mmcv_saves_it(write, zipped):
    config = NARROW["refinemask"].with_classes(("cat", "dog"))
    content = foreign.mmcv_checkpoint(config, ("cat", "dog"))
    path = write(content, _use_new_zipfile_serialization=zipped)
    checkpoint = load.read_checkpoint(path)
    assert checkpoint.format == "mmdetection"
    assert checkpoint.provenance["mmdet_version"] == "2.3.0+633ed2b"
    assert checkpoint.provenance["epoch"] == 12
    model = load_model(path)
    assert model.config == config
    same_tensors(model, config)


def test_as_mmengine_saves_it(write):
    config = NARROW["maskrcnn"]
    model = load_model(write(foreign.mmengine_checkpoint(config, COCO_CLASSES)))
    assert model.config == replace(config, input=foreign.PREPROCESSED)
    same_tensors(model, config)


def test_values_of_the_configuration_decide(write):
    """Two files that differ in their configuration alone are two models."""
    conventions = Conventions(anchor_scales=(2, 8), anchor_ratios=(0.2, 5.0), detection_iou=0.3)
    config = replace(NARROW["maskrcnn"], conventions=conventions, max_detections=300)
    content = foreign.mmcv_checkpoint(config)
    content["meta"]["config"] = """
model = dict(rpn_head=dict(anchor_generator=dict(scales=[2, 8], ratios=[0.2, 5.0])))
test_cfg = dict(rcnn=dict(nms=dict(type='nms', iou_thr=0.3), max_per_img=300))
"""
    model = load_model(write(content))
    assert model.config == config
    same_predictions(model, config)


def test_weights_that_are_no_part_of_the_model(write):
    """Counters of old PyTorch are absent; mmcv's EMA keeps the weights that are not averaged."""
    config = NARROW["maskrcnn"]
    weights = foreign.state_dict(config)
    expected = dict(weights)
    for name in [name for name in weights if name.endswith("num_batches_tracked")]:
        del weights[name]
    weights["ema_rpn_head_rpn_cls_bias"] = torch.ones(3)
    model = load_model(write({"state_dict": weights}))
    assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())


def test_parameters_in_place_of_tensors(write):
    config = NARROW["maskrcnn"]
    weights = foreign.state_dict(config)
    trained = {n: torch.nn.Parameter(t) if t.is_floating_point() else t for n, t in weights.items()}
    model = load_model(write(trained))
    same_tensors(model, config)
    assert all(weight.is_leaf for weight in model.parameters())
    backbone = dict(model.backbone.named_parameters())
    assert not backbone["conv1.weight"].requires_grad  # frozen, whatever the file says


def test_other_precisions_become_float32(write):
    config = NARROW["maskrcnn"]
    weights = foreign.state_dict(config)
    half = OrderedDict((n, t.half() if t.is_floating_point() else t) for n, t in weights.items())
    model = load_model(write(half))
    for name, tensor in model.state_dict().items():
        assert tensor.dtype == weights[name].dtype
        assert torch.equal(tensor, half[name].to(tensor.dtype)), name


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors", ""])
def test_the_content_tells_the_format_and_not_the_name(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    model = synthetic_model(presets.maskrcnn_small())
    save_checkpoint(model, path)
    assert load_model(path).config == model.config
    torch.save({"weight": torch.zeros(1)}, path)
    with pytest.raises(RefineMaskError, match="looks like no detector we know"):
        load_model(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: {n: v for n, v in t.items() if "semantic_transform_out" not in n},
            r"model.pth looks like a refinemask_r50 of 80 classes but does not fit it: 6 missing "
            r"\(roi_head.mask_head.stages.0.semantic_transform_out.bias, ([^,)]*, ){4}"
            r"roi_head.mask_head.stages.2.semantic_transform_out.weight\)$",
        ),
        (
            lambda t: {n: v for n, v in t.items() if "bn3.weight" not in n},
            r"fit it: 16 missing \(backbone.layer1.0.bn3.weight, ([^,)]*, ){9}\.\.\.\)$",
        ),
        (
            lambda t: t | {"backbone.layer2.0.conv2_offset.weight": torch.zeros(18, 128, 3, 3)},
            r"fit it: 1 unexpected \(backbone.layer2.0.conv2_offset.weight\)$",
        ),
        (
            lambda t: (
                t
                | {
                    "backbone.layer1.0.conv2.weight": torch.zeros(128, 4, 3, 3),
                    "roi_head.bbox_head.fc_reg.bias": torch.tensor(1.0),
                }
            ),
            r"fit it: 2 wrongly shaped \(backbone.layer1.0.conv2.weight: got 128x4x3x3, expected "
            r"64x64x3x3, roi_head.bbox_head.fc_reg.bias: got a single number, expected 320\)$",
        ),
        (
            lambda t: {n: v for n, v in t.items() if n.startswith("backbone.")},
            r"model.pth cannot be loaded: it looks like a backbone alone: it has no FPN, no RPN, ",
        ),
        (
            lambda t: {f"backbone.bottom_up.{n}": v for n, v in t.items()},
            "model.pth cannot be loaded: it looks like a detectron2 model",
        ),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(write, change, message):
    with pytest.raises(RefineMaskError, match=message) as caught:
        load_model(write({"state_dict": change(dict(foreign.state_dict(NARROW["refinemask"])))}))
    assert "\n" not in str(caught.value)


def test_a_caffe_model_takes_rgb_with_reversed_weights(write):
    config = NARROW["maskrcnn"]
    content = foreign.mmcv_checkpoint(config)
    content["meta"]["config"] = """
model = dict(backbone=dict(type='ResNet', style='caffe'))
img_norm_cfg = dict(mean=[103.53, 116.28, 123.675], std=[1.0, 1.0, 1.5], to_rgb=False)
"""
    model = load_model(write(content))
    assert model.config.conventions.stride_in_1x1
    assert model.config.input.mean == (123.675, 116.28, 103.53)
    assert model.config.input.std == (1.5, 1.0, 1.0)
    assert model.get_submodule("backbone.layer2.0.conv1").stride == (2, 2)
    assert model.get_submodule("backbone.layer2.0.conv2").stride == (1, 1)
    weight = foreign.state_dict(config)["backbone.conv1.weight"]
    assert torch.equal(model.state_dict()["backbone.conv1.weight"], weight[:, [2, 1, 0]])


def test_a_caffe_model_without_its_configuration_is_refused(write):
    content = foreign.mmengine_checkpoint(NARROW["maskrcnn"], COCO_CLASSES)
    del content["meta"]["cfg"]
    mean = torch.tensor([103.53, 116.28, 123.675]).reshape(3, 1, 1)
    content["state_dict"]["data_preprocessor.mean"] = mean
    with pytest.raises(RefineMaskError, match=r"cannot be loaded: its mean .* is that of .* caffe"):
        load_model(write(content))


CAFFE = "model = dict(data_preprocessor=dict(mean=[1, 2, 3], std=[1, 1, 1], bgr_to_rgb=False))"


def torchvision_shapes():
    from torchvision.models.detection import maskrcnn_resnet50_fpn

    with torch.device("meta"):
        model = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None)
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def detectron2_shapes():
    names = {
        foreign.detectron2_name(name): shape
        for name, shape in foreign.shapes(NARROW["maskrcnn"]).items()
    }
    anchors = {name: tuple(tensor.shape) for name, tensor in foreign.cell_anchors().items()}
    return names | anchors | {"pixel_mean": (3,), "pixel_std": (3,)}


@pytest.mark.parametrize(
    ("shapes", "meta"),
    [
        (lambda: foreign.shapes(NARROW["maskrcnn"]), {"cfg": CAFFE}),
        (lambda: foreign.shapes(NARROW["refinemask"]), {}),
        (torchvision_shapes, {}),
        (detectron2_shapes, {}),
    ],
    ids=["mmdetection", "refinemask", "torchvision", "detectron2"],
)
def test_one_tensor_of_another_shape_is_refused(tmp_path, monkeypatch, shapes, meta):
    """Of each kind of layer one, in all of its shapes; neither needs the file, nor a new model."""
    monkeypatch.setattr("refinemask.checkpoints.load.build_model", cache(build_model))
    tensors = foreign.thin_tensors(shapes())
    layers = {re.sub(r"\d+", "", name): name for name in tensors}
    for name in layers.values():
        for shape in ((), (0,), (2**40, 0)):
            content = {"state_dict": tensors | {name: torch.ones(shape)}, "meta": meta}
            try:
                checkpoint = load._read_foreign(tmp_path / "model.pth", content)
            except RefineMaskError:
                continue
            problem = load.mismatch(checkpoint)
            assert problem or name.endswith("num_batches_tracked"), (name, shape)
            load._hint_of_anchors(checkpoint)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "preset"),
    [
        ("refinemask_r50_coco", presets.refinemask_r50),
        ("refinemask_r101_coco", presets.refinemask_r101),
        ("refinemask_r50_coco_faster_better", presets.refinemask_r50_fast),
        ("refinemask_r50_lvis", presets.refinemask_r50_lvis),
        ("refinemask_r50_cityscapes", presets.refinemask_r50_cityscapes),
        ("mask_rcnn_r50_coco", presets.maskrcnn_r50),
    ],
)
def test_official_sizes(vectors, write, name, preset):
    """The official names and shapes, from their lists and not from our modules."""
    expected = golden.official_model(vectors, name, preset())
    weights = {f"module.{key}": value for key, value in expected.state_dict().items()}
    model = load_model(write({"meta": {}, "state_dict": weights}))
    assert model.config == preset()
    for key, value in model.state_dict().items():
        assert torch.equal(value, weights[f"module.{key}"]), key
