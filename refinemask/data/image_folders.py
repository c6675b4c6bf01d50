"""Find the folder that holds the images of an annotation file, and each image in it.

File names come from strangers and from other machines. What is read is always inside the folder:
an absolute path or one with `..` is matched by its last parts, like the separators, the case and
the Unicode form of another file system, where that is unambiguous.
"""

import logging
import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from refinemask.errors import RefineMaskError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageFolder:
    """A folder with all images of an annotation file.

    Attributes:
        folder: where they are.
        names: their paths in it, in the order of the file.
    """

    folder: Path
    names: tuple[str, ...]


def find_images(
    annotations: Path, candidates: Sequence[Path], names: Sequence[Sequence[str]], hint: str
) -> ImageFolder:
    """Choose the first folder that holds an image, and check that it holds all.

    Args:
        annotations: what lists the images; for messages.
        candidates: folders to try, the most usual first.
        names: of each image the paths it may have in its folder, the same kinds for every image.
        hint: what to try if images are missing; ends the message.

    Raises:
        RefineMaskError: the folder does not exist, some of the images are not in it, or it does not
            follow from a name which file is meant.
    """
    folder, kind = _choose(candidates, names)
    if not folder.is_dir():
        raise RefineMaskError(f"the images folder {folder} does not exist; {hint}")
    chosen = [paths[kind] for paths in names]
    given = [_is_in(folder, name) for name in chosen]
    if all(given):
        return ImageFolder(folder, tuple(chosen))
    matches = _Matches(folder)
    found = [
        name if there else matches.find(paths)
        for name, there, paths in zip(chosen, given, names, strict=True)
    ]
    missing = [name for name, match in zip(chosen, found, strict=True) if match is None]
    if missing:
        raise RefineMaskError(
            f"{len(missing)} of the {len(names)} images in {annotations} are not in {folder}, "
            f"the first is {missing[0]}; {hint}"
        )
    matched = tuple(match for match in found if match is not None)
    _check_unambiguous(annotations, chosen, matched, hint)
    first = given.index(False)
    logger.warning(
        "%d of the %d file names in %s were matched with files in %s by their last parts, "
        "separators, case or Unicode form, the first is %s: %s",
        given.count(False),
        len(names),
        annotations,
        folder,
        chosen[first],
        matched[first],
    )
    return ImageFolder(folder, matched)


def _choose(candidates: Sequence[Path], names: Sequence[Sequence[str]]) -> tuple[Path, int]:
    # Three images stand for all: one alone may be the one that is missing.
    probes = [names[index] for index in (0, len(names) // 2, -1)]
    for folder in candidates:
        for kind in range(len(names[0])):
            if any(_is_in(folder, paths[kind]) for paths in probes):
                return folder, kind
    folders = [folder for folder in candidates if folder.is_dir()]
    for folder in folders:
        matches = _Matches(folder)
        if any(matches.find(paths) is not None for paths in probes):
            return folder, 0
    return next(iter(folders), candidates[0]), 0


def _is_in(folder: Path, name: str) -> bool:
    """Whether a name, exactly as it is, is a file inside a folder."""
    return not _leads_out(name) and os.path.isfile(folder / name)  # False for names too long


def _leads_out(name: str) -> bool:
    return name.startswith("/") or ".." in name.split("/")


def _parts(name: str) -> list[str]:
    """Return the parts of a path of any system that can be below a folder."""
    parts = [part for part in re.split(r"[\\/]", name) if part not in ("", ".")]
    up = [index for index, part in enumerate(parts) if part == ".." or part.endswith(":")]
    return parts[up[-1] + 1 :] if up else parts


class _Matches:
    """Files in a folder by names that are written in another way."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._list = cache(_list_by_key)

    def find(self, names: Sequence[str]) -> str | None:
        """Return the file that one of the names of an image stands for, by its longest part."""
        for name in names:
            parts = _parts(name)
            for start in range(len(parts)):
                found = self._resolve(parts[start:])
                if found is not None:
                    return found
        return None

    def _resolve(self, parts: Sequence[str]) -> str | None:
        folder = self._folder
        for part in parts:
            if not os.path.exists(folder / part):
                same = self._list(folder).get(_key(part), [])
                if len(same) != 1:
                    return None
                part = same[0]
            folder = folder / part
        return folder.relative_to(self._folder).as_posix() if os.path.isfile(folder) else None


def _list_by_key(folder: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    if os.path.isdir(folder):
        for name in os.listdir(folder):
            found.setdefault(_key(name), []).append(name)
    return found


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _check_unambiguous(
    annotations: Path, names: Sequence[str], matches: Sequence[str], hint: str
) -> None:
    name_of: dict[str, str] = {}
    for name, match in zip(names, matches, strict=True):
        other = name_of.setdefault(match, name)
        if other != name:
            raise RefineMaskError(
                f"{annotations} has the images {other} and {name}, which both match {match}; {hint}"
            )
