"""The outputs of the official implementation, and how near to them ours must come."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from refinemask.checkpoints.synthetic import synthetic_tensor
from refinemask.configs.config import ModelConfig
from refinemask.models import Detector, build_model

STAGE: dict[str, Any] = {"atol": 1e-4, "rtol": 0}
"""One stage from golden inputs."""
BOXES: dict[str, Any] = {"atol": 2e-3, "rtol": 0}
"""Boxes end to end, in pixels."""
SCORES: dict[str, Any] = {"atol": 5e-5, "rtol": 0}
LOGITS: dict[str, Any] = {"atol": 1e-3, "rtol": 0}
"""Mask logits end to end."""
MASK_IOU = 0.999
"""Pasted masks end to end."""


def tensors(path: Path) -> dict[str, Tensor]:
    """Read every array of an .npz file."""
    with np.load(path) as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


def recipe(shared: Path) -> ModuleType:
    """Import the normative weight recipe."""
    spec = importlib.util.spec_from_file_location("recipe", shared / "golden" / "recipe.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def official_shapes(shared: Path, name: str) -> dict[str, tuple[int, ...]]:
    """Return the parameter names and shapes of an official model."""
    listed = json.loads((shared / "golden" / "detector" / f"{name}.state_dict.json").read_text())
    return {key: tuple(shape) for key, (shape, _) in listed.items()}


def official_model(shared: Path, name: str, config: ModelConfig) -> Detector:
    """Build our model with the recipe weights under the official names."""
    weights = {
        key: torch.from_numpy(synthetic_tensor(key, shape))
        for key, shape in official_shapes(shared, name).items()
    }
    with torch.device("meta"):
        model = build_model(config)
    model.load_state_dict(weights, assign=True)
    return model


def unpack(packed: Tensor, width: int) -> Tensor:
    """Return the bool maps (..., width) that were packed into bits along their last axis."""
    return torch.from_numpy(np.unpackbits(packed.numpy(), axis=-1)[..., :width]).bool()
