"""`refinemask predict`: detect objects in photographs, draw them, write COCO results."""

from pathlib import Path
from typing import Annotated

import typer

from refinemask.cli import options
from refinemask.cli.selection import ModelChoice, open_predictor
from refinemask.console import keep_inputs, progress, show


def predict(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE", help="Images, or folders of images.")
    ],
    model: options.Model = None,
    bn_eps: options.BnEps = None,
    preset: options.Preset = None,
    weights: options.Weights = None,
    num_classes: options.NumClasses = None,
    artifact: options.Artifact = None,
    runtime: options.Runtime = None,
    device: options.Device = "auto",
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the images with what was found drawn.")
    ] = None,
    score_threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Leave out detections that score less.")
    ] = 0.0,
    draw_threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Draw only from this score.")
    ] = 0.5,
    max_detections: Annotated[
        int | None, typer.Option(min=1, help="Keep the best so many per image.")
    ] = None,
    json: options.Json = None,
) -> None:
    """Detect objects in images and draw their masks."""
    if output is None and json is None:
        raise typer.BadParameter("give --output DIR, --json PATH or both")
    choice = ModelChoice(model, preset, weights, num_classes, bn_eps)
    choice.check([("--artifact", artifact)])
    from refinemask.inference.images import list_images
    from refinemask.inference.prediction import predict_images

    paths = list_images(images)
    keep_inputs([*paths, artifact, model], [json])
    predictor = open_predictor(choice, artifact, runtime, device)
    with progress("images") as advance:
        advance(0, len(paths))
        results = predict_images(
            predictor,
            paths,
            output,
            score_threshold=score_threshold,
            draw_threshold=draw_threshold,
            max_detections=max_detections,
            progress=advance,
        )
    where = f"; drawn in {output}" if output else ""
    plural = "" if len(paths) == 1 else "s"
    show(f"{len(results)} detections in {len(paths)} image{plural}{where}", results, json)
