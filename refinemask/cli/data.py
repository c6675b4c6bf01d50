"""`refinemask data`: convert a download of Penn-Fudan or COCO into our splits."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from refinemask.configs.options import Option
from refinemask.console import say


def data(
    dataset: Annotated[Literal["pennfudan", "coco-mini"], typer.Argument(help="The dataset.")],
    source: Annotated[Path, Option(metavar="DIR", help="The unpacked download.")],
    output: Annotated[Path, Option(metavar="DIR", help="Folder for the splits.")],
) -> None:
    """Convert a downloaded dataset into the splits that our figures are measured on."""
    from refinemask.data.splits import convert

    convert(dataset, source, output)
    say(f"wrote the training and validation splits of {dataset} to {output}")
