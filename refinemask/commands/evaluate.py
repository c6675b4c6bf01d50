"""`refinemask eval`: box, mask and boundary AP on a COCO-format dataset."""

from typing import Annotated

import typer

from refinemask.commands import options
from refinemask.commands.output import keep_inputs, progress, show
from refinemask.commands.selection import ModelChoice, open_predictor


def evaluate(
    dataset: Annotated[
        str,
        typer.Option(
            metavar="SPEC",
            help="ANNOTATIONS.json, ANNOTATIONS.json@IMAGES_DIR, shapes or shapes:COUNT.",
        ),
    ],
    model: options.Model = None,
    bn_eps: options.BnEps = None,
    preset: options.Preset = None,
    weights: options.Weights = None,
    num_classes: options.NumClasses = None,
    artifact: options.Artifact = None,
    runtime: options.Runtime = None,
    device: options.Device = "auto",
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="Classes to evaluate; by default those that model and dataset share.",
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many images.")] = None,
    json: options.Json = None,
) -> None:
    """Measure box, mask and boundary AP."""
    choice = ModelChoice(model, preset, weights, num_classes, bn_eps)
    choice.check([("--artifact", artifact)])
    keep_inputs([dataset, dataset.rpartition("@")[0] or None, artifact, model], [json])
    names = None if classes is None else [name.strip() for name in classes.split(",")]
    from refinemask import evaluation
    from refinemask.data.dataset import open_dataset

    images = open_dataset(dataset, names)
    predictor = open_predictor(choice, artifact, runtime, device)
    with progress("images") as advance:
        result = evaluation.evaluate(predictor, images, limit=limit, progress=advance)
    show(evaluation.format_table(result), result, json)
