"""Import evaluators of others that were written for NumPy 1, without lasting effects."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from refinemask.errors import RefineMaskError


def import_evaluator(module: str, requirement: str) -> ModuleType:
    """Import a module of an evaluator, leaving the root logger as it is.

    Its own requirements are not to be installed: they would put a second OpenCV over ours, or a
    `typing` from PyPI beside that of Python.

    Raises:
        RefineMaskError: it is not installed, or something that it imports is not.
    """
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise RefineMaskError(
            f"this evaluation needs the package {error.name}; install it with: "
            f"pip install 'refinemask[evaluators]' && pip install --no-deps {requirement}"
        ) from error
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


class _Numpy:
    """NumPy with some further names."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.__dict__.update(names)

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


@contextmanager
def old_numpy(module: ModuleType, names: dict[str, Any]) -> Iterator[None]:
    """Let what `module` calls `np` have `names`, which NumPy 2 dropped, inside the block."""
    before = module.__dict__["np"]
    module.__dict__["np"] = _Numpy(names)
    try:
        yield
    finally:
        module.__dict__["np"] = before
