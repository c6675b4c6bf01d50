"""The state of an interrupted run: weights, their average, optimizer and place in the data.

One safetensors file holds all of it, so that a crash can never leave halves of different ages.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from refinemask.checkpoints.native_format import content_digest, write_tensors
from refinemask.checkpoints.state_dicts import check_finite
from refinemask.configs.config import ModelConfig
from refinemask.errors import RefineMaskError
from refinemask.printable import shown

STATE = "state.safetensors"
"""Its name in the folder of a run."""
_KEY = "refinemask-training"
_UNREADABLE = (
    *(SafetensorError, OSError, RecursionError),
    *(LookupError, TypeError, ValueError, AttributeError),
)
"""What reading a header of anything raises."""
_OPTIONAL: dict[str, type[dict[str, Any]] | type[list[Any]]] = {
    "scaler": dict,
    "reinitialised": list,
    "images": list,
}
"""What progress may have, and its types."""


def save_state(
    path: Path,
    model: nn.Module,
    config: ModelConfig,
    optimizer: torch.optim.Optimizer,
    progress: dict[str, Any],
    average: nn.Module | None = None,
) -> None:
    """Write the state of a run; `progress` is JSON, read back by `load_state`."""
    tensors = {f"model/{name}": value for name, value in model.state_dict().items()}
    if average is not None:
        tensors |= {f"average/{name}": value for name, value in average.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": value for name, value in values.items()}
    header: dict[str, Any] = {"config": config.to_dict(), "progress": progress}
    header["digest"] = content_digest(tensors, header)
    write_tensors(path, tensors, {_KEY: json.dumps(header)})


def read_header(path: Path) -> tuple[ModelConfig, dict[str, Any]]:
    """Return the configuration of the model in a state file, and the progress of the run.

    Raises:
        RefineMaskError: the file is missing or damaged.
    """
    return _open(path)[:2]


def load_state(
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: nn.Module | None = None,
) -> dict[str, Any]:
    """Restore model, optimizer and average in place and return the progress that was saved.

    Raises:
        RefineMaskError: the file is missing, damaged or belongs to another model.
    """
    _, progress, tensors = _open(path)
    modules: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}}
    state: dict[int, dict[str, Tensor]] = {}
    try:
        for name, tensor in tensors.items():
            kind, _, rest = name.partition("/")
            if kind in modules:
                modules[kind][rest] = tensor
            else:
                index, _, key = rest.partition("/")
                state.setdefault(int(index), {})[key] = tensor
        for tensors in modules.values():
            check_finite(path, tensors)
        model.load_state_dict(modules["model"])
        if average is not None:
            average.load_state_dict(modules["average"])
        groups = optimizer.state_dict()["param_groups"]
        _check_shapes(state, [p for group in optimizer.param_groups for p in group["params"]])
        optimizer.load_state_dict({"state": state, "param_groups": groups})
    except (RuntimeError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise RefineMaskError(f"{path} belongs to another model or optimizer: {error}") from error
    return progress


def _check_shapes(state: dict[int, dict[str, Tensor]], parameters: list[Tensor]) -> None:
    for index, values in state.items():
        for name, value in values.items():
            if value.dim() and value.shape != parameters[index].shape:
                raise ValueError(f"{name} of parameter {index} has {list(value.shape)}")


def _open(path: Path) -> tuple[ModelConfig, dict[str, Any], dict[str, Tensor]]:
    if not path.is_file():
        raise RefineMaskError(f"nothing to resume: {path} does not exist; start without --resume")
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})[_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if header.pop("digest") != content_digest(tensors, header):
            raise RefineMaskError("the contents do not match their digest; start a new run")
        config, progress = ModelConfig.from_dict(header["config"]), header["progress"]
        iteration, options = progress["iteration"], progress["options"]
        for name, kind in _OPTIONAL.items():
            if not isinstance(progress.get(name, kind()), kind):
                raise TypeError(f"its {name} are of type {type(progress[name]).__name__}")
    except RefineMaskError as error:
        raise RefineMaskError(f"{path} is damaged: {error}") from error
    except _UNREADABLE as error:
        raise RefineMaskError(
            f"{path} is not the state of a training run: {shown(error)}"
        ) from error
    if type(iteration) is not int or iteration < 0 or not isinstance(options, dict):
        raise RefineMaskError(
            f"{path} is damaged: it says iteration {iteration!r} and options of type "
            f"{type(options).__name__}; start a new run"
        )
    return config, progress, tensors
