"""Every command in the README and the pages of the documentation exists, and so do its options."""

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from refinemask.cli.main import COMMANDS, app, export_app

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCUMENTS = (
    README,
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "refinemask" / "weights" / "MODEL_CARD.md",
)


def code_blocks(document: Path, languages: tuple[str, ...]) -> list[str]:
    """Return the fenced code blocks of a document in one of the languages."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", document.read_text(encoding="utf-8"), re.S | re.M)
    return [code for language, code in blocks if language in languages]


def commands(document: Path) -> list[list[str]]:
    """Return the words of each shell command; lines of output have no `$ ` where others do."""
    found = []
    for block in expanded(code_blocks(document, ("", "sh", "bash", "shell", "console"))):
        lines = block.replace("\\\n", " ").splitlines()
        if any(line.startswith("$ ") for line in lines):
            lines = [line[2:] for line in lines if line.startswith("$ ")]
        for line in lines:
            found += split_commands(line)
    return found


def expanded(blocks: list[str]) -> list[str]:
    """Put in the values of the shell variables that are set, and the first value of each loop."""
    text = "\n".join(blocks)
    values = re.findall(r'^(\w+)="(.*?)"$', text, re.S | re.M)
    values += re.findall(r"\bfor (\w+) in (\w+)", text)
    for name, value in values:
        blocks = [re.sub(rf"\$({name}\b|{{{name}}})", value, block) for block in blocks]
    return blocks


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


def ours(*documents: Path) -> list[list[str]]:
    """Return those commands that this repository answers for, each once."""
    names = ("refinemask", "refinemask-export", "make", "python", "python3")
    found = [words for document in documents for words in commands(document)]
    return [
        list(words) for words in dict.fromkeys(map(tuple, found)) if Path(words[0]).name in names
    ]


def test_the_readme_shows_commands() -> None:
    shown = {Path(words[0]).name for words in ours(README)}
    assert {"refinemask", "refinemask-export", "make"} <= shown


def test_the_documentation_shows_every_subcommand() -> None:
    shown = {words[1] for words in ours(*DOCUMENTS) if words[0] == "refinemask"}
    assert shown == set(COMMANDS)


@pytest.mark.parametrize("words", ours(*DOCUMENTS), ids=shlex.join)
def test_command_exists(words: list[str]) -> None:
    program, *arguments = words
    program = Path(program).name
    if program == "make":
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
        assert set(arguments) <= set(targets)
        return
    if program in ("python", "python3"):
        assert arguments[:1] == ["-m"], "documents run modules only"
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
    if app.registered_callback and arguments and not arguments[0].startswith("-"):
        name, *arguments = arguments
        command = command.commands[name]  # type: ignore[attr-defined]
    with CliRunner().isolation():  # --help prints
        try:
            command.make_context("refinemask", arguments)
        except typer.Exit as done:
            assert done.exit_code == 0
