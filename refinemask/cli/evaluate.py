"""`refinemask eval`: accuracy on a dataset, by its own protocol."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from refinemask.cli import options
from refinemask.cli.selection import ModelChoice, open_predictor
from refinemask.console import keep_inputs, progress, setup, show

if TYPE_CHECKING:
    from refinemask.data.dataset import EvaluationDataset


def evaluate(
    dataset: Annotated[
        str,
        typer.Option(
            metavar="SPEC",
            help="ANNOTATIONS.json, ANNOTATIONS.json@IMAGES_DIR, ROOT/gtFine/SPLIT, shapes or "
            "shapes:COUNT.",
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
    results: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="COCO results to measure instead of a model."),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="Classes to evaluate; by default those that model and dataset share.",
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many images.")] = None,
    protocol: Annotated[
        Literal["coco", "lvis", "cityscapes"] | None,
        typer.Option(help="How to measure; by default as the dataset's own benchmark does."),
    ] = None,
    lvis_as_coco: Annotated[
        bool,
        typer.Option(
            "--lvis-as-coco",
            help="AP*: a model with COCO's classes on LVIS annotations of these classes.",
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write predictions.jsonl image by image, and metrics.json."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the predictions in --output.")
    ] = False,
    json: options.Json = None,
) -> None:
    """Measure accuracy by the protocol of the dataset.

    COCO: AP of boxes, masks and boundaries. LVIS: AP of boxes and masks, also of rare, common and
    frequent classes. Cityscapes, from its gtFine folders: AP of masks for each class.

    JSON: "images", then {"box", "mask", "boundary"}, each {"AP", "AP50", "AP75", "APs", "APm",
    "APl", "AR100"}. LVIS: "protocol", then {"box", "mask"} with "APr", "APc", "APf" for "AR100".
    Cityscapes: "protocol", "mask": {"AP", "AP50"}, "classes": {NAME: {"AP", "AP50"}}. Fractions,
    -1 where undefined.
    """
    choice = ModelChoice(model, preset, weights, num_classes, bn_eps)
    choice.check([("--artifact", artifact), ("--results", results)])
    if results is not None and (output is not None or runtime is not None):
        raise typer.BadParameter("--output and --runtime go with a model or an artifact")
    if resume and output is None:
        raise typer.BadParameter("--resume goes with --output DIR")
    keep_inputs([dataset, dataset.rpartition("@")[0] or None, artifact, model, results], [json])
    names = None if classes is None else [name.strip() for name in classes.split(",")]
    from refinemask import evaluation
    from refinemask.data.open import open_dataset

    images: EvaluationDataset = open_dataset(
        dataset, None if lvis_as_coco else names, with_images=results is None
    )
    if lvis_as_coco:
        images = evaluation.LvisAsCoco(images, names)
    if results is not None:
        result = evaluation.measure_file(results, images, limit, protocol, names is not None)
        show(evaluation.format_table(result), result, json)
        return
    predictor = open_predictor(choice, artifact, runtime, device)
    log, made_by = None, {}
    if output is not None:
        description = {"name": dataset, **evaluation.describe_images(images, limit)}
        made_by = {"model": _identity(choice, artifact, runtime), "dataset": description}
        log = evaluation.PredictionLog(output, made_by, resume)
    with log or nullcontext(), progress("images") as advance:
        result = evaluation.evaluate(
            predictor, images, limit=limit, progress=advance, protocol=protocol, log=log
        )
    if output is not None:
        _keep(output / "metrics.json", result | {"made_by": made_by})
    show(evaluation.format_table(result), result, json)


def _identity(choice: ModelChoice, artifact: Path | None, runtime: str | None) -> dict[str, Any]:
    """Return what tells a model or an artifact from others, wherever its file is."""
    from refinemask.files import sha256

    if artifact is not None:
        return {"artifact": sha256(artifact), "runtime": runtime or "onnxruntime"}
    checkpoint = choice.checkpoint()
    if checkpoint is not None:
        told = {} if choice.bn_eps is None else {"bn_eps": choice.bn_eps}
        return {"checkpoint": sha256(checkpoint)} | told
    return {"preset": choice.preset, "weights": choice.weights, "num_classes": choice.num_classes}


def _keep(path: Path, result: dict[str, Any]) -> None:
    from json import dumps

    from refinemask.files import write_text

    write_text(path, dumps(result | {"setup": setup()}, indent=2) + "\n")
