"""Checkpoints of torchvision's Mask R-CNN become models; its numbers are compared elsewhere."""

import argparse
from collections import OrderedDict

import pytest
import torch
from torchvision.models.detection import maskrcnn_resnet50_fpn

from refinemask.checkpoints import load, load_model
from refinemask.errors import RefineMaskError


@pytest.fixture(scope="module")
def weights():
    torch.manual_seed(0)
    return maskrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=3).state_dict()


@pytest.fixture
def write(tmp_path):
    def save(content):
        path = tmp_path / "model.pth"
        torch.save(content, path)
        return path

    return save


def as_its_program_saves_it(weights):
    optimizer = {"state": {}, "param_groups": [{"lr": 0.02}]}
    options = argparse.Namespace(model="maskrcnn_resnet50_fpn", lr=0.02)
    return {"model": weights, "optimizer": optimizer, "args": options, "epoch": 25}


@pytest.mark.parametrize(
    "wrap",
    [
        dict,
        as_its_program_saves_it,
        lambda weights: OrderedDict((f"module.{name}", t) for name, t in weights.items()),
    ],
    ids=["state dict", "training", "parallel"],
)
def test_what_its_users_have(weights, write, wrap):
    path = write(wrap(weights))
    assert load.read_checkpoint(path).format == "torchvision"
    model = load_model(path)
    assert model.class_names == ("class 0", "class 1")
    found = model.state_dict()
    backbone = "layer1.0.conv1.weight"
    assert torch.equal(found[f"backbone.{backbone}"], weights[f"backbone.body.{backbone}"])
    scores = weights["roi_heads.box_predictor.cls_score.weight"]
    assert torch.equal(found["roi_head.bbox_head.fc_cls.weight"], scores[[1, 2, 0]])


def test_anchors_that_the_file_does_not_record(weights, write):
    more = {
        name: torch.cat((tensor, tensor[: 2 * len(tensor) // 3]))
        for name, tensor in weights.items()
        if name.startswith(("rpn.head.cls_logits", "rpn.head.bbox_pred"))
    }
    path = write(dict(weights) | more)
    message = "of 2 classes but .* has 5 anchors a cell: say which with --set conventions.anchor_r"
    with pytest.raises(RefineMaskError, match=message):
        load_model(path)
    ratios = [0.25, 0.5, 1, 2, 4]
    model = load_model(path, settings={"conventions.anchor_ratios": ratios})
    assert model.config.conventions.anchor_ratios == tuple(ratios)


@pytest.mark.parametrize(("given", "expected"), [(None, 1e-5), (0.0, 0.0), (1e-3, 1e-3)])
def test_the_epsilon_of_the_batch_norms(weights, write, given, expected):
    model = load_model(write(weights), bn_eps=given)
    assert model.config.bn_eps == expected
    norms = [m for m in model.backbone.modules() if hasattr(m, "running_var")]
    assert {norm.eps for norm in norms} == {expected}


@pytest.mark.parametrize("value", [-1e-5, float("nan"), float("inf")])
def test_an_epsilon_that_is_none(weights, write, value):
    with pytest.raises(RefineMaskError, match="bn_eps must be"):
        load_model(write(weights), bn_eps=value)


def test_a_backbone_whose_epsilon_is_fixed():
    with pytest.raises(RefineMaskError, match=r"efficientnet_lite0, .* leave --bn-eps out"):
        load_model("refinemask_small", bn_eps=0.0)
    with pytest.raises(RefineMaskError, match=r"efficientnet_lite0, .* leave --set bn_eps out"):
        load_model("refinemask_small", settings={"bn_eps": 0.0})


@pytest.mark.parametrize(
    "part", ["cls_score", "roi_heads.mask_predictor", "fpn", "layer3.0.conv1", "rpn.head.bbox"]
)
def test_a_part_is_not_there(weights, write, part):
    kept = {name: tensor for name, tensor in weights.items() if part not in name}
    with pytest.raises(RefineMaskError, match=r"model\.pth"):
        load_model(write(kept))
