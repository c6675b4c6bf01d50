"""Charts of reports, as SVG to put into the page."""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from refinemask.benchmarks.latency.interleave import PHASES
from refinemask.evaluation.metric_names import KINDS

COLOURS = ("#3b78c9", "#e0a030", "#4f9d76", "#b5568f", "#7a6fd0", "#8a8f98")
"""Readable on light and on dark pages."""

_WIDTH, _ROW, _LEGEND = 5.4, 0.5, 0.35
"""Inches: of a chart, and the height of a bar with its title and of the legend."""
_PLOT, _LEGEND_ROW = 2.9, 0.21
"""Inches of a plot without its legend, and of a row of that."""
_GREY = COLOURS[-1]
_LABEL_SHARE = 0.16
"""Part of the width that is kept for the labels behind the bars."""


@dataclass(frozen=True)
class Bar:
    """A horizontal bar."""

    title: str
    """Stands above the bar."""
    parts: Sequence[tuple[float, str]]
    """Length and colour of each part, from left to right."""
    label: str
    """Stands behind the bar."""


def latency_chart(entries: Sequence[Mapping[str, Any]]) -> Markup:
    """Draw the median of each phase, one bar for each target.

    Args:
        entries: the `artifacts` of the result of `bench`.
    """
    colours = dict(zip(PHASES[:3], COLOURS, strict=False))
    bars = [
        Bar(
            entry["name"],
            [(entry[phase]["median"], colour) for phase, colour in colours.items()],
            f"{entry['end_to_end']['median']:.0f} ms",
        )
        for entry in entries
    ]
    return draw_bars(bars, colours)


def accuracy_chart(results: Mapping[str, Mapping[str, Any]]) -> Markup:
    """Draw the box, mask and boundary AP of each result; AP that is undefined has no bar.

    Args:
        results: results of `evaluate` by name.
    """
    bars = [
        Bar(f"{name}: {kind} AP", [(result[kind]["AP"], colour)], f"{result[kind]['AP']:.3f}")
        for kind in KINDS
        for (name, result), colour in zip(results.items(), COLOURS * len(results), strict=False)
        if result[kind]["AP"] >= 0
    ]
    return draw_bars(bars) if bars else Markup()


def draw_bars(bars: Sequence[Bar], legend: Mapping[str, str] | None = None) -> Markup:
    """Draw horizontal bars, each with a title above it and a label at its end.

    Args:
        bars: at least one, from top to bottom.
        legend: the colour of each kind of part; None draws no legend.
    """
    legend_height = _LEGEND if legend else 0
    height = legend_height + _ROW * len(bars)
    figure = Figure(figsize=(_WIDTH, height), facecolor="none")
    axes = figure.add_axes((0, 0, 1 - _LABEL_SHARE, 1 - legend_height / height))
    axes.set_axis_off()
    axes.set_xlim(0, max(sum(length for length, _ in bar.parts) for bar in bars) or 1)
    axes.set_ylim(len(bars), 0)
    for row, bar in enumerate(bars):
        end = 0.0
        for length, colour in bar.parts:
            axes.barh(row + 0.74, length, 0.36, end, color=colour, clip_on=False)
            end += length
        axes.annotate(
            bar.label, (end, row + 0.74), (6, 0), textcoords="offset points", va="center_baseline"
        )
        # Names of files are not formulas, whatever dollars they contain.
        axes.text(0, row + 0.4, bar.title, va="baseline", parse_math=False)
    if legend:
        figure.legend(
            handles=[Patch(color=colour, label=name) for name, colour in legend.items()],
            loc="upper left",
            bbox_to_anchor=(0, 1),
            ncols=len(legend),
            frameon=False,
            borderpad=0,
            borderaxespad=0,
            handlelength=1,
        )
    return _svg(figure)


@dataclass(frozen=True)
class Line:
    """A curve, or a single point."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: str
    dashed: bool = False


def draw_lines(lines: Sequence[Line], horizontal: str, vertical: str) -> Markup:
    """Draw curves, or points, from the origin on, with their names below.

    Args:
        lines: at least one.
        horizontal: what the first numbers of points are, with their unit.
        vertical: what the second ones are.
    """
    legend_height = len(lines) * _LEGEND_ROW
    height = _PLOT + legend_height
    figure = Figure(figsize=(_WIDTH, height), facecolor="none")
    bottom = (legend_height + 0.5) / height
    axes = figure.add_axes((0.1, bottom, 0.88, 1 - 0.25 / height - bottom))
    axes.set_facecolor("none")
    for line in lines:
        across, up = zip(*line.points, strict=True)
        style = "--" if line.dashed else "-"
        axes.plot(across, up, style, color=line.colour, marker="o", markersize=4, label=line.name)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(horizontal)
    axes.set_title(vertical, loc="left", fontsize="medium")
    axes.grid(color=_GREY, alpha=0.3)
    axes.tick_params(color=_GREY)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(_GREY)
    figure.legend(
        loc="lower left",
        bbox_to_anchor=(0, 0),
        frameon=False,
        borderpad=0,
        borderaxespad=0,
        labelspacing=0.3,
    )
    return _svg(figure)


def _svg(figure: Figure) -> Markup:
    buffer = io.StringIO()
    metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with rc_context({"svg.fonttype": "none"}):
        FigureCanvasSVG(figure).print_svg(buffer, metadata=metadata)
    text = buffer.getvalue()
    return Markup(_without_clashes(text[text.index("<svg") :]))


def _without_clashes(svg: str) -> str:
    """Drop the namespaces, which HTML needs not, and ids that could repeat between charts.

    Nothing refers to those of bars; those that are referred to, of markers and clipped areas, are
    made of the content by Matplotlib, so that equal ones are equal.
    """
    used = set(re.findall(r'(?:xlink:href="|url\()#([^")]+)', svg))

    def kept(match: re.Match[str]) -> str:
        return match[0] if match[1] in used else ""

    return re.sub(r' id="([^"]*)"', kept, re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg))
