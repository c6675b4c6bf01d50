"""What mmcv and mmengine save beside the weights: class names, versions, the configuration's text.

All of it is optional, and nothing in it is executed: the configuration is read as data.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from refinemask.checkpoints.config_text import plain, read_config
from refinemask.errors import RefineMaskError
from refinemask.printable import shown

PREPROCESSOR = "data_preprocessor."
"""Prefix of the buffers in which mmengine normalises images."""
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
    """Return the class names that mmcv (`CLASSES`) or mmengine (`dataset_meta`) saved.

    Raises:
        RefineMaskError: one is no text.
    """
    dataset = meta.get("dataset_meta")
    sources = (meta, dataset if isinstance(dataset, Mapping) else {})
    for source in sources:
        for key in ("CLASSES", "classes"):
            names = source.get(key)
            if isinstance(names, str):
                return (names,)
            if isinstance(names, list | tuple) and names:
                if all(isinstance(name, str) for name in names):
                    return tuple(names)
                raise RefineMaskError(f"its class names must be texts, got {shown(names)}")
    return None


def provenance(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `meta` records about the training run, as JSON values."""
    return {key: meta[key] for key in _PROVENANCE if isinstance(meta.get(key), str | int | float)}


def configuration(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration that mmcv (`config`) or mmengine (`cfg`) saved, empty if neither.

    Raises:
        RefineMaskError: there is one, and it cannot be read.
    """
    saved = next((meta[key] for key in ("cfg", "config") if meta.get(key)), "")
    if isinstance(saved, dict):
        return plain(saved)
    return read_config(saved) if isinstance(saved, str) else {}


def preprocessor(buffers: Mapping[str, Tensor]) -> dict[str, tuple[float, ...]]:
    """Return `mean` and `std` of the buffers in which mmengine's preprocessor keeps them.

    Args:
        buffers: tensors, of which those named `data_preprocessor.mean` and `.std` are looked at.
    """
    # From float32 buffers 103.53 comes as 103.52999878.
    return {
        name: tuple(round(value, 4) for value in buffers[PREPROCESSOR + name].flatten().tolist())
        for name in ("mean", "std")
        if PREPROCESSOR + name in buffers and buffers[PREPROCESSOR + name].numel() == 3
    }
