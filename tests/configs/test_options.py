"""Options dataclasses: help texts, flags and limits."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from refinemask.benchmarks.figure1.deeplab_training.options import DeepLabOptions
from refinemask.benchmarks.latency.options import BenchOptions
from refinemask.cli.selection import PredictorChoice
from refinemask.configs.options import Option, check_options, option_fields, read_names
from refinemask.errors import WrongUsage
from refinemask.evaluation.options import EvalOptions
from refinemask.export.options import ExportOptions
from refinemask.inference.options import PredictOptions
from refinemask.training.options import TrainOptions


@dataclass(frozen=True)
class Drawing:
    """Options to test with."""

    width: Annotated[int, Option(min=32, max=2048, multiple_of=32)] = 64
    """Width of the drawing, see `line_width`
    and `draw`."""
    line_width: Annotated[float | None, Option(above=0)] = None
    """Width of lines."""
    opacity: Annotated[float, Option(above=0, below=1)] = 0.5
    """How much of the drawing covers the picture."""
    style: Literal["plain", "bold"] = "plain"
    """Style."""
    font: Annotated[str, Option(choices=("serif", "sans"))] = "serif"
    """Font."""

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True)
class Colored(Drawing):
    """More options, which refer to those above."""

    colors: Annotated[tuple[str, ...], Option(flag="--color")] = ()
    """Colours, beside `style`; not `colors`."""


def test_fields_have_flags_types_and_help() -> None:
    width, line_width, *_ = option_fields(Drawing)
    assert (width.flag, width.type, width.optional, width.default) == ("--width", int, False, 64)
    assert width.help == "Width of the drawing, see --line-width and draw."
    assert (line_width.flag, line_width.type, line_width.optional) == ("--line-width", float, True)


def test_inherited_fields_come_first() -> None:
    *inherited, last = option_fields(Colored)
    assert [field.name for field in inherited] == [f.name for f in dataclasses.fields(Drawing)]
    assert inherited[0].help.startswith("Width of the drawing")
    assert (last.flag, last.help) == ("--color", "Colours, beside --style; not --color.")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 100}, "--width must be a multiple of 32 and between 32 and 2048, got 100"),
        ({"width": 0}, "--width must be .*, got 0"),
        ({"width": 4096}, "--width must be .*, got 4096"),
        ({"line_width": 0}, "--line-width must be > 0, got 0"),
        ({"line_width": float("nan")}, "--line-width must be > 0, got nan"),
        ({"line_width": float("inf")}, "--line-width must be > 0, got inf"),
        ({"opacity": 1}, "--opacity must be > 0 and < 1, got 1"),
        ({"style": "italic"}, "--style must be plain or bold, got 'italic'"),
        ({"font": "mono"}, "--font must be serif or sans, got 'mono'"),
    ],
)
def test_limits(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(WrongUsage, match=message):
        Drawing(**changes)


def test_values_within_the_limits() -> None:
    Drawing(width=32, opacity=0.99)
    Drawing(width=2048, line_width=1e-9, style="bold", font="sans")


def test_names_are_separated_by_commas() -> None:
    assert read_names("person, traffic light") == ("person", "traffic light")


@pytest.mark.parametrize(
    "options",
    [
        TrainOptions,
        EvalOptions,
        PredictOptions,
        ExportOptions,
        BenchOptions,
        DeepLabOptions,
        PredictorChoice,
    ],
)
def test_every_option_has_help(options: type) -> None:
    assert [field.name for field in option_fields(options) if not field.help] == []


def test_wrong_options_are_refused_by_the_api_too() -> None:
    with pytest.raises(WrongUsage, match="--height must be a multiple of 32 and between 32 and"):
        ExportOptions(height=100)
    with pytest.raises(WrongUsage, match=r"--form must be .* or static, got 'square'"):
        ExportOptions(form="square")
    with pytest.raises(WrongUsage, match="--max-detections must be >= 1, got 0"):
        PredictOptions(Path("drawn"), max_detections=0)
    with pytest.raises(WrongUsage, match="--limit must be >= 1, got 0"):
        EvalOptions("shapes", limit=0)
    with pytest.raises(WrongUsage, match="--resume requires --output DIR"):
        EvalOptions("shapes", resume=True)
