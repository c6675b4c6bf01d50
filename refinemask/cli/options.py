"""The options that several commands share, spelled and explained once."""

from pathlib import Path
from typing import Annotated, Literal

import typer

SHIPPED_NAMES = ("refinemask_small", "maskrcnn_small")

RuntimeName = Literal["onnxruntime", "openvino", "torch"]

Model = Annotated[
    str | None,
    typer.Option(
        metavar="CHECKPOINT|NAME",
        help="A checkpoint (ours, RefineMask's, mmdetection's or torchvision's), "
        f"or one of the models that ship: {', '.join(SHIPPED_NAMES)}.",
    ),
]
BnEps = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="Epsilon of the checkpoint's batch norms, which foreign ones do not tell: "
        "0 for weights from torchvision's COCO_V1; 1e-5 by default.",
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="A configuration by name; with --weights synthetic."),
]
Weights = Annotated[
    Literal["synthetic"] | None,
    typer.Option(help="The weights of --preset: deterministic ones, to measure with."),
]
NumClasses = Annotated[
    int | None, typer.Option(min=1, help="Classes of --preset; the preset's own by default.")
]
Artifact = Annotated[
    Path | None, typer.Option(metavar="FILE", help="An exported model instead of --model.")
]
Runtime = Annotated[
    RuntimeName | None,
    typer.Option(help="What runs --artifact; onnxruntime by default."),
]
Device = Annotated[
    str,
    typer.Option(
        metavar="auto|cpu|cuda:N", help="Where to run; auto is a GPU for PyTorch if there is one."
    ),
]


def _check_json(path: str | None) -> str | None:
    """Refuse what cannot be written before the work, not after it."""
    from refinemask.errors import RefineMaskError
    from refinemask.files import check_destination

    if path is not None and path != "-":
        try:
            check_destination(Path(path))
        except RefineMaskError as error:
            raise typer.BadParameter(str(error)) from error
    return path


Json = Annotated[
    str | None,
    typer.Option(
        "--json",
        metavar="PATH|-",
        callback=_check_json,
        help="Write the result as JSON to a file, or instead of the table to standard output.",
    ),
]
