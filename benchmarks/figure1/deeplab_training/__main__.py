"""Train the DeepLabV3+ of Figure 1: `python -m refinemask.benchmarks.figure1.deeplab_training`."""

from pathlib import Path
from typing import Annotated

import typer

from refinemask.benchmarks import command_line
from refinemask.console import losses_bar
from refinemask.errors import RefineMaskError


def deeplab(
    dataset: Annotated[
        list[str],
        typer.Option(
            metavar="SPEC", help="Training data as for refinemask train; may be repeated."
        ),
    ],
    output: Annotated[
        Path, typer.Option(metavar="FILE", help="The checkpoint to write (.safetensors).")
    ],
    classes: Annotated[
        str, typer.Option(metavar="A,B,...", help="Classes that make up the foreground.")
    ] = "person",
    iterations: Annotated[int, typer.Option(min=1, help="Length of the run.")] = 1680,
    batch_size: Annotated[int, typer.Option(min=2, help="Images of an iteration.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal weights.")] = 0,
    device: Annotated[str, typer.Option(metavar="cpu|cuda:N", help="Where to train.")] = "cpu",
) -> None:
    """Train DeepLabV3+ on foreground against background, for refinemask figure1 --semantic."""
    from dataclasses import asdict

    from refinemask.benchmarks.figure1.deeplab import save_deeplab
    from refinemask.benchmarks.figure1.deeplab_training.train import DeepLabOptions, train_deeplab
    from refinemask.files import check_destination

    if output.exists():
        raise RefineMaskError(f"{output} already exists; choose another --output")
    check_destination(output)
    names = tuple(name.strip() for name in classes.split(","))
    options = DeepLabOptions(tuple(dataset), names, iterations, batch_size, seed, device)
    with losses_bar() as report:
        model = train_deeplab(options, report)
    save_deeplab(model, output, asdict(options))
    typer.echo(f"wrote {output}")


if __name__ == "__main__":
    command_line.run(deeplab)
