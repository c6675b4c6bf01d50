"""Verify an artifact: run it and its model on photographs, and compare."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from refinemask import engines
from refinemask.configs.config import ModelConfig
from refinemask.engines import Engine
from refinemask.errors import GateFailed, RefineMaskError
from refinemask.export.as_exported import as_exported
from refinemask.export.comparison import Comparison, compare
from refinemask.export.parity import ParityReport, check_decision, summarise
from refinemask.export.subjects import Progress, Subject, default_subjects, photographs
from refinemask.export.tensor_files import saved
from refinemask.inference.metadata import ArtifactMetadata
from refinemask.inference.processing import Prepared, of_image
from refinemask.inference.structures import RawArrays
from refinemask.models import Detector


def verify_artifact(
    artifact: Path,
    model: Detector,
    images: Iterable[Path] | None = None,
    *,
    runtime: str = "onnxruntime",
    device: str = "cpu",
    progress: Progress | None = None,
    save_tensors: Path | None = None,
) -> ParityReport:
    """Compare the detections of an artifact with those of the model it was exported from.

    Both get the same resized and padded images, of the size that the artifact takes, and an
    artifact that segments given boxes gets those that the model detects. Where the artifact has a
    fixed sampling ratio or adaptive depth, the model gets the same. The first two images of equal
    padded size are also run as one batch.

    Args:
        artifact: an ONNX file written by `export_model`.
        model: the reference, run in PyTorch.
        images: files to compare on; by default those of `default_subjects`.
        runtime: what runs the artifact, see `refinemask.engines.open`.
        device: where that runs; the model stays where it is.
        progress: called with the number of images done and their total.
        save_tensors: a folder to write the inputs and reference outputs of each image to, see
            `refinemask.export.tensor_files`; None writes nothing.

    Raises:
        GateFailed: the artifact returned images or an order that its contract does not allow.
        RefineMaskError: the artifact or an image cannot be read, the artifact is of another
            configuration, or the images decide nothing: the model detects too little in them, or
            too much of what it detects hangs on near ties.
    """
    engine = engines.open(artifact, runtime, device)
    check_model(artifact, engine.metadata, model)
    model = as_exported(model, engine.metadata)
    if images is None:
        subjects = default_subjects(model, engine, progress)
    else:
        subjects = photographs(model, engine, list(images), progress)
    if save_tensors is not None:
        subjects = saved(subjects, save_tensors, model, engine.metadata)
    comparisons = list(compare_subjects(engine, subjects))
    report = summarise(comparisons, engine.metadata.precision)
    check_decision(report, comparisons)
    return report


def check_model(artifact: Path, metadata: ArtifactMetadata, model: Detector) -> None:
    """Raise RefineMaskError unless an artifact has the configuration of a model."""
    if ModelConfig.from_dict(metadata.config) != model.config:
        raise RefineMaskError(
            f"{artifact} was exported from a {metadata.preset} of {len(metadata.class_names)} "
            f"classes, and its configuration differs from that of the model, a "
            f"{model.config.preset} of {model.config.num_classes}; verify it against its own model"
        )


def compare_subjects(engine: Engine, subjects: Iterable[Subject]) -> Iterator[Comparison]:
    """Compare each image, and the first two of equal padded size as a batch as well."""
    for batch in batches(subjects, engine.metadata.input_limits.batch):
        for one, outputs in zip(batch, run_subjects(engine, batch), strict=True):
            yield compare(
                one.reference,
                outputs,
                one.prepared,
                one.name,
                batched=len(batch) > 1,
                precision=engine.metadata.precision,
            )


def batches(subjects: Iterable[Subject], limit: int | None) -> Iterator[list[Subject]]:
    """Yield each image alone, and the first two of equal padded size once more together.

    Args:
        subjects: the images.
        limit: the fixed batch size of the artifact, None if it is dynamic.
    """
    waiting: dict[tuple[int, ...], Subject] = {}
    batched = limit == 1  # no room for two
    for subject in subjects:
        yield [subject]
        other = waiting.setdefault(subject.prepared.image.shape, subject)
        if other is not subject and not batched:
            batched = True
            yield [other, subject]


def run_subjects(engine: Engine, subjects: list[Subject]) -> list[RawArrays]:
    """Run images of equal padded size as one batch, and return what the engine returns of each."""
    if engine.metadata.outputs == "masks":
        return run_boxes(engine, subjects)
    return run_batch(engine, [subject.prepared for subject in subjects])


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
    return [of_image(outputs, image) for image in range(count)]
