"""The order of the rooms: imports point only to the floors below (docs/architecture.md)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "refinemask"
FLOORS = ("refinemask", "engines", "export", "benchmarks", "serving", "cli")
"""From the ground up; a module may import from its own floor and those below."""


def floor_of(module: str) -> int:
    """Return the number of the floor that a dotted module of the package is on."""
    part = module.split(".")[1] if "." in module else ""
    return FLOORS.index(part) if part in FLOORS else 0


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and name of every import of the package in a file, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from ((node.lineno, name) for name in names if name.split(".")[0] == "refinemask")


def modules() -> dict[str, Path]:
    """Return every module of the package by its dotted name, through the links of its folders."""
    paths = sorted(PACKAGE.rglob("*.py", recurse_symlinks=True))
    names = (path.relative_to(PACKAGE.parent).with_suffix("").parts for path in paths)
    return {".".join(parts): path for parts, path in zip(names, paths, strict=True)}
