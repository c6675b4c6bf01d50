"""Our checkpoint format: safetensors with the configuration as JSON metadata.

A checkpoint is untrusted input; reading this format executes nothing.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from refinemask.config import ModelConfig
from refinemask.errors import RefineMaskError
from refinemask.files import atomic_path
from refinemask.models import Detector, build_model

_KEY = "refinemask"
_SHIPPED = Path(__file__).parent.parent / "weights"


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
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, {_KEY: json.dumps(header)})


def load_model(path: str | Path, device: str | torch.device = "cpu") -> Detector:
    """Load a checkpoint, or one of the models that ship with the package by its name.

    Returns:
        The model in evaluation mode with float32 weights.

    Raises:
        RefineMaskError: there is no such file, or it is no complete checkpoint of ours.
    """
    path = find_checkpoint(path)
    config, tensors = _read(path)
    try:
        with torch.device("meta"):  # no memory and no random start for what is replaced anyway
            model = build_model(config)
    except (KeyError, TypeError, ValueError, RuntimeError, ZeroDivisionError) as error:
        raise RefineMaskError(
            f"{path}: no model can be built from its configuration: {error!r}"
        ) from error
    slots = model.state_dict()
    expected = {name: tuple(tensor.shape) for name, tensor in slots.items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if expected != found:
        raise RefineMaskError(
            f"{path} does not fit its own configuration: {_differ(expected, found)}"
        )
    # Copied, because tensors straight from safetensors live in the file.
    weights = {name: tensor.to(slots[name].dtype, copy=True) for name, tensor in tensors.items()}
    model.load_state_dict(weights, assign=True)
    return model.to(device)


def shipped_models() -> list[str]:
    """Return the names of the models that ship with the package."""
    return sorted(file.stem for file in _SHIPPED.glob("*.safetensors"))


def find_checkpoint(path: str | Path) -> Path:
    """Return the file of a checkpoint path or of a shipped model's name.

    Raises:
        RefineMaskError: neither exists.
    """
    if str(path) in shipped_models():
        return _SHIPPED / f"{path}.safetensors"
    path = Path(path)
    if not path.is_file():
        shipped = ", ".join(shipped_models()) or "none"
        raise RefineMaskError(
            f"checkpoint {path} does not exist; "
            f"give a .safetensors file or a model that ships ({shipped})"
        )
    return path


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> tuple[ModelConfig, dict[str, torch.Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            header = (file.metadata() or {}).get(_KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise RefineMaskError(
            f"{path} is no readable safetensors checkpoint (truncated, or another kind of file): "
            f"{error}"
        ) from error
    if header is None:
        raise RefineMaskError(
            f"{path} is a safetensors file without a RefineMask configuration; "
            "use a checkpoint written by refinemask train"
        )
    try:
        config = ModelConfig.from_dict(json.loads(header).get("config"))
    except (json.JSONDecodeError, AttributeError, RefineMaskError) as error:
        raise RefineMaskError(f"{path}: its configuration cannot be read: {error}") from error
    return config, tensors


def _differ(expected: dict[str, tuple[int, ...]], found: dict[str, tuple[int, ...]]) -> str:
    shared = expected.keys() & found.keys()
    kinds = {
        "missing": sorted(expected.keys() - found.keys()),
        "unexpected": sorted(found.keys() - expected.keys()),
        "wrongly shaped": sorted(name for name in shared if expected[name] != found[name]),
    }
    return "; ".join(
        f"{len(names)} {kind} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
        for kind, names in kinds.items()
        if names
    )
