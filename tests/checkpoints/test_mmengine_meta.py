"""What foreign checkpoints tell about themselves is read as text."""

import pytest
import torch

from refinemask.checkpoints.mmengine_meta import class_names, normalisation, provenance
from refinemask.configs.config import InputConfig
from refinemask.errors import RefineMaskError
from tests.checkpoints.foreign import TEXT

DEFAULT = InputConfig(short_side=600)


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


def test_provenance_has_json_values_only():
    meta = {"epoch": 12, "seed": object(), "mmdet_version": "2.3.0", "config": TEXT, "iter": None}
    assert provenance(meta) == {"mmdet_version": "2.3.0", "epoch": 12}


@pytest.mark.parametrize(
    "text",
    ["", "mean=[1, 2, 3]", TEXT + "other = dict(mean=[1.0, 2.0, 3.0])", "mean=[1, 2], std=[1, 2]"],
)
def test_normalisation_stays_where_nothing_certain_is_told(text):
    assert normalisation({"config": text}, {}, DEFAULT) == DEFAULT


@pytest.mark.parametrize("key", ["config", "cfg"])
def test_normalisation_of_the_text(key):
    text = (
        "norm = dict(\n    mean=[\n        1.5,\n        2,\n        3.25,\n    ], std=(4, 5, 6))"
    )
    found = normalisation({key: text}, {}, DEFAULT)
    assert (found.mean, found.std) == ((1.5, 2, 3.25), (4, 5, 6))
    assert found.short_side == 600


def test_normalisation_of_the_buffers_comes_first():
    buffers = {
        "data_preprocessor.mean": torch.tensor([123.675, 116.28, 99.53]).reshape(3, 1, 1),
        "data_preprocessor.std": torch.tensor([58.395, 57.12, 57.375]),
    }
    found = normalisation({"cfg": TEXT}, buffers, DEFAULT)
    assert found.mean == (123.675, 116.28, 99.53)


@pytest.mark.parametrize(
    ("text", "buffers"),
    [
        ("backbone=dict(style='caffe')", {}),
        ("img_norm_cfg = dict(to_rgb=False)", {}),
        ("data_preprocessor=dict(bgr_to_rgb=False)", {}),
        ("mean=[103.53, 116.28, 123.675], std=[1.0, 1.0, 1.0]", {}),
        ("", {"data_preprocessor.mean": torch.tensor([103.53, 116.28, 123.675])}),
    ],
)
def test_caffe_models_are_refused_where_the_file_tells(text, buffers):
    with pytest.raises(RefineMaskError, match=r'caffe style or takes BGR .* style "pytorch"'):
        normalisation({"config": text}, buffers, DEFAULT)
