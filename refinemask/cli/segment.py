"""`refinemask segment`: sharp masks for the boxes of any detector."""

from pathlib import Path
from typing import Annotated

from refinemask.cli.per_image import (
    Images,
    check_arguments,
    check_outputs,
    list_sources,
    open_images,
    write_as_they_come,
)
from refinemask.cli.selection import PredictorChoice
from refinemask.configs.options import Option
from refinemask.configs.shared_options import Json
from refinemask.errors import WrongUsage
from refinemask.inference.options import ImageOptions


def segment(
    boxes: Annotated[
        Path,
        Option(
            metavar="FILE",
            help="COCO results (JSON), or CSV lines of file,x1,y1,x2,y2,label[,score] with or "
            "without a header; pixels of the original image; a label is a name or a category id.",
        ),
    ],
    choice: PredictorChoice,
    options: ImageOptions,
    images: Images = None,
    json: Json = None,
) -> None:
    """Predict masks for boxes that another detector has found.

    Takes a model, or an artifact that was exported with --outputs masks. Boxes are clipped to their
    image; the mask of one that has no area in it is empty. A model of one class takes boxes of any
    class. Results have the boxes in the order of the file, with their scores, 1 by default.

    Results are written as they come: where the command was interrupted, --resume continues. Images
    that cannot be read are listed at the end, and the exit code is 1.
    """
    check_arguments(images, options, json)
    choice.check()
    if choice.max_detections is not None:
        raise WrongUsage("--max-detections does not go with given boxes; use --score-threshold")
    from refinemask.data.boxes_file import read_boxes
    from refinemask.files import sha256
    from refinemask.inference.segmentation import label_boxes, match_images, segment_sources

    dataset = open_images(options)
    sources = list_sources(images or [], dataset, options)
    check_outputs([boxes, choice.artifact, choice.model], dataset, sources, options, json)
    found = match_images(read_boxes(boxes), sources)
    segmenter = choice.open("masks")
    categories = None
    if dataset is not None and dataset.class_names:
        categories = dict(zip(dataset.category_ids, dataset.class_names, strict=True))
    classes = segmenter.class_names, segmenter.category_ids
    labelled = {key: label_boxes(some, *classes, categories) for key, some in found.items()}
    made_by = {
        "model": choice.identity(),
        "boxes": sha256(boxes),
        "dataset": options.dataset,
        "score_threshold": options.score_threshold,
        "draw_threshold": None if options.output is None else options.draw_threshold,
    }
    write_as_they_come(
        sources,
        options,
        json,
        made_by,
        lambda log, step: segment_sources(
            segmenter, sources, labelled, log, options, dataset is None, step
        ),
        result="mask",
        done_to="segmented",
    )
