"""What mmcv and mmengine save beside the weights: class names, versions, the configuration's text.

All of it is optional, and nothing in it is executed: the configuration is searched as text.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from refinemask.configs.config import InputConfig
from refinemask.errors import RefineMaskError

PREPROCESSOR = "data_preprocessor."
"""Prefix of the buffers in which mmengine normalises images."""
_CAFFE_MEAN = (103.53, 116.28, 123.675)
_PROVENANCE = (
    "mmdet_version",
    "mmcv_version",
    "mmengine_version",
    "exp_name",
    "experiment_name",
    "epoch",
    "iter",
    "seed",
    "time",
)


def class_names(meta: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the class names that mmcv (`CLASSES`) or mmengine (`dataset_meta`) saved."""
    dataset = meta.get("dataset_meta")
    sources = (meta, dataset if isinstance(dataset, Mapping) else {})
    for source in sources:
        for key in ("CLASSES", "classes"):
            names = source.get(key)
            if isinstance(names, str):
                return (names,)
            if isinstance(names, list | tuple) and names:
                return tuple(str(name) for name in names)
    return None


def provenance(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `meta` records about the training run, as JSON values."""
    return {key: meta[key] for key in _PROVENANCE if isinstance(meta.get(key), str | int | float)}


def normalisation(
    meta: Mapping[str, Any], buffers: Mapping[str, Tensor], default: InputConfig
) -> InputConfig:
    """Return `default` with the mean and the standard deviation that the file records, if it does.

    The buffers of mmengine's preprocessor come before the text of the configuration.

    Args:
        meta: may be empty.
        buffers: tensors, of which those named `data_preprocessor.mean` and `.std` are looked at.
        default: the published input.

    Raises:
        RefineMaskError: the backbone is of the caffe style, or was trained on BGR images.
    """
    text = next((meta[k] for k in ("config", "cfg") if isinstance(meta.get(k), str)), "")
    found = {
        name: _triple(buffers[PREPROCESSOR + name].flatten().tolist())
        if PREPROCESSOR + name in buffers
        else _from_text(text, name)
        for name in ("mean", "std")
    }
    mean, std = found["mean"], found["std"]
    caffe = re.search(r"style\s*=\s*['\"]caffe['\"]", text) or (
        mean is not None and max(abs(a - b) for a, b in zip(mean, _CAFFE_MEAN, strict=True)) < 0.1
    )
    if caffe or re.search(r"(to_rgb|bgr_to_rgb)\s*=\s*False", text):
        raise RefineMaskError(
            "its backbone is of the caffe style or takes BGR images, which is not supported; "
            'use a model of the style "pytorch", or train one with refinemask train'
        )
    if mean is None or std is None:
        return default
    return replace(default, mean=mean, std=std)


def _from_text(text: str, name: str) -> tuple[float, float, float] | None:
    """Return the triple that every `name=[a, b, c]` of a configuration agrees on."""
    number = r"\s*(\d+(?:\.\d*)?)\s*"
    pattern = rf"\b{name}\s*=\s*[\[(]{number},{number},{number},?\s*[\])]"
    values = set(re.findall(pattern, text))
    return _triple([float(value) for value in values.pop()]) if len(values) == 1 else None


def _triple(values: list[float]) -> tuple[float, float, float] | None:
    # From float32 buffers 103.53 comes as 103.52999878.
    rounded = [round(value, 4) for value in values]
    return (rounded[0], rounded[1], rounded[2]) if len(rounded) == 3 else None
