"""Verify an artifact: run it and its model on photographs, and compare."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from refinemask import engines
from refinemask.configs.config import ModelConfig
from refinemask.engines import Engine
from refinemask.errors import GateFailed, RefineMaskError
from refinemask.export.comparison import Comparison, compare
from refinemask.export.parity import ParityReport, check_decision, summarise
from refinemask.export.reference import Reference, run_reference
from refinemask.export.sampling import with_sampling_ratio
from refinemask.inference.images import load_image
from refinemask.inference.photographs import verification_photos
from refinemask.inference.processing import Prepared, prepare
from refinemask.inference.structures import RawArrays
from refinemask.models import Detector

Progress = Callable[[int, int], None]

_LARGE = 640
"""Shorter side of a model's input, in pixels."""


def verify_artifact(
    artifact: Path,
    model: Detector,
    images: Iterable[Path] | None = None,
    *,
    runtime: str = "onnxruntime",
    device: str = "cpu",
    progress: Progress | None = None,
) -> ParityReport:
    """Compare the detections of an artifact with those of the model it was exported from.

    Both get the same resized and padded images, of the size that the artifact takes, and an
    artifact that segments given boxes gets those that the model detects. Where the artifact has a
    fixed sampling ratio, the model gets the same. The first two images of equal padded size are
    also run as one batch.

    Args:
        artifact: an ONNX file written by `export_model`.
        model: the reference, run in PyTorch.
        images: files to compare on; by default those of `default_subjects`.
        runtime: what runs the artifact, see `refinemask.engines.open`.
        device: where that runs; the model stays where it is.
        progress: called with the number of images done and their total.

    Raises:
        GateFailed: the artifact returned images or an order that its contract does not allow.
        RefineMaskError: the artifact or an image cannot be read, the artifact is of another
            configuration, or the images decide nothing: the model detects too little in them, or
            too much of what it detects hangs on near ties.
    """
    engine = engines.open(artifact, runtime, device)
    if ModelConfig.from_dict(engine.metadata.config) != model.config:
        raise RefineMaskError(
            f"{artifact} was exported from a {engine.metadata.preset} of "
            f"{len(engine.class_names)} classes, and its configuration differs from that of the "
            f"model, a {model.config.preset} of {model.config.num_classes}; verify it against its "
            "own model"
        )
    model = with_sampling_ratio(model, engine.metadata.sampling_ratio)
    if images is None:
        subjects = default_subjects(model, engine, progress)
    else:
        subjects = photographs(model, engine, list(images), progress)
    comparisons = list(compare_subjects(engine, subjects))
    report = summarise(comparisons)
    check_decision(report, comparisons)
    return report


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


def compare_subjects(engine: Engine, subjects: Iterable[Subject]) -> Iterator[Comparison]:
    """Compare each image, and the first two of equal padded size as a batch as well."""
    waiting: dict[tuple[int, ...], Subject] = {}
    batched = engine.metadata.input_limits.batch == 1  # no room for two
    for subject in subjects:
        yield from _compare_batch(engine, [subject])
        other = waiting.setdefault(subject.prepared.image.shape, subject)
        if other is not subject and not batched:
            batched = True
            yield from _compare_batch(engine, [other, subject])


def _compare_batch(engine: Engine, subjects: list[Subject]) -> Iterator[Comparison]:
    if "masks" in engine.outputs:
        found = run_boxes(engine, subjects)
    else:
        found = run_batch(engine, [subject.prepared for subject in subjects])
    for one, outputs in zip(subjects, found, strict=True):
        yield compare(one.reference, outputs, one.prepared, one.name, batched=len(subjects) > 1)


def run_batch(engine: Engine, images: list[Prepared]) -> list[RawArrays]:
    """Run images of equal padded size as one batch, and return the detections of each."""
    return split_batch(engine.run(*_batch(images)), len(images))


def run_boxes(engine: Engine, subjects: list[Subject]) -> list[RawArrays]:
    """Give an engine the boxes that the reference detects; return these with the engine's masks."""
    detected = [subject.reference.outputs for subject in subjects]
    index = np.repeat(np.arange(len(detected)), [len(one.scores) for one in detected])
    given = RawArrays(*map(np.concatenate, zip(*detected, strict=True)))._replace(image_index=index)
    rois = np.concatenate([index[:, None].astype(np.float32), given.boxes], 1)
    batch = _batch([subject.prepared for subject in subjects])
    masks = engine.run_rois(*batch, rois, given.labels)
    return split_batch(given._replace(masks=masks), len(subjects))


def _batch(images: list[Prepared]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    sizes = np.array([prepared.size for prepared in images], np.int64)
    return np.stack([prepared.image for prepared in images]), sizes


def split_batch(outputs: RawArrays, count: int) -> list[RawArrays]:
    """Return the detections of each image of a batch.

    Raises:
        GateFailed: they are not ordered by image, then by descending score.
    """
    index, scores = outputs.image_index, outputs.scores
    ordered = (np.diff(index) > 0) | ((np.diff(index) == 0) & ~(np.diff(scores) > 0))
    if not ordered.all() or not np.isin(index, range(count)).all():
        raise GateFailed(
            "the artifact must return its detections ordered by image and then by descending "
            f"score; it returned the images {sorted(set(index.tolist()))} of a batch of {count}, "
            "or another order; export it again"
        )
    return [_of_image(outputs, image) for image in range(count)]


def _of_image(outputs: RawArrays, image: int) -> RawArrays:
    chosen = outputs.image_index == image
    return outputs.map(lambda values: values[chosen])
