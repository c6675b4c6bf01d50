"""The order of the rooms: imports point only to the floors below (docs/architecture.md)."""

import ast
import os
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "refinemask"
FLOORS = ("refinemask", "engines", "export", "benchmarks", "serving", "cli")
"""From the ground up; a module may import from its own floor and from those below."""
WITHOUT_TORCH = ("configs", "errors", "files", "inference", "lazy", "printable", "version")
"""The rooms and modules of the ground floor that `inference` may import."""


def modules() -> dict[str, Path]:
    """Return every module of the package by its dotted name, also behind the links."""
    found = {}
    for folder, _, names in os.walk(PACKAGE, followlinks=True):
        for name in names:
            path = Path(folder, name)
            if path.suffix == ".py":
                parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
                found[".".join(parts).removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imports(path: Path, *, inside_functions: bool = True) -> Iterator[str]:
    """Yield the modules of the package that a file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if inside_functions else iter(tree.body)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{path}:{node.lineno}: a relative import"
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name for name in inside if name in MODULES)
            if node.module in MODULES and not all(name in MODULES for name in inside):
                yield node.module


def floor(module: str) -> int:
    """Return the number of a module's floor; programs and the package's face are on the roof."""
    if module == "refinemask" or module.endswith("__main__"):
        return len(FLOORS)
    part = module.split(".")[1]
    return FLOORS.index(part) if part in FLOORS else 0


def test_every_floor_is_found_through_its_link() -> None:
    found = {FLOORS[floor(name)] for name in MODULES if floor(name) < len(FLOORS)}
    assert found >= {"refinemask", "engines", "export", "benchmarks", "cli"}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_down(module: str) -> None:
    above = [name for name in imports(MODULES[module]) if floor(name) > floor(module)]
    above = [name for name in above if name != "refinemask"]
    assert not above, f"{module} imports from a floor above its own: {above}"


@pytest.mark.parametrize("module", sorted(n for n in MODULES if ".inference" in n))
def test_inference_imports_only_what_needs_no_torch(module: str) -> None:
    rooms = {name.split(".")[1] for name in imports(MODULES[module]) if "." in name}
    assert rooms <= set(WITHOUT_TORCH)


def test_no_circle_of_modules() -> None:
    graph = {
        name: [other for other in imports(path, inside_functions=False) if other != name]
        for name, path in MODULES.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' <- '.join(error.args[1])}")
