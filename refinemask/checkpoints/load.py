"""Load any checkpoint that we know.

They are ours, RefineMask's, mmdetection's, detectron2's and torchvision's.

A checkpoint is untrusted input; reading it executes nothing.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from refinemask.checkpoints import (
    detectron2,
    mmdetection,
    mmengine_meta,
    native_format,
    torchvision,
)
from refinemask.checkpoints.mmdetection_config import recorded_values
from refinemask.checkpoints.pickles import read_pickle
from refinemask.checkpoints.shipped import find_checkpoint
from refinemask.checkpoints.state_dicts import check_finite, find_state_dict
from refinemask.checkpoints.unsupported import refuse_others
from refinemask.configs.config import ModelConfig
from refinemask.configs.settings import with_settings
from refinemask.errors import RefineMaskError
from refinemask.models import Detector, build_model
from refinemask.printable import counted

_CAFFE_MEAN = (103.5, 116.2, 123.5)
_LISTED = 10
"""Tensors of a kind that an error names; the others are counted."""


@dataclass(frozen=True)
class Checkpoint:
    """The contents of a file, before a model is built from them."""

    path: Path
    format: Literal["refinemask", "mmdetection", "torchvision", "detectron2"]
    config: ModelConfig
    tensors: dict[str, Tensor]
    """By our parameter names; not yet compared with those that the configuration needs."""
    provenance: dict[str, Any]
    """What the file records about its training, as JSON values."""
    recorded: frozenset[str] | None = None
    """Dotted names of the values of `config` that the file records, beside classes and what the
    tensors show; None if all."""


def load_model(
    path: str | Path,
    device: str | torch.device = "cpu",
    bn_eps: float | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Detector:
    """Load a checkpoint, or one of the models that ship with the package by its name.

    Known are our own `.safetensors` files, and `.pth` or `.pt` files of the official RefineMask
    code (all published configurations), of Mask R-CNN on ResNet-50 or 101 with FPN in mmdetection
    2.x and 3.x and in detectron2, also as its plain pickles (`.pkl`), and of torchvision's
    `maskrcnn_resnet50_fpn`. Wrappers around a state dict do not matter. Which of them a file is
    follows from names and shapes of its tensors.

    Shapes do not say everything. Models of mmdetection whose backbone has the caffe style look like
    others; they are refused where the file says so, and give wrong results where it does not.

    Args:
        path: a file or a shipped name.
        device: where the model goes.
        bn_eps: epsilon of the backbone's batch norms, which only our own files record; the
            published 1e-5 by default. torchvision's own COCO_V1 weights were trained with 0.
        settings: other values that the file does not record, by name: see
            `refinemask.configs.settings`. They take precedence over what it records.

    Returns:
        The model in evaluation mode with float32 weights.

    Raises:
        RefineMaskError: the file does not exist, is of another kind, or is incomplete, or a setting
            is unknown or not allowed.
    """
    checkpoint = read_checkpoint(path, bn_eps, settings)
    if problem := mismatch(checkpoint):
        raise RefineMaskError(
            f"{checkpoint.path} looks like a {checkpoint.config.preset} of "
            f"{counted(checkpoint.config.num_classes, 'class')} but does not fit it: {problem}"
            f"{_hint_of_anchors(checkpoint)}"
        )
    model = _empty_model(checkpoint)
    slots, tensors = model.state_dict(), checkpoint.tensors
    # Files of PyTorch before 0.4.1 lack these counters, which nothing here reads.
    tensors |= {
        name: torch.zeros_like(slots[name], device="cpu") for name in slots.keys() - tensors.keys()
    }
    # Copied, because tensors straight from safetensors live in the file.
    weights = {
        name: tensor.detach().to(slots[name].dtype, copy=True) for name, tensor in tensors.items()
    }
    check_finite(checkpoint.path, weights)
    model.load_state_dict(weights, assign=True)
    return model.to(device)


def read_checkpoint(
    path: str | Path, bn_eps: float | None = None, settings: Mapping[str, Any] | None = None
) -> Checkpoint:
    """Read a file and recognise what it is; arguments and errors as of `load_model`."""
    path = find_checkpoint(path)
    checkpoint = _read(path)
    settings = dict(settings or {}) | ({} if bn_eps is None else {"bn_eps": bn_eps})
    if "bn_eps" in settings and not checkpoint.config.backbone.startswith("resnet"):
        raise RefineMaskError(
            f"{path} has the backbone {checkpoint.config.backbone}, which has its own epsilon; "
            f"leave {'--set bn_eps' if bn_eps is None else '--bn-eps'} out"
        )
    return dataclasses.replace(checkpoint, config=with_settings(checkpoint.config, settings))


def records_bn_eps(path: str | Path) -> bool:
    """Return whether a checkpoint says the epsilon of its batch norms, as only our own do."""
    path = find_checkpoint(path)
    return (
        native_format.is_safetensors(path)
        and native_format.KEY in native_format.read_tensors(path)[1]
    )


def mismatch(checkpoint: Checkpoint) -> str | None:
    """Return in one line how the tensors differ from those of the configuration, None if not.

    Raises:
        RefineMaskError: no model can be built from the configuration.
    """
    expected, found = _shapes(_empty_model(checkpoint).state_dict()), _shapes(checkpoint.tensors)
    counters = {name for name in expected if name.endswith("num_batches_tracked")}
    expected = {n: shape for n, shape in expected.items() if n in found or n not in counters}
    wrong = {name for name in expected.keys() & found.keys() if expected[name] != found[name]}
    kinds = {
        "missing": sorted(expected.keys() - found.keys()),
        "unexpected": sorted(found.keys() - expected.keys()),
        "wrongly shaped": [
            f"{name}: got {_size(found[name])}, expected {_size(expected[name])}"
            for name in sorted(wrong)
        ],
    }
    problems = (
        f"{len(entries)} {kind} ({', '.join(entries[:_LISTED])}"
        f"{', ...' if len(entries) > _LISTED else ''})"
        for kind, entries in kinds.items()
        if entries
    )
    return "; ".join(problems) or None


def _hint_of_anchors(checkpoint: Checkpoint) -> str:
    """Say how to give the anchors, if the RPN has another number of them than the configuration."""
    bias = checkpoint.tensors.get("rpn_head.rpn_cls.bias")
    conventions = checkpoint.config.conventions
    expected = len(conventions.anchor_scales) * len(conventions.anchor_ratios)
    if bias is None or bias.dim() != 1 or len(bias) == expected:
        return ""
    return (
        f"; its RPN has {counted(len(bias), 'anchor')} a cell: say which with "
        "--set conventions.anchor_ratios=... and --set conventions.anchor_scales=..."
    )


def _read(path: Path) -> Checkpoint:
    if not native_format.is_safetensors(path):
        return _read_foreign(path, read_pickle(path))
    tensors, metadata = native_format.read_tensors(path)
    if native_format.KEY not in metadata:
        return _read_foreign(path, tensors)
    config, training = native_format.read_header(path, tensors, metadata)
    return Checkpoint(path, "refinemask", config, tensors, training)


def _read_foreign(path: Path, content: object) -> Checkpoint:
    found = find_state_dict(path, content)
    tensors, saved = found.tensors, found.meta
    provenance = mmengine_meta.provenance(saved)
    if found.origin:
        provenance["weights from"] = found.origin
    try:
        if detectron2.is_detectron2(tensors):
            config, tensors, recorded = detectron2.convert(tensors)
            return Checkpoint(path, "detectron2", config, tensors, provenance, recorded)
        if torchvision.is_torchvision(tensors):
            config, tensors = torchvision.convert(tensors)
            return Checkpoint(path, "torchvision", config, tensors, provenance, frozenset())
        refuse_others(tensors)
        config, kept, recorded = _read_mmdetection(tensors, saved)
    except RefineMaskError as error:
        raise RefineMaskError(f"{path} cannot be loaded: {error}") from error
    return Checkpoint(path, "mmdetection", config, kept, provenance, recorded)


def _read_mmdetection(
    tensors: dict[str, Tensor], meta: Mapping[str, Any]
) -> tuple[ModelConfig, dict[str, Tensor], frozenset[str]]:
    """Return configuration, tensors and the names of the values that the file records."""
    buffers = {n: t for n, t in tensors.items() if n.startswith(mmengine_meta.PREPROCESSOR)}
    # mmcv's EMA hook keeps the weights that are not averaged under such names.
    kept = {n: t for n, t in tensors.items() if n not in buffers and not n.startswith("ema_")}
    config = mmdetection.recognise(_shapes(kept), mmengine_meta.class_names(meta))
    written = mmengine_meta.configuration(meta)
    recorded = recorded_values(written, config.mask_head)
    recorded.input.update(mmengine_meta.preprocessor(buffers))
    if not written:
        _check_is_rgb(recorded.input)
    config, names = mmdetection.complete(config, recorded)
    return config, mmdetection.to_rgb(kept) if recorded.bgr else kept, names


def _check_is_rgb(inputs: Mapping[str, Any]) -> None:
    mean = inputs.get("mean", (0.0, 0.0, 0.0))
    if max(abs(a - b) for a, b in zip(mean, _CAFFE_MEAN, strict=True)) < 1:
        raise RefineMaskError(
            f"its mean {mean} is that of a backbone of the caffe style, on BGR images, but the "
            "configuration that would say so is missing; use a file that has it"
        )


def _empty_model(checkpoint: Checkpoint) -> Detector:
    try:
        with torch.device("meta"):  # weights that are replaced anyway need no memory and no start
            return build_model(checkpoint.config)
    except (KeyError, TypeError, ValueError, RuntimeError, ZeroDivisionError) as error:
        raise RefineMaskError(
            f"{checkpoint.path}: no model can be built from its configuration: {error!r}"
        ) from error


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a single number"
