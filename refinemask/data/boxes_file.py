"""Read boxes that another detector has found, from COCO results or from a CSV file."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from refinemask.data.json_files import read_json, read_text, text_problem, use_integers
from refinemask.errors import RefineMaskError
from refinemask.inference.rois import box_problem
from refinemask.inference.segmentation import BoxEntry
from refinemask.printable import shown

COLUMNS = ("file", "x1", "y1", "x2", "y2", "label", "score")
"""Of a CSV file without a header; the last two may be left out."""
_REQUIRED = COLUMNS[:5]
_EXPECTED = f"a list of COCO results, or lines of {','.join(COLUMNS[:-1])}"


def read_boxes(path: Path) -> list[BoxEntry]:
    """Read a file of boxes.

    JSON is a list of COCO results: `image_id` (or `file_name`), `bbox` as x, y, width, height in
    pixels, and, if given, `category_id`, `category_name` and `score`. All else is CSV, with or
    without a header: the corners are x1, y1, x2, y2 in pixels, a label is the name of a class or a
    category id. A score that is not given is 1. A detector may have found nothing: `[]`, or a
    header alone.

    Raises:
        RefineMaskError: the file cannot be read, or an entry is not as described; the text names
            the entry or the line.
    """
    text = read_text(path, "boxes")
    if not text.strip():
        raise RefineMaskError(f"{path} is empty; {_EXPECTED} is expected")
    if path.suffix.lower() != ".csv" and text.lstrip()[:1] in ("[", "{"):
        content = read_json(path, "boxes", _EXPECTED)
        if not isinstance(content, list):
            raise RefineMaskError(
                f"{path} is not a list of COCO results but of type {type(content).__name__}; give "
                "the results of a detector, not annotations"
            )
        return [_result(f"{path}, entry {n}", entry) for n, entry in enumerate(content, 1)]
    return list(_rows(path, text))


def _result(where: str, entry: Any) -> BoxEntry:
    if not isinstance(entry, dict):
        raise RefineMaskError(f"{where}: a COCO result is an object, got {shown(entry)}")
    use_integers(entry, ("image_id", "category_id"))
    image = entry.get("image_id", entry.get("file_name"))
    if not isinstance(image, int | str) or isinstance(image, bool):
        raise RefineMaskError(f"{where}: image_id must be an id or a file name, got {shown(image)}")
    box = entry.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
        raise RefineMaskError(f"{where}: bbox must be x, y, width, height, got {shown(box)}")
    x, y, width, height = map(float, box)
    if width < 0 or height < 0:
        raise RefineMaskError(
            f"{where}: the width and the height of a bbox must be >= 0, got {shown(box)}"
        )
    for key, kind in (("category_id", int), ("category_name", str)):
        if entry.get(key) is not None and type(entry[key]) is not kind:
            raise RefineMaskError(
                f"{where}: {key} must be of type {kind.__name__}, got {shown(entry[key])}"
            )
    category_id = entry.get("category_id")
    if category_id is not None and abs(category_id) >= 1 << 63:
        raise RefineMaskError(f"{where}: category_id must be below 2^63, got {shown(category_id)}")
    return _entry(
        where,
        image,
        (x, y, x + width, y + height),
        entry.get("category_name"),
        category_id,
        entry.get("score", 1.0),
    )


def _rows(path: Path, text: str) -> Iterator[BoxEntry]:
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    columns: Sequence[str] | None = None
    try:
        for cells in reader:
            row, where = [cell.strip() for cell in cells], f"{path}, line {reader.line_num}"
            if not any(row):
                continue
            if columns is None:
                columns = _header(where, row)
                if columns:
                    continue
            yield _row(where, row, columns or COLUMNS[: max(len(row), len(_REQUIRED))])
    except csv.Error as error:
        raise RefineMaskError(
            f"{path}, line {reader.line_num}: {error}; {_EXPECTED} is expected"
        ) from error


def _header(where: str, row: list[str]) -> list[str]:
    """Return the names of the columns, none where the first line is a box already."""
    names = [cell.lower() for cell in row]
    if not {"x1", "y1", "x2", "y2"} & set(names):
        return []
    missing = [name for name in _REQUIRED if name not in names]
    if missing or len(set(names)) < len(names):
        raise RefineMaskError(
            f"{where}: the header {shown(row)} must have each of {', '.join(_REQUIRED)} once; "
            "label and score may be left out"
        )
    return names


def _row(where: str, row: list[str], columns: Sequence[str]) -> BoxEntry:
    if len(row) != len(columns):
        raise RefineMaskError(
            f"{where}: {','.join(columns)} are {len(columns)} values, got {len(row)}: {shown(row)}"
        )
    cells = dict(zip(columns, row, strict=True))
    if not cells["file"]:
        raise RefineMaskError(f"{where}: the name of the file is empty")
    x1, y1, x2, y2 = (_number(where, name, cells[name]) for name in _REQUIRED[1:])
    score = _number(where, "score", cells["score"]) if cells.get("score") else 1.0
    return _entry(where, cells["file"], (x1, y1, x2, y2), cells.get("label") or None, None, score)


def _entry(
    where: str,
    image: int | str,
    box: tuple[float, float, float, float],
    name: str | None,
    category_id: int | None,
    score: Any,
) -> BoxEntry:
    problem = box_problem(box)
    if problem:
        raise RefineMaskError(f"{where}: {problem}")
    if not _is_number(score) or not 0 <= score <= 1:
        raise RefineMaskError(f"{where}: a score must be from 0 to 1, got {shown(score)}")
    for text in (image, name):
        problem = text_problem(text) if isinstance(text, str) else None
        if problem:
            raise RefineMaskError(f"{where}: the name {shown(text)} {problem}")
    return BoxEntry(where, image, box, name, category_id, float(score))


def _number(where: str, name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise RefineMaskError(f"{where}: {name} must be a number, got {shown(text)}") from error


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
