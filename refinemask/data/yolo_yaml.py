"""The YAML file of a YOLO dataset: its classes, and where the images of its splits are."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from refinemask.data.coco_content import read_text
from refinemask.errors import RefineMaskError
from refinemask.inference.images import IMAGE_SUFFIXES

SPLITS = ("train", "val", "test")

_KIND = "the data.yaml of a YOLO dataset"
_MOST_BYTES = 2**19
_MOST_LISTED_BYTES = 256 * 2**20
_SUFFIXES = (".yaml", ".yml")
_LEVELS_UP = 3
"""How far above a folder of images its YAML file may be, as above images/train."""


def is_yolo(path: Path) -> bool:
    """Recognise a YAML file, its folder, or a folder of images below that."""
    if path.suffix.lower() in _SUFFIXES:
        return path.is_file()
    return path.is_dir() and next(_candidates(path), None) is not None


def find_yaml(path: Path) -> Path:
    """Return the YAML file that a path for which `is_yolo` is true belongs to.

    Raises:
        RefineMaskError: a folder has several.
    """
    if path.is_file():
        return path
    first, *others = _candidates(path)
    if others and first.name != "data.yaml":
        raise RefineMaskError(
            f"{first.parent} has several YAML files ({first.name}, {others[0].name}); "
            "give that of the dataset"
        )
    return first


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the content of a YAML file: texts, and lists and mappings of them.

    Raises:
        RefineMaskError: it cannot be read, or is not a YAML mapping.
    """
    text = read_text(path, _MOST_BYTES, _KIND)
    try:
        # It makes nothing but texts of scalars: a class may be called `no`, or `1`.
        content = yaml.load(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = f"{path}:{line + 1}" if line is not None else path
        problem = getattr(error, "problem", None) or type(error).__name__
        raise RefineMaskError(f"{where}: not YAML ({problem}); {_KIND} is expected") from error
    if not isinstance(content, dict):
        raise RefineMaskError(f"{path} is not a YAML mapping; {_KIND} is expected")
    return content


def read_names(description: Path, content: dict[str, Any]) -> dict[int, str]:
    """Return the names of the classes by their indices.

    Args:
        description: the YAML file, for messages.
        content: as `read_yaml` returns it.

    Raises:
        RefineMaskError: `names` is not a list of texts, or a mapping from indices to texts.
    """
    names = content.get("names")
    if isinstance(names, list):
        names = {str(index): name for index, name in enumerate(names)}
    if not isinstance(names, dict) or not names:
        raise RefineMaskError(
            f"{description}: `names` must be a list of the classes, or a mapping from their "
            "indices; is it the data.yaml of a YOLO dataset?"
        )
    found: dict[int, str] = {}
    for index, name in names.items():
        if not isinstance(index, str) or not re.fullmatch(r"[0-9]{1,9}", index):
            raise RefineMaskError(f"{description}: an index in `names` is not a whole number")
        if not isinstance(name, str) or not name:
            raise RefineMaskError(f"{description}: the name of class {index} is not a text")
        found[int(index)] = name
    count = content.get("nc", str(len(found)))
    if count != str(len(found)):
        raise RefineMaskError(
            f"{description}: `nc` must be the number of `names`, {len(found)}; correct one of them"
        )
    return found


def list_images(
    description: Path, content: dict[str, Any], path: Path, split: str | None
) -> list[Path]:
    """List the images of a split in the order of their paths.

    Args:
        description: the YAML file.
        content: as `read_yaml` returns it.
        path: what the user named: the YAML file, its folder, or a folder of images below that.
        split: "train", "val" or "test"; None for the only one, or for that of the folder of images.

    Raises:
        RefineMaskError: the split is unknown or was not chosen, or has no images.
    """
    if path.is_dir() and path.absolute() != description.parent.absolute():
        if split is not None:
            raise RefineMaskError(f"{path} is a folder of images; leave out :{split}")
        inner = path / "images"
        found = list(_inside(inner if inner.is_dir() else path))
    else:
        found = list(_images_of(description, content, split))
    if not found:
        raise RefineMaskError(
            f"{description}: there are no images in {path if split is None else f'`{split}`'}; "
            f"they end in {', '.join(sorted(IMAGE_SUFFIXES))}"
        )
    return sorted(set(found))


def _candidates(folder: Path) -> Iterator[Path]:
    """Yield the YAML files of YOLO datasets in a folder, or in the nearest one above it."""
    parents = folder.absolute().parents[:_LEVELS_UP] if _has_labels(folder) else ()
    for place in (folder, *parents):
        if not os.access(place, os.R_OK | os.X_OK):
            continue
        files = sorted(entry for entry in place.iterdir() if entry.suffix.lower() in _SUFFIXES)
        files.sort(key=lambda file: file.name != "data.yaml")
        found = [file for file in files if _mentions_names(file)]
        if found:
            yield from found
            return


def _has_labels(folder: Path) -> bool:
    """Whether labels belong to the images in a folder."""
    parts = folder.absolute().parts
    return (folder / "labels").is_dir() or "images" in parts


def _mentions_names(file: Path) -> bool:
    try:
        return bool(re.search(r"^names\s*:", read_text(file, _MOST_BYTES, _KIND), re.MULTILINE))
    except RefineMaskError:
        return False


def _images_of(description: Path, content: dict[str, Any], split: str | None) -> Iterator[Path]:
    given = [name for name in SPLITS if content.get(name)]
    if split is None and len(given) == 1:
        split = given[0]
    if split not in given:
        choices = ", ".join(f"{description}:{name}" for name in given)
        problem = "choose a split" if split is None else f"it has no split {split!r}"
        raise RefineMaskError(
            f"{description}: {problem}; {f'give {choices}' if given else 'it names none'}"
        )
    root = content.get("path") or "."
    if not isinstance(root, str):
        raise RefineMaskError(f"{description}: `path` is not a text")
    bases = (description.parent / root, Path(root), description.parent)
    sources = content[split] if isinstance(content[split], list) else [content[split]]
    for source in sources:
        if not isinstance(source, str):
            raise RefineMaskError(f"{description}: `{split}` is not a path or a list of paths")
        found = _locate(source, bases)
        if found is None:
            raise RefineMaskError(
                f"{description}: `{split}` is {source[:200]!r}, which is neither in "
                f"{bases[0]} nor in {bases[-1]}; correct `path` or `{split}`"
            )
        yield from _inside(found) if found.is_dir() else _listed(found, bases)


def _locate(source: str, bases: Sequence[Path]) -> Path | None:
    source = source.replace("\\", "/")
    # Roboflow writes ../train/images for what is in train/images beside its data.yaml.
    for name in (source, source.removeprefix("../")):
        for base in bases:
            if os.path.exists(base / name):  # false for what can be no path, too
                return base / name
    return None


def _inside(folder: Path) -> Iterator[Path]:
    for entry in folder.rglob("*"):
        hidden = entry.name.startswith(".")
        if entry.suffix.lower() in IMAGE_SUFFIXES and not hidden and entry.is_file():
            yield entry


def _listed(file: Path, bases: Sequence[Path]) -> Iterator[Path]:
    """Yield the images that a text file lists, one a line."""
    if file.suffix.lower() in IMAGE_SUFFIXES:
        yield file
        return
    if file.suffix.lower() != ".txt":
        raise RefineMaskError(
            f"{file} is neither an image, nor a folder of images, nor a list of them in a .txt file"
        )
    lines = read_text(file, _MOST_LISTED_BYTES, "a list of images").splitlines()
    for number, line in enumerate(lines, 1):
        name = line.strip()
        if not name:
            continue
        found = _locate(name, (file.parent, *bases))
        if found is None or not found.is_file():
            raise RefineMaskError(f"{file}:{number}: the image {name[:200]!r} is not there")
        yield found
