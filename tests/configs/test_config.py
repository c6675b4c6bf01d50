"""Configurations: what is refused, and what earlier versions wrote."""

import json
from dataclasses import replace

import pytest

from refinemask.checkpoints import load_model
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
        ("score_threshold", 1.0),
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
        (InputConfig, {"short_side": 0}, "1 <= short_side"),
        (InputConfig, {"short_side": 2.5}, "short_side must be an integer >= 1, got 2.5"),
        (InputConfig, {"std": (1.0, 0.0, 1.0)}, "std positive ones"),
        (InputConfig, {"mean": (1.0,)}, "3 values each"),
        (FCNMaskConfig, {"num_convs": 0}, "num_convs must be"),
        (RefineMaskConfig, {"channels": 36}, "multiple of 8"),
        (RefineMaskConfig, {"semantic_channels": 0}, "semantic_channels must be"),
        (RefineMaskConfig, {"loss_weights": (1.0, 1.0)}, "loss_weights must be 4 numbers"),
        (SimpleRefineMaskConfig, {"boundary_width": -1}, "boundary_width must be"),
        (Conventions, {"sampling_ratio": -1}, "sampling_ratio must be"),
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
    del values["conventions"], values["bn_eps"]
    assert ModelConfig.from_dict(values) == refinemask_r50_lvis()
    assert load_model("maskrcnn_small").config.conventions == MMDETECTION


@pytest.mark.parametrize("conventions", [None, {"unknown": 1}, {"max_shifted": "many"}, 3])
def test_damaged_conventions(conventions):
    with pytest.raises(RefineMaskError):
        ModelConfig.from_dict(maskrcnn_r50().to_dict() | {"conventions": conventions})
