"""`refinemask predict`: detect objects in photographs and videos, draw them, write COCO results."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from refinemask.cli.inputs import expand_patterns, refuse_to_overwrite_dataset
from refinemask.cli.per_image import (
    check_arguments,
    check_outputs,
    list_sources,
    open_images,
    write_as_they_come,
)
from refinemask.cli.selection import PredictorChoice
from refinemask.cli.videos import predict_videos
from refinemask.configs.options import Option
from refinemask.configs.shared_options import Json
from refinemask.console import refuse_to_overwrite
from refinemask.errors import WrongUsage
from refinemask.inference.options import PredictOptions

if TYPE_CHECKING:
    from refinemask.data.dataset import InstanceDataset
    from refinemask.inference.prediction import Source
    from refinemask.inference.structures import Predictor


def predict(
    choice: PredictorChoice,
    options: PredictOptions,
    images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IMAGE|VIDEO",
            help="Images, folders of images, and patterns such as 'photos/*.jpg'; or videos, "
            "camera:0 for a camera, and URLs such as rtsp://...",
        ),
    ] = None,
    every: Annotated[
        int | None,
        Option(min=1, metavar="N", help="Predict every Nth frame of a video; default: all."),
    ] = None,
    track: Annotated[
        bool,
        Option(
            help="Follow the objects of a video: each keeps one id and one colour. Needs the "
            "packages supervision and trackers."
        ),
    ] = False,
    json: Json = None,
) -> None:
    """Detect objects in images or videos and draw their masks.

    Results are written as they come: where the command was interrupted, --resume continues. Images
    that cannot be read are listed at the end, and the exit code is 1.

    Videos are drawn as <stem>.mp4. Ctrl-C ends a camera, or a video early: the files are finished
    and have what was done.
    """
    check_arguments(images, options, json)
    choice.check()
    sources_given = expand_patterns(images or [])
    videos = _videos(sources_given)
    if every is not None and not videos:
        raise WrongUsage("--every goes with videos")
    if track and not videos:
        raise WrongUsage("--track goes with videos")
    if videos:
        predict_videos(choice, videos, options, json, every or 1, track)
        return
    from refinemask.inference.prediction import predict_sources

    dataset = open_images(options)
    sources = list_sources(sources_given, dataset, options)
    check_outputs([choice.artifact, choice.model], dataset, sources, options, json)
    if options.labelme:
        _check_labelme(sources, dataset, options, json)
    predictor = choice.open()
    category_ids = _category_ids(predictor, dataset)
    made_by = {"model": choice.identity()} | _describe(
        options, category_ids or predictor.category_ids
    )
    write_as_they_come(
        sources,
        options,
        json,
        made_by,
        lambda log, step: predict_sources(predictor, sources, log, options, category_ids, step),
    )


def _videos(given: Sequence[str]) -> list[str]:
    """Return what is given if it is videos, [] if it is images."""
    from refinemask.inference.video import is_video

    videos = [one for one in dict.fromkeys(given) if is_video(one)]
    if videos and len(videos) < len(dict.fromkeys(given)):
        raise WrongUsage(f"give either images or videos; {videos[0]} is a video, not all are")
    return videos


def _check_labelme(
    sources: Sequence["Source"],
    dataset: "InstanceDataset | None",
    options: PredictOptions,
    json: str | None,
) -> None:
    """Check that files for LabelMe replace nothing, above all no corrected ones.

    Raises:
        WrongUsage: one would.
    """
    if dataset is not None:
        refuse_to_overwrite_dataset(options.dataset or "", dataset, [s.labelme for s in sources])
    refuse_to_overwrite([source.labelme for source in sources], [json])
    for source in sources:
        if source.labelme is not None and source.labelme.exists() and not options.resume:
            raise WrongUsage(
                f"{source.labelme} exists, and may have been corrected by hand; move it, or choose "
                "another folder by --output"
            )


def _category_ids(
    predictor: "Predictor", dataset: "InstanceDataset | None"
) -> Sequence[int | None] | None:
    """Return a dataset's category id for each label; None where there are no categories."""
    if dataset is None or not dataset.class_names:
        return None
    from refinemask.evaluation.run import match_classes

    return match_classes(predictor, dataset)


def _describe(options: PredictOptions, category_ids: Sequence[int | None]) -> dict[str, Any]:
    """Return what the results depend on besides the model and the images."""
    return {
        "dataset": options.dataset,
        "category_ids": list(category_ids),
        "score_threshold": options.score_threshold,
        "max_detections": options.max_detections,
        "tile": options.tile,
        "overlap": options.overlap,
        "labelme": options.labelme,
        "draw_threshold": None if options.output is None else options.draw_threshold,
    }
