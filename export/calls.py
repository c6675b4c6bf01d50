"""Collect what modules take and return while a model runs."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from torch import nn


class Call(NamedTuple):
    """What a module took and returned."""

    arguments: tuple[Any, ...]
    result: Any


@contextmanager
def calls_of(*modules: nn.Module) -> Iterator[list[Call]]:
    """Collect one call of each module, in their order; the result is None where there is none."""
    calls = [Call((), None)] * len(modules)

    def keep(place: int) -> Any:
        def hook(module: nn.Module, arguments: tuple[Any, ...], result: Any) -> None:
            calls[place] = Call(arguments, result)

        return hook

    with ExitStack() as stack:
        for place, module in enumerate(modules):
            handle = module.register_forward_hook(keep(place))
            stack.callback(handle.remove)
        yield calls
