"""`refinemask data`: turn a download of Penn-Fudan or COCO into our splits."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def data(
    dataset: Annotated[
        Literal["pennfudan", "coco-mini"], typer.Argument(help="Which dataset the download is.")
    ],
    source: Annotated[Path, typer.Option(metavar="DIR", help="The download, unpacked.")],
    output: Annotated[Path, typer.Option(metavar="DIR", help="Where the splits go.")],
) -> None:
    """Convert your download of a dataset into the splits that our figures are made on."""
    from refinemask.data.splits import convert

    convert(dataset, source, output)
    typer.echo(f"wrote the training and validation splits of {dataset} to {output}")
