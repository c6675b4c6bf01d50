"""Our checkpoint format: safetensors with the configuration as JSON metadata.

A checkpoint is untrusted input; reading this format executes nothing.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from refinemask.configs.config import ModelConfig
from refinemask.errors import RefineMaskError
from refinemask.files import atomic_path
from refinemask.models import Detector

_KEY = "refinemask"


def save_checkpoint(
    model: Detector,
    path: str | Path,
    dtype: torch.dtype = torch.float32,
    training: dict[str, Any] | None = None,
) -> None:
    """Write weights and configuration.

    Args:
        model: what is saved.
        path: destination, written atomically.
        dtype: type in which floating-point tensors are stored.
        training: provenance, as JSON values.
    """
    tensors = {
        name: (tensor.to(dtype) if tensor.is_floating_point() else tensor).contiguous().cpu()
        for name, tensor in model.state_dict().items()
    }
    header = {"config": model.config.to_dict(), "training": training or {}}
    write_tensors(path, tensors, {_KEY: json.dumps(header)})


def write_tensors(path: str | Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file atomically.

    Raises:
        RefineMaskError: it cannot be written, e.g. because the disk is full.
    """
    with atomic_path(path) as temporary:
        try:
            save_file(tensors, temporary, metadata)
        except SafetensorError as error:  # safetensors wraps the errors of the system in it
            raise RefineMaskError(
                f"cannot write {path}: {error}; make room or choose another disk"
            ) from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file: its tensors, which live in the file, and its metadata.

    Raises:
        RefineMaskError: it cannot be read, or has another format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise RefineMaskError(
            f"{path} is not a readable safetensors checkpoint (truncated or another kind): {error}"
        ) from error


def read_checkpoint(path: Path) -> tuple[ModelConfig, dict[str, Tensor], dict[str, Any]]:
    """Read a file that `save_checkpoint` wrote.

    Returns:
        Configuration, tensors (which live in the file) and provenance.

    Raises:
        RefineMaskError: the file has another format or is damaged.
    """
    tensors, metadata = read_tensors(path)
    text = metadata.get(_KEY)
    if text is None:
        raise RefineMaskError(
            f"{path} is a safetensors file without a RefineMask configuration; "
            "use a checkpoint written by refinemask train"
        )
    try:
        header = json.loads(text)
        return ModelConfig.from_dict(header.get("config")), tensors, header.get("training") or {}
    except (ValueError, AttributeError, RecursionError, RefineMaskError) as error:
        raise RefineMaskError(f"{path}: its configuration cannot be read: {error}") from error
