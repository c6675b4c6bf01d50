"""`refinemask figure1`: accuracy near outlines and away from them, as the paper's Figure 1."""

from pathlib import Path
from typing import Annotated

import typer

from refinemask.cli import options
from refinemask.cli.selection import torch_device
from refinemask.console import progress, setup

DEFAULT_MODELS = ("maskrcnn_small", "refinemask_small")


def figure1(
    dataset: Annotated[
        str, typer.Option(metavar="SPEC", help="ANNOTATIONS.json or ANNOTATIONS.json@IMAGES_DIR.")
    ],
    output: Annotated[
        Path,
        typer.Option(metavar="DIR", help="For figure1.png, figure1_crops.jpg and figure1.json."),
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHECKPOINT|NAME",
            help="A detector; may be repeated. By default both that ship.",
        ),
    ] = None,
    bn_eps: options.BnEps = None,
    semantic: Annotated[
        Path | None,
        typer.Option(
            metavar="CHECKPOINT",
            help="A DeepLabV3+, trained in a checkout of the repository by "
            "python -m refinemask.benchmarks.figure1.deeplab_training.",
        ),
    ] = None,
    width: Annotated[
        float,
        typer.Option(help="Of the boundary region on either side, in diagonals of the image."),
    ] = 0.02,
    score_threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Detections that score less are no foreground.")
    ] = 0.5,
    crops: Annotated[int, typer.Option(min=0, help="How many crops to draw side by side.")] = 4,
    device: options.Device = "auto",
) -> None:
    """Compare models in the boundary region and in the rest of the images."""
    place = torch_device(device)
    from refinemask.benchmarks.figure1.drawing import write_figure1
    from refinemask.benchmarks.figure1.measure import measure, table
    from refinemask.benchmarks.figure1.segmenters import open_segmenters, open_shared
    from refinemask.files import make_folder

    if model is None and bn_eps is not None:
        raise typer.BadParameter("--bn-eps goes with --model only")
    segmenters = open_segmenters(model or DEFAULT_MODELS, semantic, score_threshold, place, bn_eps)
    images = open_shared(dataset, segmenters)
    make_folder(output)
    with progress("images") as advance:
        figures, cut = measure(segmenters, images, width, crops, advance)
    origin = {"dataset": "/".join(Path(dataset).parts[-2:]), "score_threshold": score_threshold}
    figures = origin | figures | {"setup": setup()}
    write_figure1(figures, cut, output)
    typer.echo(f"{table(figures)}\nwrote {output}")
