"""Images to compare an artifact and its model on, and what the model returns for them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from refinemask.engines import Engine
from refinemask.export.reference import Reference, run_reference
from refinemask.inference.images import load_image
from refinemask.inference.photographs import verification_photos
from refinemask.inference.processing import Prepared, prepare
from refinemask.models import Detector

Progress = Callable[[int, int], None]

_LARGE = 640
"""Shorter side of a model's input, in pixels."""


@dataclass(frozen=True)
class Subject:
    """An image to compare on, and what the model returned for it."""

    name: str
    prepared: Prepared
    reference: Reference


def photographs(
    model: Detector, engine: Engine, paths: Sequence[Path], progress: Progress | None = None
) -> Iterator[Subject]:
    """Yield image files, resized as an engine takes them; call `progress` when each is done."""
    for done, path in enumerate(paths, 1):
        yield _subject(model, path.name, engine.prepare(load_image(path)))
        if progress is not None:
            progress(done, len(paths))


def default_subjects(
    model: Detector, engine: Engine, progress: Progress | None = None
) -> Iterator[Subject]:
    """Yield the photographs that installed packages ship, and an image without detections.

    Where the model's input is large, they are smaller, which takes a fraction of the time: three
    quarters of its size for the first, in which RoIs still reach every pyramid level, and three
    eighths for the others. These share one canvas, so that they make a batch. The last is grey, and
    left out where the model detects something in it, as random weights may.
    """
    photos = verification_photos()
    first, *others = (load_image(photo.path) for photo in photos)
    large = engine.metadata.input_limits.short_side >= _LARGE
    size, smaller = (3 / 4, 3 / 8) if large else (1, 1)
    alone = [_prepare(engine, image, smaller) for image in others]
    height, width = (max(one.image.shape[axis] for one in alone) for axis in (0, 1))
    images = [_prepare(engine, first, size)]
    images += [_prepare(engine, image, smaller, (height, width)) for image in others]
    for done, (photo, prepared) in enumerate(zip(photos, images, strict=True), 1):
        yield _subject(model, photo.path.name, prepared)
        if progress is not None:
            progress(done, len(photos))
    grey = _subject(model, "a grey image", _grey(engine))
    if not len(grey.reference.outputs.scores):
        yield grey


def _prepare(
    engine: Engine,
    image: NDArray[np.uint8],
    share: float,
    canvas: tuple[int | None, int | None] = (None, None),
) -> Prepared:
    """Resize to a share of the model's input size, and pad to a canvas if one is given."""
    limits = engine.metadata.input_limits
    sides = int(share * limits.short_side), int(share * limits.long_side)
    canvas = limits.height or canvas[0], limits.width or canvas[1]
    return prepare(image, *sides, limits.divisor, canvas)


def _grey(engine: Engine) -> Prepared:
    limits = engine.metadata.input_limits
    image = np.full((64, 64, 3), 127, np.uint8)
    return prepare(image, 64, 64, limits.divisor, (limits.height, limits.width))


def _subject(model: Detector, name: str, prepared: Prepared) -> Subject:
    return Subject(name, prepared, run_reference(model, prepared.image, prepared.size))
