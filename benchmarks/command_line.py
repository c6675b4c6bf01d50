"""How the modules of this folder run as commands: `python -m refinemask.benchmarks.…`."""

import shlex
import sys
from collections.abc import Callable
from typing import Any

import typer

from refinemask.console import guarded
from refinemask.environment import measurement_setup


def run(command: Callable[..., None]) -> None:
    """Run a function as a command that looks and fails like those of `refinemask`."""
    app = typer.Typer(
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.command()(guarded(command))
    app()


def setup(module: str) -> dict[str, Any]:
    """Return versions, machine and the command line that runs `module`."""
    return measurement_setup(shlex.join(["python", "-m", module, *sys.argv[1:]]))
