"""Read JSON files of strangers: whatever is wrong with one is one error."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from refinemask.errors import RefineMaskError


def read_json(
    path: Path,
    kind: str,
    expected: str,
    object_hook: Callable[[dict[str, Any]], Any] | None = None,
) -> Any:
    """Return the content of a JSON file in UTF-8, with or without a byte order mark.

    Args:
        path: the file.
        kind: what it is, in errors: "annotations".
        expected: what was expected of it, in errors.
        object_hook: as for `json.loads`.

    Raises:
        RefineMaskError: it cannot be read, is not a regular file, or is not JSON.
    """
    try:
        return json.loads(_read(path, kind), object_hook=object_hook)
    except RecursionError as error:
        raise RefineMaskError(
            f"{path} is not JSON that can be read: it is nested too deeply; {expected} is expected"
        ) from error
    except ValueError as error:
        raise RefineMaskError(f"{path} is not JSON ({error}); {expected} is expected") from error
    except MemoryError as error:
        raise RefineMaskError(
            f"cannot read {kind} {path}: memory ran out; use a smaller file or more memory"
        ) from error


def read_text(path: Path, kind: str) -> str:
    """Return the text of a file in UTF-8, with or without a byte order mark.

    Args:
        path: the file.
        kind: what it is, in errors: "boxes".

    Raises:
        RefineMaskError: it cannot be read, is not a regular file, or is not text.
    """
    try:
        return _read(path, kind)
    except ValueError as error:
        raise RefineMaskError(f"{path} is not text in UTF-8 ({error}); check the path") from error
    except MemoryError as error:
        raise RefineMaskError(
            f"cannot read {kind} {path}: memory ran out; use a smaller file or more memory"
        ) from error


def _read(path: Path, kind: str) -> str:
    try:
        if path.exists() and not path.is_file():
            raise RefineMaskError(f"cannot read {kind} {path}: it is not a file; check the path")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RefineMaskError(
            f"cannot read {kind} {path}: {error.strerror or error}; check the path"
        ) from error


def text_problem(text: str) -> str | None:
    """Return why a name cannot be used, as a clause that goes after it, or None."""
    if "\0" in text:
        return "contains a null character"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "is not text: it has half of a character (a lone surrogate)"
    return None


def use_integers(entry: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    """Replace whole floats, as some exporters write them, by integers."""
    for key in keys:
        value = entry.get(key)
        if type(value) is float and value.is_integer():
            entry[key] = int(value)  # type: ignore[index]
