"""Our checkpoint format: safetensors with the configuration as JSON metadata.

A checkpoint is untrusted input; reading this format executes nothing.
"""

import json
from hashlib import sha256
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

KEY = "refinemask"
"""Of the metadata that makes a safetensors file one of ours."""


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
    header: dict[str, Any] = {"config": model.config.to_dict(), "training": training or {}}
    header["digest"] = content_digest(tensors, header)
    write_tensors(path, tensors, {KEY: json.dumps(header)})


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


def is_safetensors(path: Path) -> bool:
    """Tell the format from that of torch.save, by the first bytes or else by the name."""
    with path.open("rb") as file:
        start = file.read(9)
    if start[8:] == b"{":  # where the header begins
        return True
    return path.suffix == ".safetensors" and not start.startswith((b"PK", b"\x80"))


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


def read_header(
    path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]
) -> tuple[ModelConfig, dict[str, Any]]:
    """Read what `save_checkpoint` wrote beside the tensors, and check that neither has changed.

    Args:
        path: of the file, for errors.
        tensors: all of the file.
        metadata: of the file; it has `KEY`.

    Returns:
        Configuration and provenance.

    Raises:
        RefineMaskError: the file is damaged. Files of the first versions have no digest.
    """
    try:
        header = json.loads(metadata[KEY])
        digest = header.pop("digest", None)
        if digest is not None and digest != content_digest(tensors, header):
            raise RefineMaskError("the contents do not match their digest; copy the file again")
        training = header.get("training") or {}
        return ModelConfig.from_dict(header.get("config")), dict(training)
    except (ValueError, AttributeError, TypeError, RecursionError, RefineMaskError) as error:
        raise RefineMaskError(f"{path} is damaged or of another version: {error}") from error


def content_digest(tensors: dict[str, Tensor], header: dict[str, Any]) -> str:
    """Return the SHA-256 of names, types, shapes and numbers of tensors, and of the header."""
    digest = sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.cpu().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
