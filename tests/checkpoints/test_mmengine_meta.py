"""What foreign checkpoints tell about themselves is read as text."""

from typing import Any

import pytest
import torch

from refinemask.checkpoints.config_text import UNREADABLE
from refinemask.checkpoints.mmengine_meta import (
    class_names,
    configuration,
    preprocessor,
    provenance,
)
from refinemask.errors import RefineMaskError
from tests.checkpoints.foreign import TEXT


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ({}, None),
        ({"CLASSES": ("cat", "dog")}, ("cat", "dog")),
        ({"CLASSES": ["cat", "dog"]}, ("cat", "dog")),
        ({"CLASSES": "cat"}, ("cat",)),  # ("cat") in a configuration, where ("cat",) was meant
        ({"CLASSES": None}, None),
        ({"CLASSES": ()}, None),
        ({"CLASSES": object()}, None),
        ({"dataset_meta": {"classes": ("cat",)}}, ("cat",)),
        ({"dataset_meta": {"CLASSES": ("cat",)}}, ("cat",)),
        ({"dataset_meta": "none"}, None),
    ],
)
def test_class_names(meta, expected):
    assert class_names(meta) == expected


def shared(times):
    value: Any = ["a"]
    for _ in range(times):
        value = [value] * 10
    return value


ENDLESS: dict[str, Any] = {}
ENDLESS["model"] = [ENDLESS]


@pytest.mark.parametrize("names", [["a", 1], shared(60)])
def test_class_names_are_texts(names):
    with pytest.raises(RefineMaskError, match=r"its class names must be texts, got \["):
        class_names({"CLASSES": names})


@pytest.mark.parametrize("saved", [{"model": shared(60)}, {"model": shared(5000)}, ENDLESS])
def test_a_configuration_that_holds_a_value_many_times(saved):
    with pytest.raises(RefineMaskError, match=r"cannot be read .*save the weights alone"):
        configuration({"cfg": saved})


def test_provenance_has_json_values_only():
    meta = {"epoch": 12, "seed": object(), "mmdet_version": "2.3.0", "config": TEXT, "iter": None}
    assert provenance(meta) == {"mmdet_version": "2.3.0", "epoch": 12}


@pytest.mark.parametrize("key", ["config", "cfg"])
def test_the_configuration_is_text_or_data(key):
    expected = {"model": {"strides": (4, 8), "norm_cfg": None}}
    text = "model = dict(strides=[4, 8], norm_cfg=None)"
    assert configuration({key: text}) == expected
    assert configuration({key: {"model": {"strides": [4, 8], "norm_cfg": None}}}) == expected
    assert configuration({key: 7}) == configuration({}) == configuration({key: ""}) == {}


def test_expressions_are_not_evaluated():
    found = configuration(
        {"cfg": "import os\na = os.remove('x')\nb = dict(c=a, d=-1.5, e={'f': 2})"}
    )
    assert found == {"a": UNREADABLE, "b": {"c": UNREADABLE, "d": -1.5, "e": {"f": 2}}}
    found = configuration({"cfg": {"a": torch.ones(2), "b": [None, True, b"c"]}})
    assert found == {"a": UNREADABLE, "b": (None, True, UNREADABLE)}


@pytest.mark.parametrize(
    "text",
    ["model = dict(", "a=" + "(" * 500, "a=" + "-" * 150_000 + "1", "a=1\0", "#" * 2_000_000],
)
def test_a_configuration_that_cannot_be_read_is_refused(text):
    with pytest.raises(RefineMaskError, match=r"cannot be read .*save the weights alone"):
        configuration({"cfg": text})


def test_buffers_of_the_preprocessor():
    buffers = {
        "data_preprocessor.mean": torch.tensor([123.675, 116.28, 103.53]).reshape(3, 1, 1),
        "data_preprocessor.std": torch.tensor([58.395, 57.12]),
    }
    assert preprocessor(buffers) == {"mean": (123.675, 116.28, 103.53)}
    assert preprocessor({}) == {}
