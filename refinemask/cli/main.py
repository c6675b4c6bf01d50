"""The command line: `refinemask COMMAND` and `refinemask-export`.

Results go to standard output, progress and errors to standard error. Exit codes: 0 done, 1 failed,
2 wrong usage, 3 a parity or accuracy gate failed, 130 interrupted.
"""

import os
import signal
from collections.abc import Callable
from typing import Annotated

import typer

from refinemask.cli.bench import bench, report
from refinemask.cli.build import build
from refinemask.cli.data import data
from refinemask.cli.deepstream import deepstream
from refinemask.cli.doctor import doctor
from refinemask.cli.evaluate import evaluate
from refinemask.cli.export import export
from refinemask.cli.figure1 import figure1
from refinemask.cli.info import info
from refinemask.cli.predict import predict
from refinemask.cli.segment import segment
from refinemask.cli.train import train
from refinemask.cli.verify import verify
from refinemask.commands import new_program
from refinemask.console import say
from refinemask.version import __version__

COMMANDS: dict[str, Callable[..., None]] = {
    "train": train,
    "eval": evaluate,
    "predict": predict,
    "segment": segment,
    "export": export,
    "build": build,
    "verify": verify,
    "bench": bench,
    "report": report,
    "deepstream": deepstream,
    "info": info,
    "figure1": figure1,
    "data": data,
    "doctor": doctor,
}


def main() -> None:
    """Run `refinemask`."""
    _set_up_process()
    app(prog_name="refinemask")


def export_main() -> None:
    """Run `refinemask-export`, the same program as `refinemask export`."""
    _set_up_process()
    export_app(prog_name="refinemask-export")


def _set_up_process() -> None:
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # errors are reported in our own words
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    _terminate_like_ctrl_c()


def _terminate_like_ctrl_c() -> None:
    """Let SIGTERM and SIGHUP clean up like Ctrl-C: no half-written file, and runs that resume."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup sets it
            signal.signal(number, signal.default_int_handler)


app = new_program(**COMMANDS)
export_app = new_program(export=export)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"refinemask {__version__}")
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Train, export, run and compare RefineMask and Mask R-CNN."""
