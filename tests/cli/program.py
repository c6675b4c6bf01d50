"""The command line, run in this process."""

from pathlib import Path

import typer
from typer.testing import CliRunner, Result

from refinemask.cli.main import app

SYNTHETIC = ("--preset", "maskrcnn_small", "--weights", "synthetic")


def invoke(*arguments: str | Path, app: typer.Typer = app) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])
