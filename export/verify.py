"""Verify an artifact: run it and its model on photographs, and compare."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from refinemask import engines
from refinemask.configs.config import ModelConfig
from refinemask.engines import Engine
from refinemask.engines.torch import TorchEngine
from refinemask.errors import RefineMaskError
from refinemask.export.parity import (
    MIN_DETECTIONS,
    Comparison,
    ParityReport,
    compare,
    summarise,
)
from refinemask.export.photographs import shipped_photographs
from refinemask.inference.images import load_image
from refinemask.models import Detector


def verify_artifact(
    artifact: Path,
    model: Detector,
    images: Iterable[Path],
    *,
    runtime: str = "onnxruntime",
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> ParityReport:
    """Compare the detections of an artifact with those of the model it was exported from.

    Both get the same resized and padded images, of the size that the artifact takes.

    Args:
        artifact: an ONNX file written by `export_model`.
        model: the reference, run in PyTorch.
        images: files to compare on.
        runtime: what runs the artifact, see `refinemask.engines.open`.
        device: where that runs; the model stays where it is.
        progress: called with the number of images done and their total.

    Raises:
        RefineMaskError: the artifact or an image cannot be read, the artifact is of another
            configuration, or the model detects too little to decide anything.
    """
    engine = engines.open(artifact, runtime, device)
    if ModelConfig.from_dict(engine.metadata.config) != model.config:
        raise RefineMaskError(
            f"{artifact} was exported from a {engine.metadata.preset} of "
            f"{len(engine.class_names)} classes, and its configuration differs from that of the "
            f"model, a {model.config.preset} of {model.config.num_classes}; verify it against its "
            "own model"
        )
    paths = list(images)
    parts = []
    for comparison in compare_images(engine, model, paths):
        parts.append(comparison)
        if progress is not None:
            progress(len(parts), len(paths))
    return summarise(parts)


def verify_on_photographs(
    artifact: Path, model: Detector, *, retry: bool, say: Callable[[str], None]
) -> ParityReport:
    """Compare in ONNX Runtime on the photographs that packages ship, until there is enough to see.

    Random networks amplify rounding: on some photographs PyTorch in float32 is further from PyTorch
    in float64 than the gate allows. A wrong graph fails on all of them, so for random weights one
    photograph that passes is what is asked.

    Args:
        artifact: an ONNX file written by `export_model`.
        model: the reference, run in PyTorch.
        retry: go on with other photographs where the gate failed; for weights nobody has trained.
        say: called with a line of text about every photograph that failed.

    Returns:
        The report that passed, or the first that failed.

    Raises:
        RefineMaskError: the model detects too little to decide anything.
    """
    engine, failed = engines.open(artifact), None
    parts: list[Comparison] = []
    for path in shipped_photographs():
        parts += compare_images(engine, model, [path])
        if sum(part.detections for part in parts) < MIN_DETECTIONS:
            continue
        report = summarise(parts)
        if report.passed or not retry:
            return report
        say(f"random weights amplify rounding beyond the gate on {path.name}; trying another image")
        failed, parts = failed or report, []
    return failed or summarise(parts)


def compare_images(engine: Engine, model: Detector, images: Iterable[Path]) -> Iterator[Comparison]:
    """Yield the comparison of each image file."""
    reference = TorchEngine(model)
    for path in images:
        prepared = engine.prepare(load_image(path))
        batch, sizes = prepared.image[None], np.array([prepared.size], np.int64)
        yield compare(reference.run(batch, sizes), engine.run(batch, sizes), prepared)
