"""`refinemask predict`: detect objects in photographs, draw them, write COCO results."""

from pathlib import Path
from typing import Annotated

import typer

from refinemask.cli.selection import PredictorChoice
from refinemask.configs.shared_options import Json
from refinemask.console import counted, progress_bar, refuse_to_overwrite, write_result
from refinemask.errors import WrongUsage
from refinemask.inference.options import PredictOptions


def predict(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE", help="Images, or folders of images.")
    ],
    choice: PredictorChoice,
    options: PredictOptions,
    json: Json = None,
) -> None:
    """Detect objects in images and draw their masks."""
    if options.output is None and json is None:
        raise WrongUsage("give --output DIR, --json PATH or both")
    choice.check()
    from refinemask.inference.images import list_images
    from refinemask.inference.prediction import predict_images

    paths = list_images(images)
    refuse_to_overwrite([*paths, choice.artifact, choice.model], [json])
    predictor = choice.open()
    with progress_bar("images") as advance:
        advance(0, len(paths))
        results = predict_images(predictor, paths, options, advance)
    where = f"; drawn in {options.output}" if options.output else ""
    counts = f"{counted(len(results), 'detection')} in {counted(len(paths), 'image')}"
    write_result(counts + where, results, json)
