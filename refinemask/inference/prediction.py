"""Detect objects in image files: COCO results for machines, pictures for people."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from refinemask.errors import RefineMaskError
from refinemask.files import check_writable
from refinemask.inference.drawing import draw
from refinemask.inference.images import load_image, save_image
from refinemask.inference.options import PredictOptions
from refinemask.inference.results import to_coco_results
from refinemask.inference.structures import Predictor


def predict_images(
    predictor: Predictor,
    images: Sequence[Path],
    options: PredictOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, Any]]:
    """Detect objects in image files, one after the other.

    An image that cannot be read is an error; the pictures drawn before it are kept.

    Args:
        predictor: a model or an engine.
        images: the files.
        options: which detections are kept and drawn, and where; defaults if None. Pictures are
            numbered where stems are equal.
        progress: called with the numbers of finished and of all images.

    Returns:
        COCO results; `image_id` is the file name, or the path where several files have that name.

    Raises:
        RefineMaskError: an image cannot be read, a picture cannot be written, or it would
            replace one of the images.
    """
    options = options or PredictOptions()
    pictures = _picture_paths(images, options.output) if options.output else [None] * len(images)
    results: list[dict[str, Any]] = []
    image_ids = _image_ids(images)
    for done, (path, image_id, picture) in enumerate(
        zip(images, image_ids, pictures, strict=True), start=1
    ):
        image = load_image(path)
        # Probabilities give the drawing finer outlines than a bitmap.
        found = predictor.predict(image, "probs", options.score_threshold, options.max_detections)
        results += to_coco_results(found, image_id, predictor.category_ids, predictor.class_names)
        if picture is not None:
            save_image(picture, draw(image, found, predictor.class_names, options.draw_threshold))
        if progress is not None:
            progress(done, len(images))
    return results


def _image_ids(images: Sequence[Path]) -> list[str]:
    uses = Counter(path.name for path in images)
    return [path.name if uses[path.name] == 1 else str(path) for path in images]


def _picture_paths(images: Sequence[Path], output: Path) -> list[Path]:
    check_writable(output)
    sources = {path.resolve() for path in images}
    pictures: dict[Path, None] = {}  # Keeps the order.
    for path in images:
        picture, number = output / f"{path.stem}.png", 2
        while picture in pictures:
            picture, number = output / f"{path.stem}_{number}.png", number + 1
        if picture.resolve() in sources:
            raise RefineMaskError(
                f"the picture {picture} would replace an input image; choose another output folder"
            )
        pictures[picture] = None
    return list(pictures)
