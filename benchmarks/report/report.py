"""The report: a page with pictures of the models side by side, and all figures about them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refinemask.benchmarks.latency.targets import parse_target
from refinemask.benchmarks.report import page, sections
from refinemask.benchmarks.report.comparison import Comparison, compare
from refinemask.benchmarks.report.photos import Photo
from refinemask.benchmarks.report.pictures import SCORE_THRESHOLD
from refinemask.configs.config import ModelConfig
from refinemask.engines import Engine
from refinemask.errors import RefineMaskError
from refinemask.evaluation.metric_names import KINDS, METRICS
from refinemask.files import write_text
from refinemask.inference.images import load_image


@dataclass(frozen=True)
class Subject:
    """One of the models whose pictures the report shows."""

    name: str
    """What the report calls it; figures of parity go by the same name."""
    engine: Engine
    file: Path
    parameters: int | None = None
    """The number of its weights; None where nobody counted them."""


@dataclass(frozen=True)
class Report:
    """What a report is made of."""

    title: str
    subjects: Sequence[Subject]
    """The models in the pictures; the others are compared with the first."""
    photos: Sequence[Photo]
    comparisons: Sequence[Comparison]
    """What the subjects found, for each photo."""
    latency: Mapping[str, Any]
    """The result of `bench`."""
    parity: Mapping[str, Mapping[str, Any]]
    """Figures of the parity gate by artifact, as `ParityReport.to_dict` gives them."""
    accuracy: Mapping[str, Mapping[str, Any]]
    """Results of `evaluate` by name."""
    setup: Mapping[str, Any]
    """What `refinemask.environment.measurement_setup` returned."""


def compare_photos(subjects: Sequence[Subject], photos: Sequence[Photo]) -> list[Comparison]:
    """Run the models on each photograph and draw what they find."""
    engines = [subject.engine for subject in subjects]
    return [compare(engines, load_image(photo.path)) for photo in photos]


def report_on(
    title: str,
    result: Mapping[str, Any],
    photos: Sequence[Photo],
    accuracy: Mapping[str, Mapping[str, Any]],
    setup: Mapping[str, Any],
) -> Report:
    """Gather a report on what `bench` has measured.

    Args:
        title: the heading.
        result: the result of `bench`; its targets are opened again.
        photos: what to show.
        accuracy: see `Report`, as `setup`.
        setup: the machine and the command.

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
        # What an artifact carries was measured when it was exported.
        parity={
            one.name: one.engine.metadata.parity for one in subjects if one.engine.metadata.parity
        },
        accuracy=accuracy,
        setup=setup,
    )


def write_report(output: Path, report: Report) -> None:
    """Write the page, one HTML file that needs no other.

    Raises:
        RefineMaskError: `output` cannot be written.
    """
    names = [subject.name for subject in report.subjects]
    body = [
        page.heading(report.title),
        page.paragraph(summary(report), "lead"),
        sections.pictures(names, report.photos, report.comparisons),
        sections.agreement(names, report.photos, report.comparisons),
        sections.latency(report.latency),
        sections.parity(report.parity),
        sections.accuracy(report.accuracy),
        _models(report.subjects),
        sections.photographs(report.photos),
        sections.setup(report.setup),
    ]
    write_text(output, page.document(report.title, [part for part in body if part]))


def read_evaluation(path: Path) -> dict[str, Any]:
    """Read what `refinemask eval --json` wrote.

    Raises:
        RefineMaskError: it cannot be read, or is something else.
    """
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        complete = all(metric in result[kind] for kind in KINDS for metric in METRICS)
        if complete and isinstance(result["images"], int):
            return result
    except OSError as error:
        raise RefineMaskError(f"cannot read {path}: {error.strerror}; check the path") from error
    except (ValueError, KeyError, TypeError):
        pass
    raise RefineMaskError(
        f"{path} is not a result of an evaluation; write one with refinemask eval --json {path}"
    )


def summary(report: Report) -> str:
    """Say what came out, in one paragraph of text."""
    photos = len(report.comparisons)
    totals = [
        sum(counts) for counts in zip(*(one.found for one in report.comparisons), strict=True)
    ]
    found = _join(
        [f"{one.name} detects {count}" for one, count in zip(report.subjects, totals, strict=True)]
    )
    sentences = [
        f"On {photos} {'photograph' if photos == 1 else 'photographs'}, with scores from "
        f"{SCORE_THRESHOLD}, {found}."
    ]
    shared = sum(one.shared for one in report.comparisons)
    if len(report.subjects) > 1 and shared:
        masks = sections.mean([iou for one in report.comparisons for iou in one.mask_ious])
        outlines = sections.mean([iou for one in report.comparisons for iou in one.boundary_ious])
        sentences.append(
            f"They share {shared}, whose masks overlap with a mean IoU of {masks}, and whose "
            f"boundaries with {outlines}."
        )
    first, *others = report.latency["artifacts"]
    sentences.append(
        f"From a decoded image to its masks {first['name']} takes "
        f"{first['end_to_end']['median']:.0f} ms (median)"
        + (", " if others else "")
        + _join([f"{one['name']} {one['ratio']:.2f} times as long" for one in others])
        + "."
    )
    if report.parity:
        failed = [name for name, figures in report.parity.items() if not figures["passed"]]
        sentences.append(
            f"Parity with PyTorch failed for {_join(failed)}."
            if failed
            else f"Parity with PyTorch holds for {_join(list(report.parity))}."
        )
    return " ".join(sentences)


def _models(subjects: Sequence[Subject]) -> str:
    rows = []
    for subject in subjects:
        metadata = subject.engine.metadata
        config = ModelConfig.from_dict(metadata.config)
        parameters = subject.parameters
        classes = ", ".join(metadata.class_names[:5])
        more = len(metadata.class_names) - 5
        rows.append(
            [
                subject.name,
                metadata.preset,
                metadata.weights,
                classes + (f" and {more} more" if more > 0 else ""),
                f"{metadata.form}, {metadata.precision}",
                f"{config.input.short_side} / {config.input.long_side}",
                f"{config.mask_head.mask_size}²",
                "–" if parameters is None else f"{parameters / 1e6:.2f} M",
                f"{subject.file.stat().st_size / 1e6:.1f} MB",
            ]
        )
    head = ["Model", "Preset", "Weights", "Classes", "Form", "Input, px", "Mask, px"]
    return page.section("Models", page.table([*head, "Parameters", "File"], rows, 5))


def _join(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
