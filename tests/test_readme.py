"""Every command in the README is one that exists, with options that exist."""

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from refinemask.cli.main import app, export_app

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"


def code_blocks(languages: tuple[str, ...]) -> list[str]:
    """Return the fenced code blocks of the README in one of the languages."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", README.read_text(encoding="utf-8"), re.S | re.M)
    return [code for language, code in blocks if language in languages]


def commands() -> list[list[str]]:
    """Return the words of each shell command; lines of output have no `$ ` where others do."""
    found = []
    for block in code_blocks(("", "sh", "bash", "shell", "console")):
        lines = block.replace("\\\n", " ").splitlines()
        if any(line.startswith("$ ") for line in lines):
            lines = [line[2:] for line in lines if line.startswith("$ ")]
        for line in lines:
            found += split_commands(line)
    return found


def split_commands(line: str) -> list[list[str]]:
    """Split a shell line at pipes and the like; drop comments and variables set in front."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    commands: list[list[str]] = [[]]
    for word in words:
        if set(word) <= set("();<>|&"):
            commands.append([])
        elif commands[-1] or not re.fullmatch(r"\w+=.*", word):
            commands[-1].append(word)
    return [command for command in commands if command]


def ours() -> list[list[str]]:
    """Return those commands that this repository answers for."""
    names = ("refinemask", "refinemask-export", "make", "python", "python3")
    return [words for words in commands() if Path(words[0]).name in names]


def test_the_readme_shows_commands() -> None:
    shown = {Path(words[0]).name for words in ours()}
    assert {"refinemask", "refinemask-export", "make"} <= shown


@pytest.mark.parametrize("words", ours(), ids=shlex.join)
def test_command_exists(words: list[str]) -> None:
    program, *arguments = words
    program = Path(program).name
    if program == "make":
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
        assert set(arguments) <= set(targets)
        return
    if program in ("python", "python3"):
        assert arguments[:1] == ["-m"], "the README runs modules only"
        module, *arguments = arguments[1:]
        assert find_spec(module)
        if module not in ("refinemask", "refinemask.export"):
            return
        program = {"refinemask": "refinemask", "refinemask.export": "refinemask-export"}[module]
    program_app = app if program == "refinemask" else export_app
    assert_parses(program_app, arguments)


def assert_parses(app: typer.Typer, arguments: list[str]) -> None:
    """Parse `arguments` as the program does, and stop before anything runs."""
    command = typer.main.get_command(app)
    if app is app and arguments and not arguments[0].startswith("-"):
        name, *arguments = arguments
        command = command.commands[name]  # type: ignore[attr-defined]
    with CliRunner().isolation():  # --help prints
        try:
            command.make_context("refinemask", arguments)
        except typer.Exit as done:
            assert done.exit_code == 0


def test_links_lead_to_files() -> None:
    text = README.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)", text) + re.findall(r'src="([^"]+)"', text)
    local = [target for target in targets if not re.match(r"\w+:", target)]
    assert [target for target in local if not (ROOT / target).exists()] == []
