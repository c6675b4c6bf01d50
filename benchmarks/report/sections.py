"""The sections of the report, each from its own figures; HTML, empty where there are none."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from refinemask.benchmarks.latency.bench import PHASES, STATISTICS
from refinemask.benchmarks.report.comparison import Comparison
from refinemask.benchmarks.report.page import bars, figures, paragraph, section, subheading, table
from refinemask.benchmarks.report.photos import Photo
from refinemask.benchmarks.report.pictures import SCORE_THRESHOLD
from refinemask.evaluation.metric_names import KINDS, METRICS
from refinemask.export.parity import GATE


def pictures(
    names: Sequence[str], photos: Sequence[Photo], comparisons: Sequence[Comparison]
) -> str:
    """Show each photograph with the detections of each model, and a region of it enlarged."""
    note = (
        f"Detections from a score of {SCORE_THRESHOLD}. Framed in white and enlarged below, "
        "alone: a part of the object that all models detect and the first is surest of, where "
        "their masks differ most along visible edges. So it shows them at their most different."
    )
    parts = [paragraph(note, "note")]
    empty = []
    for photo, comparison in zip(photos, comparisons, strict=True):
        if not any(comparison.found):
            empty.append((comparison.pictures[0], photo.title))
            continue
        counts = [
            f"{name}: {count} {'detection' if count == 1 else 'detections'}"
            for name, count in zip(names, comparison.found, strict=True)
        ]
        parts += [subheading(photo.title), figures(comparison.pictures, counts)]
        if comparison.zooms:
            parts.append(figures(comparison.zooms, ["Photograph", *names]))
    if empty:
        parts += [subheading("Nothing found"), figures(*zip(*empty, strict=True))]
    return section("Pictures", *parts)


def agreement(
    names: Sequence[str], photos: Sequence[Photo], comparisons: Sequence[Comparison]
) -> str:
    """Tabulate how alike the masks of the models are on each photograph."""
    if len(names) < 2:
        return ""
    rows = [
        [
            photo.title,
            *map(str, one.found),
            str(one.shared),
            mean(one.mask_ious),
            mean(one.boundary_ious),
        ]
        for photo, one in zip(photos, comparisons, strict=True)
    ]
    note = (
        "An object is shared if every model detects it as the same class, with masks that "
        f"overlap with those of {names[0]} by an IoU of at least 0.5. Boundary IoU compares only "
        "the strip along the outline, 2 % of the image diagonal wide. This is agreement between "
        "models, not accuracy."
    )
    head = ["Photograph", *names, "Shared", "Mask IoU", "Boundary IoU"]
    return section("Agreement", table(head, rows), paragraph(note, "note"))


def latency(result: Mapping[str, Any]) -> str:
    """Show the result of `bench`."""
    entries = result["artifacts"]
    names = [entry["name"] for entry in entries]
    parts = PHASES[:3]
    medians = [[one[part]["median"] for part in parts] for one in entries]
    labels = [f"{one['end_to_end']['median']:.1f} ms" for one in entries]
    chart = bars(names, parts, medians, labels)
    rows = [
        [
            entry["name"],
            entry["weights"],
            *(f"{entry['end_to_end'][name]:.1f}" for name in STATISTICS),
            f"{entry['throughput']:.2f}",
            f"{entry['ratio']:.2f}",
            f"{entry['peak_memory_bytes'] / 2**20:.0f}",
        ]
        for entry in entries
    ]
    head = ["End to end, ms", "Weights", *STATISTICS, "images/s", "ratio", "peak MiB"]
    threads = result["threads"] or "as the runtime chooses"
    note = (
        f"Measured runs of each: {result['iterations']} over {result['images']} photographs, in "
        f"turn in one process, after {result['warm_up']} to warm up; device: {result['device']}; "
        f"threads: {threads}; load average before: {result['load_average']:.2f}. One image at a "
        "time, from the decoded image to run-length encoded masks in its own pixels; decoding is "
        "not measured. Bars and ratio are of medians. Peak memory is that of a process which does "
        "nothing else, with Python and all libraries."
    )
    return section("Speed", chart, table(head, rows, 2), paragraph(note, "note"))


def parity(reports: Mapping[str, Mapping[str, Any]]) -> str:
    """Tabulate the parity gate, by artifact."""
    if not reports:
        return ""
    rows = [
        [title, "", *(str(report[name]) for report in reports.values())]
        for name, title in (("images", "images"), ("detections", "detections compared"))
    ]
    rows += [
        [
            figure.title,
            figure.limit.replace("<=", "≤").replace(">=", "≥"),
            *(_number(report[figure.name]) for report in reports.values()),
        ]
        for figure in GATE
    ]
    verdicts = ["passed" if report["passed"] else "FAILED" for report in reports.values()]
    rows.append(["verdict", "", *verdicts])
    note = (
        "Each artifact against its PyTorch model on the same resized images. Differences are the "
        "largest of any detection; those of boxes are in pixels of the resized image."
    )
    head = ["Figure", "Allowed", *reports]
    return section("Parity with PyTorch", table(head, rows), paragraph(note, "note"))


def accuracy(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Tabulate the results of `evaluate`, by name."""
    rows = [
        [name, kind, *(_metric(result[kind][metric]) for metric in METRICS)]
        for kind in KINDS
        for name, result in results.items()
    ]
    if not rows:
        return ""
    commands = [
        f"{name}: {result['images']} images"
        + (f", {result['setup']['command']}" if "setup" in result else "")
        for name, result in results.items()
    ]
    return section(
        "Accuracy",
        table(["Result", "Of", *METRICS], rows, 2),
        *(paragraph(command, "note") for command in commands),
    )


def photographs(photos: Sequence[Photo]) -> str:
    """List where the photographs come from."""
    rows = [[photo.title, photo.source, photo.licence] for photo in photos]
    if not any(photo.source for photo in photos):
        return ""
    return section("Photographs", table(["Title", "From", "Licence"], rows, 3))


def setup(values: Mapping[str, Any]) -> str:
    """Show the versions and the machine, see `refinemask.environment.measurement_setup`."""
    machine = values["machine"]
    rows = [
        ["Command", values["command"]],
        ["Processor", f"{machine['processor']}, {machine['cores']} cores"],
        ["Memory", f"{machine['memory_bytes'] / 2**30:.1f} GiB"],
        ["GPU", ", ".join(machine["gpus"]) or "none"],
        ["System", machine["system"]],
        ["Versions", ", ".join(f"{name} {text}" for name, text in values["versions"].items())],
    ]
    return section("Setup", table(["", ""], rows, 2))


def mean(values: Sequence[float]) -> str:
    """Return the mean as text, a dash of nothing."""
    return f"{np.mean(values):.3f}" if values else "–"


def _metric(value: float) -> str:
    return f"{value:.3f}" if value >= 0 else "–"


def _number(value: float | None) -> str:
    if value is None:
        return "not finite"
    # Differences near 0 need few digits, shares near 1 many.
    return f"{value:.2g}" if abs(value) < 0.5 else f"{value:.6g}"
