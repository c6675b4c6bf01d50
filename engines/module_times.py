"""Time of each module of a PyTorch model, without that of the modules it calls."""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def module_times(model: nn.Module) -> Iterator[Mapping[tuple[str, str], float]]:
    """Time every call of a model and its modules inside, from one thread, and sum their seconds.

    What functions compute is the time of the module that calls them. On a GPU, the work of each
    module is waited for.

    Args:
        model: has the name "model"; the names of its modules are those of its parameters.

    Yields:
        Seconds by name and class of a module, which grow while the model runs.
    """
    sums: dict[tuple[str, str], float] = defaultdict(float)
    calls: list[list[float]] = []
    """Of each module that is running, when it began and the seconds of those that it called."""

    def enter(*_: object) -> None:
        calls.append([_now(), 0.0])

    def leave(module: nn.Module, *_: object) -> None:
        began, inside = calls.pop()
        seconds = _now() - began
        sums[names[module], type(module).__name__] += seconds - inside
        if calls:
            calls[-1][1] += seconds

    names = {module: name or "model" for name, module in model.named_modules()}
    hooks = [module.register_forward_pre_hook(enter) for module in names]
    hooks += [module.register_forward_hook(leave) for module in names]
    try:
        yield sums
    finally:
        for hook in hooks:
            hook.remove()


def _now() -> float:
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()
