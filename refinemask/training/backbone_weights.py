"""Initial weights of the backbone: ImageNet weights, a file, or random ones."""

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from refinemask.errors import RefineMaskError
from refinemask.models import Detector
from refinemask.models.efficientnet_lite import EfficientNetLite

IMAGENET, NONE = "imagenet", "none"


def load_backbone(model: Detector, source: str = IMAGENET) -> None:
    """Load weights into the backbone.

    Args:
        model: a new model.
        source: `imagenet`, `none` for a random start, or a file of a torchvision ResNet.

    Raises:
        RefineMaskError: the weights cannot be had or do not fit.
    """
    if source == NONE:
        return
    if isinstance(model.backbone, EfficientNetLite):
        if source != IMAGENET:
            raise RefineMaskError(
                f"--backbone-weights {source}: a file is for ResNet backbones; the small presets "
                f"take {IMAGENET}, which is in an installed package, or {NONE}"
            )
        model.backbone.load_imagenet_weights()
        return
    weights = _download(model) if source == IMAGENET else _read(Path(source))
    _load(model, source, weights)


def _download(model: Detector) -> dict[str, Tensor]:
    from torchvision.models import get_model_weights

    name = model.config.backbone
    published = get_model_weights(name)["IMAGENET1K_V1"]
    try:
        return published.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:  # no network, a damaged cache
        raise RefineMaskError(
            f"the ImageNet weights of {name} could not be downloaded from {published.url} "
            f"({error}); fetch that file and give it with --backbone-weights FILE, or start from "
            "a checkpoint with --init"
        ) from error


def _read(path: Path) -> dict[str, Tensor]:
    """Read a state dict; nothing in the file is executed."""
    if not path.is_file():
        raise RefineMaskError(
            f"--backbone-weights {path}: the file does not exist; "
            f"give {IMAGENET}, {NONE} or a file of a torchvision ResNet (.pth or .safetensors)"
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        weights: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, OSError, RuntimeError, EOFError) as error:
        raise RefineMaskError(
            f"--backbone-weights {path} cannot be read as tensors alone: {str(error)[:200]}; "
            "save it again with torch.save(model.state_dict(), ...) or as safetensors"
        ) from error
    if not isinstance(weights, dict) or not all(isinstance(w, Tensor) for w in weights.values()):
        raise RefineMaskError(
            f"--backbone-weights {path} is not a state dict of tensors; "
            "save the model with torch.save(model.state_dict(), ...)"
        )
    return weights


def _load(model: Detector, source: str, weights: dict[str, Tensor]) -> None:
    """Load a torchvision state dict without its classifier."""
    wanted = model.backbone.state_dict()
    found = {k: v for k, v in weights.items() if not k.startswith("fc.")}
    # Files from before PyTorch 0.4 do not count batches; nor does a norm that never updates.
    counters = {k for k in wanted if k.endswith("num_batches_tracked")}
    problems = {
        "missing": wanted.keys() - found.keys() - counters,
        "unexpected": found.keys() - wanted.keys(),
        "wrongly shaped": {
            k for k in wanted.keys() & found.keys() if wanted[k].shape != found[k].shape
        },
    }
    listed = "; ".join(f"{what}: {_some(names)}" for what, names in problems.items() if names)
    if listed:
        raise RefineMaskError(
            f"--backbone-weights {source} is not the state dict of a torchvision "
            f"{model.config.backbone}: {listed}"
        )
    model.backbone.load_state_dict(wanted | found)


def _some(names: set[str], shown: int = 5) -> str:
    return ", ".join(sorted(names)[:shown]) + (
        f", ... ({len(names)})" if len(names) > shown else ""
    )
