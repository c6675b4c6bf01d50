"""Command lines that are made from options dataclasses."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer
from typer.testing import CliRunner, Result

from refinemask.commands import Given, as_command
from refinemask.configs.options import Option, read_names


@dataclass(frozen=True)
class Options:
    """Options to test with."""

    sources: Annotated[tuple[Path, ...], Option(flag="--source", metavar="DIR")]
    """Where from; may be repeated."""
    count: Annotated[int, Option(min=1, max=9)] = 3
    """How many."""
    names: Annotated[tuple[str, ...] | None, Option(metavar="A,B", read=read_names)] = None
    """Which."""
    also: Annotated[tuple[str, ...], Option(metavar="NAME")] = ()
    """And these."""
    kind: Literal["a", "b"] = "a"
    """What kind."""
    fast: bool = False
    """Hurry."""


def invoke(function: Any, *arguments: str) -> Result:
    app = typer.Typer(rich_markup_mode=None)
    app.command()(as_command(function))
    return CliRunner().invoke(app, arguments)


def test_fields_are_flags() -> None:
    found = []

    def command(options: Options, note: Annotated[str, typer.Option()] = "none") -> None:
        found.append((options, note))

    done = invoke(command, "--source", "x")
    assert done.exit_code == 0, done.output
    given = "--source x --source y --count 4 --also p --also q --kind b --fast --note n"
    done = invoke(command, *given.split(), "--names", "one, two")
    assert done.exit_code == 0, done.output
    assert found == [
        (Options((Path("x"),)), "none"),
        (Options((Path("x"), Path("y")), 4, ("one", "two"), ("p", "q"), "b", True), "n"),
    ]


@dataclass(frozen=True)
class More:
    """Options that share one with the others."""

    count: int = 7
    """Not shown."""
    more: bool = False
    """More."""


def test_a_field_of_two_dataclasses_is_one_flag() -> None:
    found = []

    def command(options: Options, others: More) -> None:
        found.append((options.count, others))

    done = invoke(command, "--source", "x", "--count", "5", "--more")
    assert done.exit_code == 0, done.output
    assert found == [(5, More(5, True))]


def test_help_shows_what_the_fields_say() -> None:
    def command(options: Options) -> None:
        """Do it."""

    lines = [" ".join(line.split()) for line in invoke(command, "--help").stdout.splitlines()]
    assert "Do it." in lines
    assert "--source DIR Where from; may be repeated. [required]" in lines
    assert "--count <int range> How many. [default: 3; 1<=x<=9]" in lines
    assert "--names A,B Which." in lines
    assert "--fast Hurry." in lines


@pytest.mark.parametrize(
    "arguments", ["", "--source x --count 0", "--source x --kind c", "--source x --slow"]
)
def test_wrong_usage_exits_with_2(arguments: str) -> None:
    def command(options: Options) -> None: ...

    done = invoke(command, *arguments.split())
    assert (done.exit_code, done.stdout) == (2, "")


def test_only_what_was_given() -> None:
    found = []

    def command(options: Given[Options]) -> None:
        found.append(options.values)

    assert invoke(command, "--source", "x", "--count", "3").exit_code == 0
    assert found == [{"sources": (Path("x"),), "count": 3}]


def test_a_parameter_of_the_command_replaces_a_field() -> None:
    found = []

    def command(
        options: Given[Options],
        kind: Annotated[str, Option(choices=("z", "y"), help="Another kind.")] = "z",
        names: Annotated[tuple[str, ...], Option(read=read_names)] = ("p", "q"),
    ) -> None:
        found.append((options.values, kind, names))

    assert invoke(command, "--source", "x", "--kind", "a").exit_code == 2
    assert invoke(command, "--source", "x", "--kind", "y", "--names", "r").exit_code == 0
    assert invoke(command, "--source", "x").exit_code == 0
    sources = {"sources": (Path("x"),)}
    assert found == [(sources, "y", ("r",)), (sources, "z", ("p", "q"))]
