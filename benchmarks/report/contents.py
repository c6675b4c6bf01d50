"""What a report contains: models, their detections in photographs, and all figures about them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refinemask.benchmarks.latency.options import BenchOptions
from refinemask.benchmarks.latency.targets import parse_target
from refinemask.benchmarks.report.comparison import Comparison, compare
from refinemask.engines import Engine
from refinemask.errors import RefineMaskError
from refinemask.evaluation.metric_names import KINDS, METRICS
from refinemask.export.parity import gate
from refinemask.inference.images import load_image
from refinemask.inference.photographs import Photo

_LARGEST_EVALUATION = 1 << 24
"""Bytes of the JSON of an evaluation that are read at most."""


@dataclass(frozen=True)
class Subject:
    """A model whose pictures the report shows."""

    name: str
    """Its name in the report, also of its parity figures."""
    engine: Engine
    file: Path
    parameters: int | None = None
    """Number of its weights; None if they have not been counted."""


@dataclass(frozen=True)
class Report:
    """The contents of a report."""

    title: str
    subjects: Sequence[Subject]
    """The models in the pictures; all are compared with the first."""
    photos: Sequence[Photo]
    comparisons: Sequence[Comparison]
    """The detections of the subjects, for each photo."""
    latency: Mapping[str, Any]
    """The result of `bench`."""
    parity: Mapping[str, Mapping[str, Any]]
    """Figures of the parity gate by artifact, as `ParityReport.to_dict` returns them."""
    accuracy: Mapping[str, Mapping[str, Any]]
    """Results of `evaluate` by name."""
    setup: Mapping[str, Any]
    """Machine, versions and command, see `refinemask.environment.measurement_setup`."""


def compare_photos(subjects: Sequence[Subject], photos: Sequence[Photo]) -> list[Comparison]:
    """Run the models on each photograph and draw their detections."""
    engines = [subject.engine for subject in subjects]
    return [compare(engines, load_image(photo.path)) for photo in photos]


def report_on(
    title: str,
    result: Mapping[str, Any],
    photos: Sequence[Photo],
    accuracy: Mapping[str, Mapping[str, Any]],
    setup: Mapping[str, Any],
) -> Report:
    """Collect the report on a result of `bench`.

    Args:
        title: the heading.
        result: the result of `bench`; its targets are opened again.
        photos: the photographs to show.
        accuracy: see `Report`.
        setup: see `Report`.

    Raises:
        RefineMaskError: a target or a photo cannot be read.
    """
    targets = [parse_target(one["target"], one["runtime"]) for one in result["artifacts"]]
    names = [one["name"] for one in result["artifacts"]]
    subjects = [
        Subject(name, target.open(result["device"], result["threads"]), target.file())
        for name, target in zip(names, targets, strict=True)
    ]
    return Report(
        title=title,
        subjects=subjects,
        photos=photos,
        comparisons=compare_photos(subjects, photos),
        latency=result,
        # Artifacts carry the figures of their export.
        parity={
            one.name: one.engine.metadata.parity for one in subjects if one.engine.metadata.parity
        },
        accuracy=accuracy,
        setup=setup,
    )


def check_inputs(options: BenchOptions, photos: Sequence[Photo]) -> None:
    """Check what a report is made of before minutes of measuring: targets, figures and photos.

    Raises:
        RefineMaskError: a target or a photo cannot be opened, or an artifact lacks a figure of the
            parity gate.
    """
    for text in options.targets:
        target = parse_target(text, options.runtime)
        metadata = target.open(options.device, options.threads).metadata
        figures = {figure.name for figure in gate(metadata.precision)}
        missing = {"images", "detections", *figures} - metadata.parity.keys()
        if metadata.parity and missing:
            raise RefineMaskError(
                f"{target.path} lacks the parity figures {', '.join(sorted(missing))}; export it "
                "again with refinemask-export"
            )
    for photo in photos:
        load_image(photo.path)


def read_evaluation(path: Path) -> dict[str, Any]:
    """Read a result of `refinemask eval --json`.

    Raises:
        RefineMaskError: it cannot be read or has another format.
    """
    try:
        if path.is_file() and path.stat().st_size <= _LARGEST_EVALUATION:
            result = json.loads(path.read_text(encoding="utf-8"))
            if _is_evaluation(result):
                return dict(result)
        elif not path.exists():
            raise RefineMaskError(f"cannot read {path}: it does not exist; check the path")
    except OSError as error:
        raise RefineMaskError(f"cannot read {path}: {error.strerror}; check the path") from error
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise RefineMaskError(
        f"{path} is not the result of an evaluation; write one with refinemask eval --json {path}"
    )


def _is_evaluation(result: Any) -> bool:
    """Return whether JSON has all that the page shows of an evaluation, as numbers and texts."""
    figures = [result[kind][metric] for kind in KINDS for metric in METRICS]
    return (
        type(result["images"]) is int
        and all(type(value) in (int, float) and -1 <= value <= 1 for value in figures)
        and ("setup" not in result or isinstance(result["setup"]["command"], str))
    )
