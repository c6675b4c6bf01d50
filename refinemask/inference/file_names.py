"""Match names of files that were written on another machine (standard library only)."""

import re
from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")

_MOST_PARTS = 32
"""Of a path: the names of all its ends are as long as the square of their number."""


class FileNames(Generic[T]):
    """Things by the paths of their files, found by what two paths have in common at their ends."""

    def __init__(self, named: Iterable[tuple[str, T]]) -> None:
        """Take paths of any system, each with what it stands for."""
        self._found: dict[str, T | None] = {}
        for name, thing in named:
            for end in _ends(name):
                self._found[end] = None if end in self._found else thing

    def find(self, name: str) -> T | None:
        """Return what has the longest end in common with a path; None if several or none do."""
        found = (self._found.get(end) for end in _ends(name))
        return next((thing for thing in found if thing is not None), None)


def _ends(name: str) -> list[str]:
    """Return the end of a path of any system without its first folders, the longest first."""
    parts = [part for part in re.split(r"[\\/]", name) if part not in ("", ".", "..")]
    parts = parts[-_MOST_PARTS:]
    return ["/".join(parts[start:]) for start in range(len(parts))]
