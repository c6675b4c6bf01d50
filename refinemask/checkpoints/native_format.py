"""Our checkpoint format: safetensors with the configuration as JSON metadata.

A checkpoint is untrusted input; reading this format executes nothing.
"""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from refinemask.checkpoints.state_dicts import is_dense
from refinemask.configs.config import ModelConfig
from refinemask.errors import RefineMaskError
from refinemask.files import atomic_path
from refinemask.models import Detector
from refinemask.printable import shown

KEY = "refinemask"
"""Of the metadata that makes a safetensors file one of ours."""
_TYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""What safetensors calls the types of weights and of the states of optimizers."""


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
        name: tensor.to(dtype) if tensor.is_floating_point() else tensor
        for name, tensor in model.state_dict().items()
    }
    header: dict[str, Any] = {"config": model.config.to_dict(), "training": training or {}}
    header["digest"] = content_digest(tensors, header)
    write_tensors(path, tensors, {KEY: json.dumps(header)})


def write_tensors(path: str | Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file atomically, with one tensor at a time in memory twice.

    safetensors' own `save_file` replaces the file at the path that it gets by another one, which
    `atomic_path` has not locked.

    Raises:
        RefineMaskError: it cannot be written, e.g. because the disk is full.
    """
    # As safetensors does: wider types first, so that every tensor is aligned.
    order = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    header: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for name in order:
        tensor = tensors[name]
        start, end = end, end + tensor.numel() * tensor.element_size()
        entry = {"dtype": _TYPES[tensor.dtype], "shape": [*tensor.shape]}
        header[name] = entry | {"data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in order:
            file.write(_content(tensors[name]))


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
        odd = next((name for name, tensor in tensors.items() if not is_dense(tensor)), None)
        if odd is not None:
            raise RefineMaskError(f"its tensor {shown(odd)} is of the type {tensors[odd].dtype}")
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
        digest.update(_content(tensor))
    return digest.hexdigest()


def _content(tensor: Tensor) -> memoryview:
    """Return the bytes of a tensor, row by row."""
    return tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().data
