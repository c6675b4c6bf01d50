"""Documents are true to the tree: sections that are cited exist, and so do links and paths."""

import re
import subprocess
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]
CITED = {"numerics": "docs/numerics.md", "architecture": "docs/architecture.md"}
SOURCES = {".cmake", ".cpp", ".cu", ".h", ".md", ".py", ".toml", ".txt", ".yml"}

SECTION = r"\d+(?:\.\d+)?"
BETWEEN = r"[\s#/!*]+"
"""What stands between two words of a comment that is broken into lines."""
CITATION = re.compile(
    rf"\b({'|'.join(CITED)}){BETWEEN}({SECTION}(?:(?:,|\sand|\sto){BETWEEN}{SECTION})*)\b(?!\.\d)"
)
FORMER_CITATION = re.compile(rf"\b(?:SPEC|DESIGN)(?:{BETWEEN}\d|\.md)")


def tracked(*suffixes: str) -> list[Path]:
    """Return the files with one of the suffixes that Git knows, links left out."""
    done = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True)
    if done.returncode:
        pytest.skip("this is not a Git checkout, so the files that belong to it are not known")
    files = [ROOT / name for name in done.stdout.split("\0") if name.endswith(suffixes)]
    return [file for file in files if file.is_file() and not file.is_symlink()]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def cited_sections(text: str) -> set[tuple[str, str]]:
    """Return (document, section) of every citation; "3 to 5" cites both ends."""
    return {
        (document, section)
        for document, sections in CITATION.findall(text)
        for section in re.findall(SECTION, sections)
    }


def prose(document: Path) -> str:
    """Return a Markdown file without its blocks of code."""
    return re.sub(r"^```.*?^```", "", read(document), flags=re.S | re.M)


@cache
def headings(document: Path) -> tuple[str, ...]:
    """Return the headings of a Markdown file, in order."""
    return tuple(re.findall(r"^#{1,6} +(.+?) *#*$", prose(document), re.M))


def sections(document: str) -> list[str]:
    """Return the numbers of the sections of a document."""
    numbers = (re.match(rf"({SECTION})\.? ", title) for title in headings(ROOT / document))
    return [number[1] for number in numbers if number]


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub and MkDocs give to headings, and those set by hand."""
    slugs = [
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings(document)
    ]
    return {*slugs, *re.findall(r'\b(?:id|name)="([^"]+)"', read(document))}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(numerics 6)", {("numerics", "6")}),
        ("(RefineMask, Sec. 3.3; numerics 8.1).", {("numerics", "8.1")}),
        (
            "numerics 3 to 5, architecture 5",
            {("numerics", "3"), ("numerics", "5"), ("architecture", "5")},
        ),
        ("(numerics 10 and\n    13.1)", {("numerics", "10"), ("numerics", "13.1")}),
        ("// the loops (numerics\n// 17.3)", {("numerics", "17.3")}),
        ("numerics.md, the numerics of 3 models", set()),
    ],
)
def test_citations_are_recognised(text: str, expected: set[tuple[str, str]]) -> None:
    assert cited_sections(text) == expected


@pytest.mark.parametrize("document", CITED.values())
def test_sections_are_numbered_in_order(document: str) -> None:
    numbers = [tuple(map(int, number.split("."))) for number in sections(document)]
    assert numbers == sorted(set(numbers))
    assert [number[0] for number in numbers if len(number) == 1] == list(
        range(1, numbers[-1][0] + 1)
    )


def test_cited_sections_exist() -> None:
    existing = {(name, number) for name, file in CITED.items() for number in sections(file)}
    missing = {
        f"{path.relative_to(ROOT)}: {document} {section}"
        for path in tracked(*SOURCES)
        if path != Path(__file__)
        for document, section in cited_sections(read(path)) - existing
    }
    assert missing == set()


def test_nothing_cites_documents_that_are_not_here() -> None:
    lines = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in tracked(*SOURCES)
        for found in FORMER_CITATION.finditer(read(path))
    ]
    assert lines == []


def broken_links(document: Path) -> list[str]:
    """Return the relative links of a Markdown file that lead nowhere."""
    text = re.sub(r"`[^`\n]*`", "", prose(document))
    targets = re.findall(r"\]\(<?([^)>\s]+)", text) + re.findall(r'\b(?:src|href)="([^"]+)"', text)
    broken = []
    for target in targets:
        if re.match(r"[a-z][a-z+.-]*:", target):
            continue
        name, _, anchor = unquote(target).partition("#")
        path = document.parent / name if name else document
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path)):
            broken.append(target)
    return broken


def test_relative_links_lead_somewhere() -> None:
    broken = {str(path.relative_to(ROOT)): broken_links(path) for path in tracked(".md")}
    assert {path: links for path, links in broken.items() if links} == {}


def test_broken_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# On the CPU\n", encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(
        "# Title\n[a](other.md) [b](other.md#on-the-cpu) [c](#title) [d](https://example.org/x)\n"
        '[e](none.md) [f](other.md#none) [g](#none) `[h](none.md)` <img src="none.png">\n'
        "```md\n[i](none.md)\n```\n",
        encoding="utf-8",
    )
    assert broken_links(page) == ["none.md", "other.md#none", "#none", "none.png"]


BUILT = {"build", "demo", "lib"}
"""Folders that a fresh checkout does not have."""


def test_paths_in_documents_exist() -> None:
    places = (ROOT, ROOT / "refinemask")
    folders = {path.name for place in places for path in place.iterdir() if path.is_dir()}
    missing = set()
    for document in tracked(".md"):
        for span in re.findall(r"`([\w./-]+/[\w.-]*)`", prose(document)):
            names = set(span.split("/"))
            ours = span.partition("/")[0] in folders and not names & BUILT
            if ours and not any((place / span).exists() for place in (*places, document.parent)):
                missing.add(f"{document.relative_to(ROOT)}: {span}")
    assert missing == set()
