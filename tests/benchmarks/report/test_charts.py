"""The charts of the report: lengths of bars, and SVG that a page can contain."""

import re
from typing import Any

import pytest

pytest.importorskip("matplotlib")

from refinemask.benchmarks.latency.interleave import PHASES
from refinemask.benchmarks.report.charts import Bar, accuracy_chart, draw_bars, latency_chart
from refinemask.evaluation.metric_names import KINDS


def widths(svg: str, colour: str) -> list[float]:
    """Return the widths of the rectangles of a colour."""
    found = re.findall(r'<path d="M ([\d.]+) [\d.]+ *\nL ([\d.]+) [^"]*" style="fill: (#\w+)"', svg)
    return [float(right) - float(left) for left, right, fill in found if fill == colour]


def test_bars_are_as_long_as_their_parts() -> None:
    bars = [Bar("a", [(1, "#111111"), (3, "#222222")], "4"), Bar("b", [(2, "#111111")], "2")]
    svg = draw_bars(bars)
    short, long = widths(svg, "#111111")
    assert long == pytest.approx(2 * short)
    assert widths(svg, "#222222") == [pytest.approx(3 * short)]


def test_names_are_escaped_and_no_formulas() -> None:
    svg = draw_bars([Bar("<script>$x^2$", [(1, "#111111")], "& more")])
    assert re.findall(r">([^<>\s][^<>]*)</text>", svg) == ["&amp; more", "&lt;script&gt;$x^2$"]


def test_charts_refer_to_nothing() -> None:
    svg = draw_bars([Bar("a", [(1, "#111111")], "1")], {"part": "#111111"})
    assert svg.startswith("<svg") and svg.rstrip().endswith("</svg>")
    assert not re.search(r"url\(|href|http| id=", svg)


def test_latency_has_a_part_for_each_phase() -> None:
    medians = dict(zip(PHASES, (10, 20, 30, 60), strict=True))
    entry = {"name": "engine"} | {phase: {"median": value} for phase, value in medians.items()}
    svg = latency_chart([entry])
    assert all(f">{phase}</text>" in svg for phase in PHASES[:3])
    assert ">60 ms</text>" in svg


def test_undefined_accuracy_has_no_bar() -> None:
    result: dict[str, Any] = {kind: {"AP": 0.5} for kind in KINDS}
    result[KINDS[0]] = {"AP": -1.0}
    svg = accuracy_chart({"one": result})
    assert [f"one: {kind} AP" in svg for kind in KINDS] == [False, *[True] * (len(KINDS) - 1)]
    undefined: dict[str, Any] = {kind: {"AP": -1.0} for kind in KINDS}
    assert accuracy_chart({"one": undefined}) == ""
    assert accuracy_chart({}) == ""
