"""What programs print, and what happens where it cannot be printed."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from refinemask.console import exit_on_error, write_result
from refinemask.errors import RefineMaskError

PROGRAM = """
import logging
from refinemask.commands import new_program
from refinemask.console import note, progress_bar, write_result

def work(json: str | None = None) -> None:
    with progress_bar("images") as advance:
        for number in range(1, 100):
            note("a \\x1b[2J note")
            logging.getLogger("refinemask.test").warning("a \\x1b[2J warning")
            advance(number, 99)
    open("done", "w").close()
    write_result("a \\x1b[31m table", {"name": "\\x1b[2J"}, json)

new_program(work=work)()
"""


def run(folder: Path, redirection: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run the program in a shell, with its output redirected."""
    command = 'exec "$0" -c "$1" "${@:2}" ' + redirection
    return subprocess.run(
        ["bash", "-c", command, sys.executable, PROGRAM, *options],
        cwd=folder,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(Path(__file__).parents[1]), "PATH": "/usr/bin:/bin"},
    )


@pytest.mark.parametrize("redirection", ["2> /dev/full", "2>&-", "2> >(exec true)"])
def test_progress_that_cannot_be_shown_does_not_end_the_work(
    tmp_path: Path, redirection: str
) -> None:
    done = run(tmp_path, redirection)
    assert (done.returncode, done.stdout) == (0, "a \\x1b[31m table\n")
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize(
    ("redirection", "reason"),
    [
        (">&-", "standard output is closed"),
        ("> /dev/full", "No space left on device"),
        ("> >(exec true)", "Broken pipe"),
    ],
)
@pytest.mark.parametrize("options", [(), ("--json", "-")])
def test_a_result_that_cannot_be_printed_is_an_error(
    tmp_path: Path, redirection: str, reason: str, options: tuple[str, ...]
) -> None:
    done = run(tmp_path, redirection, *options)
    assert done.returncode == 1
    assert reason in done.stderr.splitlines()[-1]


def test_names_do_not_steer_the_terminal(tmp_path: Path) -> None:
    done = run(tmp_path, "", "--json", "-")
    assert done.returncode == 0
    assert r"a \x1b[2J note" in done.stderr and r"a \x1b[2J warning" in done.stderr
    assert "\x1b[2J" not in done.stdout + done.stderr
    assert json.loads(done.stdout)["name"] == "\x1b[2J"


def test_an_error_is_one_line_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    @exit_on_error
    def command() -> None:
        logging.getLogger("refinemask").warning("a\nwrote it")
        raise RefineMaskError("no image a\nwrote model.onnx\tb")

    with pytest.raises(typer.Exit):
        command()
    assert (
        capsys.readouterr().err
        == r"""a\nwrote it
error: no image a\nwrote model.onnx\tb
"""
    )


@pytest.mark.parametrize("items", [[], [{"a": 1}], [1, 2, 3]])
def test_an_iterator_becomes_a_list(tmp_path: Path, items: list[object]) -> None:
    write_result("a table", iter(items), str(tmp_path / "a"))
    write_result("a table", items, str(tmp_path / "b"))
    assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text() == json.dumps(items) + "\n"


def test_the_table_is_printed_where_the_file_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RefineMaskError, match="which JSON cannot hold"):
        write_result("a table", [float("inf")], str(tmp_path / "result.json"))
    assert capsys.readouterr().out == "a table\n"
    assert list(tmp_path.iterdir()) == []
