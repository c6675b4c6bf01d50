"""`refinemask verify`: the parity gate for an artifact and the model it came from."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from refinemask.cli import options
from refinemask.cli.selection import ModelChoice, engine_device
from refinemask.console import keep_inputs, progress, show
from refinemask.errors import GateFailed
from refinemask.inference.metadata import sidecar_path


def verify(
    artifact: Annotated[Path, typer.Option(metavar="FILE", help="The artifact to check.")],
    images: Annotated[
        list[Path],
        typer.Option(metavar="DIR", help="A folder of images, or an image; may be repeated."),
    ],
    model: options.Model = None,
    bn_eps: options.BnEps = None,
    preset: options.Preset = None,
    weights: options.Weights = None,
    num_classes: options.NumClasses = None,
    runtime: Annotated[
        Literal["onnxruntime", "openvino"], typer.Option(help="What runs the artifact.")
    ] = "onnxruntime",
    device: Annotated[
        str,
        typer.Option(
            metavar="cpu|cuda:N", help="Where the artifact runs; PyTorch runs on the processor."
        ),
    ] = "cpu",
    json: options.Json = None,
) -> None:
    """Compare an artifact with its PyTorch model; exit with 3 if they differ too much."""
    choice = ModelChoice(model, preset, weights, num_classes, bn_eps)
    choice.check([])
    device = engine_device(device)
    from refinemask.inference.images import list_images

    paths = list_images(images)
    keep_inputs([*paths, artifact, sidecar_path(artifact), model], [json])
    reference = choice.load("cpu")
    from refinemask.export.verify import verify_artifact

    with progress("images") as advance:
        report = verify_artifact(
            artifact, reference, paths, runtime=runtime, device=device, progress=advance
        )
    show(report.table(), report.to_dict(), json)
    if not report.passed:
        raise GateFailed(
            f"{artifact} does not give the numbers of its model on {len(paths)} images; "
            "see the table, and export it again"
        )
