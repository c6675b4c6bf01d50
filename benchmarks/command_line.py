"""How the modules of this folder run as commands: `python -m refinemask.benchmarks.…`."""

from collections.abc import Callable
from typing import Any

from refinemask.commands import new_program
from refinemask.console import current_setup


def run(command: Callable[..., None]) -> None:
    """Run a function as a command that looks and fails like those of `refinemask`."""
    new_program(**{command.__name__: command})()


def setup(module: str) -> dict[str, Any]:
    """Return versions, machine and the command line that runs `module`."""
    return current_setup(f"python -m {module}")
