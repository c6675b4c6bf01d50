"""Settings of a model that are given by hand."""

from dataclasses import replace

import pytest

from refinemask.configs.presets import maskrcnn_r50
from refinemask.configs.settings import SETTINGS, read_settings, with_settings
from refinemask.errors import RefineMaskError, WrongUsage


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("score_threshold=0.3", 0.3),
        ("max_detections=300", 300),
        ("conventions.aligned=false", False),
        ("conventions.max_shifted=null", None),
        ("input.mean=103.5,116.3,123.7", [103.5, 116.3, 123.7]),
        ("input.mean=[103.5, 116.3, 123.7]", [103.5, 116.3, 123.7]),
        ("conventions.anchor_scales=[8]", [8]),
    ],
)
def test_values(text, expected):
    assert read_settings((text,)) == {text.partition("=")[0]: expected}


@pytest.mark.parametrize("text", ["", "=", "a", "a=", "a=b", "a=1,", "a=[1", "a=1=2"])
def test_texts_that_are_refused(text):
    with pytest.raises(WrongUsage, match="must be NAME=VALUE; for example"):
        read_settings((text,))


def test_a_name_that_comes_twice():
    with pytest.raises(WrongUsage, match="'a=2' is given twice"):
        read_settings(("a=1", "a=2"))


def test_settings_of_each_part_go_together():
    config = maskrcnn_r50()
    changes = {
        "input.short_side": 2000,  # more than the longer side that the preset has
        "input.long_side": 3000,
        "input.mean": [1, 2, 3],
        "conventions.detection_iou": 0.6,
        "score_threshold": 0.3,
    }
    expected = replace(
        config,
        input=replace(config.input, short_side=2000, long_side=3000, mean=(1, 2, 3)),
        conventions=replace(config.conventions, detection_iou=0.6),
        score_threshold=0.3,
    )
    assert with_settings(config, changes) == expected
    assert with_settings(config, {}) == config


@pytest.mark.parametrize("value", [8, [8], (8,)])
def test_a_list_of_one_value(value):
    config = with_settings(maskrcnn_r50(), {"conventions.anchor_scales": value})
    assert config.conventions.anchor_scales == (8,)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("nonsense", 1, "unknown setting 'nonsense'; choose from score_threshold"),
        ("preset", "a", "unknown setting 'preset'"),
        ("fpn_channels", 32, "unknown setting"),
        ("input", 1, "unknown setting"),
        ("\x1b[2J", 1, r"unknown setting '\\x1b"),
        ("score_threshold", 2, "--set: score_threshold must be a number between 0 and 1, got 2"),
        ("score_threshold", float("nan"), "got nan"),
        ("input.short_side", "a", "short_side must be an integer"),
        ("input.short_side", 2000, "short_side must not be greater than long_side"),
        ("conventions.aligned", 1, "aligned must be true or false"),
        ("input.mean", 1, r"mean must be a list of 3 values, got \(1,\)"),
        ("input.mean", [1, 2], "mean must be a list of 3 values"),
        ("max_detections", 10**6, "max_detections must be an integer between 1 and 1000"),
    ],
)
def test_settings_that_are_refused(name, value, message):
    with pytest.raises(RefineMaskError, match=message):
        with_settings(maskrcnn_r50(), {name: value})


def test_everything_that_may_be_set_can_be_set():
    config = maskrcnn_r50()
    for name in SETTINGS:
        value = config
        for part in name.split("."):
            value = getattr(value, part)
        assert with_settings(config, {name: value}) == config
