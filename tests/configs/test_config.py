"""Configurations: what is refused, and what earlier versions wrote."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import get_type_hints

import pytest

from refinemask.checkpoints import load_model
from refinemask.configs.classes import MAX_CLASSES
from refinemask.configs.config import (
    MMDETECTION,
    TORCHVISION,
    Conventions,
    FCNMaskConfig,
    InputConfig,
    ModelConfig,
    RefineMaskConfig,
    SimpleRefineMaskConfig,
)
from refinemask.configs.presets import maskrcnn_r50, refinemask_r50_lvis
from refinemask.errors import RefineMaskError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("score_threshold", -0.01),
        ("score_threshold", 1.01),
        ("score_threshold", float("nan")),
        ("max_detections", 0),
        ("max_detections", 10.5),
        ("max_detections", True),
        ("fpn_channels", 0),
        ("box_head_channels", -1),
        ("box_loss_weight", -1.0),
        ("box_smooth_l1_beta", float("inf")),
        ("bn_eps", -1e-5),
        ("bn_eps", float("nan")),
    ],
)
def test_numbers_of_a_model(name, value):
    with pytest.raises(RefineMaskError, match=f"{name} must be .*, got {value}"):
        replace(maskrcnn_r50(), **{name: value})


def test_limits_are_allowed():
    config = replace(maskrcnn_r50(), score_threshold=0.0, max_detections=1, bn_eps=0.0)
    assert replace(config, box_loss_weight=0.0).max_detections == 1


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (InputConfig, {"short_side": 0}, "short_side must be an integer between 1 and 4096"),
        (InputConfig, {"short_side": 2.5}, "short_side must be an integer .*, got 2.5"),
        (InputConfig, {"short_side": 20000, "long_side": 20000}, "and 4096, got 20000"),
        (InputConfig, {"short_side": 9, "long_side": 3}, "must not be greater than long_side"),
        (InputConfig, {"std": (1.0, 0.0, 1.0)}, "std must be a list of 3 values, each a number"),
        (InputConfig, {"mean": (1.0,)}, "mean must be a list of 3 values"),
        (InputConfig, {"mean": (1.0, float("nan"), 1.0)}, "mean must be a list of 3 values, each"),
        (FCNMaskConfig, {"num_convs": 0}, "num_convs must be"),
        (RefineMaskConfig, {"channels": 36}, "multiple of 8"),
        (RefineMaskConfig, {"semantic_channels": 0}, "semantic_channels must be"),
        (RefineMaskConfig, {"loss_weights": (1.0, 1.0)}, "loss_weights must be a list of 4 values"),
        (RefineMaskConfig, {"fusion_dilations": ()}, "must be a list of 1 to 8 values, got"),
        (RefineMaskConfig, {"fusion_dilations": (0,)}, "each an integer between 1 and 16"),
        (SimpleRefineMaskConfig, {"boundary_width": -1}, "boundary_width must be"),
        (FCNMaskConfig, {"num_convs": 10**5}, "num_convs must be an integer between 1 and 16"),
        (FCNMaskConfig, {"channels": 10**9}, "channels must be an integer between 1 and 1024"),
        (FCNMaskConfig, {"channels": 10**6000}, "got a value of type int that is too long to show"),
        (FCNMaskConfig, {"channels": True}, "channels must be an integer .*, got True"),
        (Conventions, {"sampling_ratio": -1}, "sampling_ratio must be"),
        (Conventions, {"sampling_ratio": 16384}, "sampling_ratio must be .* 0 and 64, got 16384"),
        (Conventions, {"aligned": 1}, "aligned must be true or false, got 1"),
        (Conventions, {"max_shifted": -5}, "max_shifted must be"),
        (Conventions, {"min_proposal_side": -1.0}, "min_proposal_side must be"),
    ],
)
def test_numbers_of_a_part(kind, values, message):
    with pytest.raises(RefineMaskError, match=message):
        kind(**values)


def test_conventions_survive_json():
    config = replace(maskrcnn_r50(), conventions=TORCHVISION, bn_eps=0.0)
    again = ModelConfig.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again == config
    assert again.conventions == TORCHVISION != MMDETECTION


def test_files_of_earlier_versions_have_the_conventions_of_mmdetection():
    values = refinemask_r50_lvis().to_dict()
    del values["conventions"], values["bn_eps"], values["mask_head"]["fusion_dilations"]
    assert ModelConfig.from_dict(values) == refinemask_r50_lvis()
    assert load_model("maskrcnn_small").config.conventions == MMDETECTION


@pytest.mark.parametrize("conventions", [None, {"unknown": 1}, {"max_shifted": "many"}, 3])
def test_damaged_conventions(conventions):
    with pytest.raises(RefineMaskError):
        ModelConfig.from_dict(maskrcnn_r50().to_dict() | {"conventions": conventions})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_names": ("a\ud800",), "category_ids": (1,)}, "class_names .* UTF-8 can encode"),
        ({"class_names": "ab", "category_ids": (1, 2)}, "class_names must be a list"),
        ({"class_names": ("a",), "category_ids": ("1",)}, "category_ids .* each an integer"),
        ({"class_names": ("a",), "category_ids": (2**63,)}, "category_ids .* each an integer"),
        ({"backbone": "vgg16"}, "backbone must be one of resnet50, resnet101"),
        ({"mask_head": None}, "mask_head must be FCNMaskConfig or"),
        ({"preset": 7}, "preset must be text"),
        ({"box_loss_weight": "2"}, "box_loss_weight must be a number .*, got '2'"),
    ],
)
def test_types_and_text(changes, message):
    with pytest.raises(RefineMaskError, match=message):
        replace(maskrcnn_r50(), **changes)


@pytest.mark.parametrize(
    "count", [0, -1, MAX_CLASSES + 1, 10**12, pytest.param(10**6000, id="huge")]
)
def test_numbers_of_classes_that_no_model_has(count):
    with pytest.raises(RefineMaskError, match=f"between 1 and {MAX_CLASSES} classes, got "):
        maskrcnn_r50(count)


def test_the_operators_allow_what_conventions_do():
    """The limit of RoIAlign is stated in C++, for all hosts."""
    header = Path(__file__).parents[2] / "plugins/kernels/multiscale_roi_align.h"
    limit = re.search(r"kMaxSamples = 1 << (\d+)", header.read_text())
    assert limit
    hint = get_type_hints(Conventions, include_extras=True)["sampling_ratio"]
    assert hint.__metadata__[0].maximum <= 2 ** int(limit[1])
