"""Find the state dict in a file: the one mapping of tensors, under whatever wraps it.

Programs keep it beside training state under keys of their own, and wrappers of models put prefixes
before its names: `module.` of DistributedDataParallel, `_orig_mod.` of torch.compile, `model.` of a
LightningModule. Where a file also records averaged weights (EMA), those are meant to be used.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from refinemask.errors import RefineMaskError
from refinemask.printable import shown

_CONTAINERS = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "params")
"""Usual keys of the weights; the first that is present decides."""
_DEPTH = 3
"""Keys that lead to a state dict at most."""
_NUMBERS = {
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
    *(torch.float8_e4m3fn, torch.float8_e5m2),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
}
"""Types whose numbers PyTorch converts to float32; of others it drops a part, or cannot."""
_MOST_WRAPPERS = 10
_LISTED = 10
"""State dicts that an error names."""
_COUNTERS = ("n_averaged", "steps")
"""Of averaged models: how many models were averaged."""
_WRAPPERS = {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
"""Parts of names that stand for a wrapper, wherever they are."""
_MODEL_PARTS = {
    *("backbone", "neck", "rpn_head", "roi_head", "bbox_head", "mask_head", "decode_head"),
    *("rpn", "roi_heads", "head", "proposal_generator", "data_preprocessor"),
    *("layer1", "layer2", "layer3", "layer4", "conv1", "bn1", "fc"),
}
"""Parts at the beginning of names that belong to a model, not to a wrapper."""


@dataclass(frozen=True)
class StateDict:
    """The tensors of a file by name, without prefixes."""

    tensors: dict[str, Tensor]
    meta: Mapping[str, Any]
    """What mmcv or mmengine saved beside them; empty if nothing."""
    origin: str
    """Where in the file they were, for people to read; empty if they are the whole file."""


def find_state_dict(path: Path, content: object) -> StateDict:
    """Return the state dict in what a file holds.

    Args:
        path: of the file, for errors.
        content: what `read_pickle` returned, or the tensors of a safetensors file.

    Raises:
        RefineMaskError: there is none, there are several and nothing says which is meant, or it
            holds anything but dense tensors on the CPU.
    """
    found = dict(_state_dicts(content))
    meta = content.get("meta") if isinstance(content, Mapping) else None
    meta = meta if isinstance(meta, Mapping) else {}
    if not found:
        raise RefineMaskError(f"{path} {_what_is_wrong(content)}")
    keys, note = _choose(path, found, swapped="mmengine_version" in meta)
    origin = " of ".join(filter(None, (note, ".".join(keys))))
    return StateDict(_strip(path, found[keys]), meta, origin)


def is_dense(value: object) -> bool:
    """Return whether a value is a tensor with all of its numbers, real ones, in memory."""
    return (
        isinstance(value, Tensor)
        and value.layout is torch.strided
        and value.device.type == "cpu"
        and value.dtype in _NUMBERS
        and value.numel() * value.element_size() <= value.untyped_storage().nbytes()
    )


def check_finite(path: Path | str, tensors: Mapping[str, Tensor]) -> None:
    """Check that weights are numbers that a network can compute with.

    Raises:
        RefineMaskError: one has NaN or infinity, or a variance is below 0; it names the tensor.
    """
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            problem = "NaN or infinity"
        elif name.endswith("running_var") and (tensor < 0).any():
            problem = "a variance below 0"
        else:
            continue
        raise RefineMaskError(
            f"{path} cannot be used: its tensor {name} has {problem}; the file is damaged, or its "
            "training diverged: take an earlier checkpoint"
        )


def _state_dicts(
    content: object, keys: tuple[str, ...] = (), seen: set[int] | None = None
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Tensor]]]:
    """Yield every mapping of names to tensors and nothing else, with the keys that lead to it."""
    seen = set() if seen is None else seen  # a pickle may hold an object a million times
    if not isinstance(content, Mapping) or not content or id(content) in seen:
        return
    seen.add(id(content))
    if all(isinstance(name, str) and is_dense(value) for name, value in content.items()):
        yield keys, content
    elif len(keys) < _DEPTH:
        for key, value in content.items():
            if isinstance(key, str) and not key.startswith("optim"):
                yield from _state_dicts(value, (*keys, key), seen)


def _choose(
    path: Path, found: Mapping[tuple[str, ...], Mapping[str, Tensor]], swapped: bool
) -> tuple[tuple[str, ...], str]:
    """Return the keys of the state dict that is meant, and whether it is an average.

    mmengine swaps the two when it saves: its `state_dict` has the averaged weights.
    """
    averaged = [keys for keys in found if any("ema" in re.split(r"[_.]", key) for key in keys)]
    others = [keys for keys in found if keys not in averaged]
    if averaged and not (swapped and others):
        candidates, note = averaged, "the averaged weights (EMA)"
    else:
        candidates, note = others, "the averaged weights (EMA)" if averaged else ""
    largest = max(len(found[keys]) for keys in candidates)
    candidates = [keys for keys in candidates if len(found[keys]) > largest / 2]
    for name in _CONTAINERS:
        usual = [keys for keys in candidates if keys and keys[-1] == name]
        if usual:
            candidates = usual
            break
    if len(candidates) > 1:
        listed = ", ".join(shown(".".join(keys)) for keys in candidates[:_LISTED])
        listed += ", ..." if len(candidates) > _LISTED else ""
        raise RefineMaskError(
            f"{path} holds several state dicts ({listed}) and does not say which is the model's; "
            "save that one alone with torch.save(model.state_dict(), FILE)"
        )
    return candidates[0], note


def _strip(path: Path, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Take what wrappers added from the names of tensors."""
    parts = {
        name: [part for part in name.split(".") if part not in _WRAPPERS]
        for name in tensors
        if name not in _COUNTERS
    }
    common = 0
    while parts and common < _MOST_WRAPPERS and _is_prefix(list(parts.values()), common):
        common += 1
    stripped = {".".join(rest[common:]): tensors[name] for name, rest in parts.items()}
    if len(stripped) < len(parts):
        raise RefineMaskError(f"{path} holds two tensors of one name, of a model and its wrapper")
    return stripped


def _is_prefix(names: list[list[str]], place: int) -> bool:
    """Whether all names have the same part at a place, and it is not one of the model itself."""
    first = names[0][place] if len(names[0]) > place else ""
    return first not in _MODEL_PARTS and all(
        len(name) > place + 2 and name[place] == first and not name[place + 1].isdigit()
        for name in names
    )


def _what_is_wrong(content: object) -> str:
    entries = content if isinstance(content, Mapping) else {}
    inside = (entries[key] for key in _CONTAINERS if isinstance(entries.get(key), Mapping))
    entries = next(inside, entries)
    wrong = ((name, value) for name, value in entries.items() if not is_dense(value))
    name, value = next(wrong, (None, None))
    if name is None:
        return (
            f"holds an object of type {type(content).__name__}, not a state dict; "
            "save one with torch.save(model.state_dict(), FILE)"
        )
    return (
        f"does not hold a state dict: its entry {shown(name)} is not a dense CPU tensor that "
        f"holds all its numbers, but of type {type(value).__name__}"
    )
