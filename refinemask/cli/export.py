"""`refinemask export` and `refinemask-export`: a model becomes a verified ONNX artifact."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from refinemask.cli import options
from refinemask.cli.selection import ModelChoice
from refinemask.console import keep_inputs, note, show


def export(
    output: Annotated[Path, typer.Option(metavar="FILE.onnx", help="The artifact to write.")],
    model: options.Model = None,
    bn_eps: options.BnEps = None,
    preset: options.Preset = None,
    weights: options.Weights = None,
    num_classes: options.NumClasses = None,
    form: Annotated[
        Literal["portable", "fused"],
        typer.Option(
            help="portable: standard ONNX operators only. fused: faster, with operators that "
            "ONNX Runtime and TensorRT have from our libraries."
        ),
    ] = "portable",
    batch: Annotated[
        int | None, typer.Option(min=1, help="Fix the batch size; dynamic by default.")
    ] = None,
    height: Annotated[
        int | None,
        typer.Option(min=32, max=2048, help="Fix the padded height, a multiple of 32."),
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(min=32, max=2048, help="Fix the padded width, a multiple of 32."),
    ] = None,
    image: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="IMAGE",
            help="A photograph, or a folder of them, to verify the artifact on; may be repeated. "
            "By default photographs that ship with scikit-image.",
        ),
    ] = None,
    keep_failed: Annotated[
        bool, typer.Option("--keep-failed", help="Keep an artifact that failed the parity gate.")
    ] = False,
    json: options.Json = None,
) -> None:
    """Export a model to ONNX and verify it against PyTorch."""
    for name, value in (("--height", height), ("--width", width)):
        if value is not None and value % 32:
            raise typer.BadParameter(f"{name} must be a multiple of 32, got {value}")
    choice = ModelChoice(model, preset, weights, num_classes, bn_eps)
    from refinemask.inference.images import list_images
    from refinemask.inference.metadata import sidecar_path

    images = list_images(image or [])
    keep_inputs([model, *images], [output, sidecar_path(output), json])
    reference = choice.load("cpu")
    from refinemask.export.artifact import export_model

    metadata = export_model(
        reference,
        output,
        form=form,
        weights=weights or "trained",
        checkpoint=choice.checkpoint(),
        batch=batch,
        height=height,
        width=width,
        images=images,
        keep_failed=keep_failed,
        progress=note,
    )
    result = {"artifact": str(output), "parity": metadata.parity}
    show(f"wrote {output} and its metadata {sidecar_path(output)}", result, json)
