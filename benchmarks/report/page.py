"""The page of the report, rendered from `templates/`: one HTML file that fetches nothing."""

import base64
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import cv2
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from refinemask.benchmarks.latency.figures import STATISTICS
from refinemask.benchmarks.report.agreement import MATCH_IOU
from refinemask.benchmarks.report.charts import accuracy_chart, latency_chart
from refinemask.benchmarks.report.comparison import Comparison
from refinemask.benchmarks.report.contents import Report
from refinemask.benchmarks.report.pictures import SCORE_THRESHOLD
from refinemask.benchmarks.report.summary import format_mean, summarise
from refinemask.configs.config import ModelConfig
from refinemask.configs.precisions import Precision
from refinemask.evaluation.metric_names import KINDS, METRICS
from refinemask.export.parity import gate
from refinemask.inference.drawing import Image
from refinemask.printable import printable

_JPEG_QUALITY = 88


def render(report: Report) -> str:
    """Return the page as HTML; every text in it is escaped."""
    names = [subject.name for subject in report.subjects]
    compared = list(zip(report.photos, report.comparisons, strict=True))
    metadata = [subject.engine.metadata for subject in report.subjects]
    configs = [ModelConfig.from_dict(one.config) for one in metadata]

    def captions(comparison: Comparison) -> list[str]:
        return [
            f"{name}: {count} {'detection' if count == 1 else 'detections'}"
            for name, count in zip(names, comparison.found, strict=True)
        ]

    page = load_template("report").render(
        report=report,
        summary=summarise(report),
        names=names,
        detected=[pair for pair in compared if any(pair[1].found)],
        empty=[pair for pair in compared if not any(pair[1].found)],
        captions=captions,
        models=list(zip(report.subjects, metadata, configs, strict=True)),
        latency_chart=latency_chart(report.latency["artifacts"]),
        accuracy_chart=accuracy_chart(report.accuracy),
        parity_rows=_parity_rows(
            list(report.parity.values()), [one.precision for one in metadata if one.parity]
        ),
        score_threshold=SCORE_THRESHOLD,
        match_iou=MATCH_IOU,
        statistics=list(STATISTICS),
        kinds=KINDS,
        metrics=list(METRICS),
    )
    # Names of files need not be UTF-8.
    return printable(str(page))


def load_template(name: str) -> Any:
    """Return a page of `templates/`."""
    environment = Environment(
        loader=PackageLoader("refinemask.benchmarks.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"data_uri": _data_uri, "mean": format_mean}
    return environment.get_template(f"{name}.html.jinja")


def _parity_rows(
    reports: Sequence[Mapping[str, Any]], precisions: Sequence[Precision]
) -> list[tuple[str, str, list[str]]]:
    """Return title, limit and the values of each report for every figure of its gate."""
    rows = [
        (title, "", [str(report[name]) for report in reports])
        for name, title in (("images", "images"), ("detections", "detections compared"))
    ]
    gates = [gate(precision) for precision in precisions]
    for figure in dict.fromkeys(chain(*gates)):
        limit = figure.limit.replace("<=", "≤").replace(">=", "≥")
        values = [
            _format_number(report[figure.name]) if figure in own else "–"
            for report, own in zip(reports, gates, strict=True)
        ]
        rows.append((figure.title, limit, values))
    verdicts = ["passed" if report["passed"] else "FAILED" for report in reports]
    return [*rows, ("verdict", "", verdicts)]


def _format_number(value: float | None) -> str:
    if value is None:
        return "not finite"
    # Differences near 0 need few digits, shares near 1 many.
    return f"{value:.2g}" if abs(value) < 0.5 else f"{value:.6g}"


def _data_uri(image: Image) -> str:
    bgr = np.ascontiguousarray(image[..., ::-1])
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")
