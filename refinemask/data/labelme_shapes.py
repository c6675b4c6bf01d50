"""The shapes of a LabelMe file as instances: polygons, rectangles, circles and masks."""

import base64
import binascii
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinemask.data.coco_content import outlined, painted
from refinemask.data.masks import rasterise
from refinemask.errors import RefineMaskError
from refinemask.inference.image_headers import Header, read_header
from refinemask.inference.images import decode_png

LEFT_OUT = ("point", "points", "line", "linestrip")
"""Types of shapes without an area."""

_POLYGONS = ("polygon", "rotation", "oriented_rectangle")
_FARTHEST = 10
"""How far outside the image a point may be, in lengths of the image's longer side."""
_CIRCLE_ERROR = 0.1
"""How far the polygon of a circle may be inside it, in pixels."""
_CORNERS = (12, 720)
"""The fewest and the most corners of a circle."""


@dataclass(frozen=True)
class _Part:
    """A polygon x1, y1, x2, y2, ... in pixels, or a bitmap uint8 0/1 (h, w) at `corner` x, y."""

    polygon: NDArray[np.float64] | None = None
    bitmap: NDArray[np.uint8] | None = None
    corner: tuple[int, int] = (0, 0)


def join_shapes(
    file: Path, shapes: Sequence[Any], height: int, width: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the label of each instance with its id, box, area and segmentation as in COCO.

    Shapes of equal label and `group_id` are one instance.

    Args:
        file: where the shapes come from; the ids name it.
        shapes: as LabelMe writes them.
        height: of the image, in pixels.
        width: of the image, in pixels.

    Raises:
        RefineMaskError: a shape is malformed.
    """
    groups: dict[tuple[Any, ...], list[_Part]] = {}
    names: dict[tuple[Any, ...], str] = {}
    for index, shape in enumerate(shapes):
        where = f"{file}, shapes[{index}]"
        label, kind = _label_and_kind(shape, where)
        if kind in LEFT_OUT:
            continue
        group = shape.get("group_id")
        if group is not None and not isinstance(group, int | str):
            raise RefineMaskError(f"{where}: `group_id` must be a number or null")
        key = (label, None, index) if group is None else (label, group)
        groups.setdefault(key, []).append(_read_shape(shape, kind, height, width, where))
        names.setdefault(key, where)
    for key, parts in groups.items():
        yield key[0], {"id": names[key]} | _join(parts, height, width)


def _label_and_kind(shape: Any, where: str) -> tuple[str, str]:
    if not isinstance(shape, dict):
        raise RefineMaskError(f"{where} is not an object with `label` and `points`")
    label, kind = shape.get("label"), shape.get("shape_type") or "polygon"
    if not isinstance(label, str) or not label:
        raise RefineMaskError(f"{where}: `label` must be a text, got {str(label)[:40]!r}")
    if kind not in (*_POLYGONS, "rectangle", "circle", "mask", *LEFT_OUT):
        raise RefineMaskError(
            f"{where}: the `shape_type` {str(kind)[:40]!r} is unknown; polygon, rectangle, circle "
            "and mask can be read"
        )
    return label, kind


def _join(parts: Sequence[_Part], height: int, width: int) -> dict[str, Any]:
    polygons = [part.polygon for part in parts if part.polygon is not None]
    if len(polygons) == len(parts):
        return outlined(polygons)
    canvas = rasterise(polygons, height, width)
    for part in parts:
        if part.bitmap is not None:
            _paint(canvas, part.bitmap, *part.corner)
    return painted(canvas)


def _paint(canvas: NDArray[np.uint8], bitmap: NDArray[np.uint8], x: int, y: int) -> None:
    """Set the pixels of `bitmap`, whose corner is at x, y, that are inside the canvas."""
    inside = bitmap[max(0, -y) :, max(0, -x) :]
    place = canvas[max(0, y) :, max(0, x) :]
    rows, columns = np.minimum(inside.shape, place.shape)
    place[:rows, :columns] |= inside[:rows, :columns]


def _read_shape(shape: dict[str, Any], kind: str, height: int, width: int, where: str) -> _Part:
    points = _read_points(shape.get("points"), _FARTHEST * max(height, width), where)
    if kind == "mask":
        return _read_mask(shape, points, height, width, where)
    if kind == "circle":
        _check_count(kind, points, (2,), where)
        return _Part(_circle(points))
    if kind == "rectangle":
        _check_count(kind, points, (2, 4), where)
        if len(points) == 2:
            (x1, y1), (x2, y2) = points
            points = np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])
    elif len(points) < 3:
        raise RefineMaskError(
            f"{where}: a {kind} must have at least three points, got {len(points)}; "
            "outline the object, or remove the shape"
        )
    return _Part(points.ravel())


def _read_points(points: Any, farthest: int, where: str) -> NDArray[np.float64]:
    """Return the points of a shape: float64 (N, 2), x and y in pixels."""
    pairs = isinstance(points, list) and all(
        isinstance(point, list)
        and len(point) == 2
        and all(isinstance(x, int | float) and -farthest <= x <= farthest for x in point)
        for point in points
    )
    if not pairs or not points:
        raise RefineMaskError(
            f"{where}: `points` must be a list of pairs x, y in pixels, within {farthest} pixels "
            f"of the image, got {str(points)[:60]}"
        )
    return np.array(points, np.float64)


def _check_count(
    kind: str, points: NDArray[np.float64], wanted: tuple[int, ...], where: str
) -> None:
    if len(points) not in wanted:
        raise RefineMaskError(
            f"{where}: a {kind} must have {' or '.join(map(str, wanted))} points, got {len(points)}"
        )


def _circle(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the polygon of a circle that is given by its centre and a point on it."""
    centre, edge = points
    radius = float(np.linalg.norm(edge - centre))
    fewest, most = _CORNERS
    step = math.acos(max(1 - _CIRCLE_ERROR / radius, 0)) if radius > 0 else math.pi
    angles = np.linspace(0, 2 * np.pi, min(max(math.ceil(math.pi / step), fewest), most), False)
    return (centre + radius * np.stack([np.cos(angles), np.sin(angles)], 1)).ravel()


def _read_mask(
    shape: dict[str, Any], points: NDArray[np.float64], height: int, width: int, where: str
) -> _Part:
    """Read a PNG in base64 whose first and last pixel are at the two points."""
    _check_count("mask", points, (2,), where)
    try:
        data = base64.b64decode(shape.get("mask") or "", validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise RefineMaskError(f"{where}: `mask` is not a PNG in base64") from error
    header = read_header(data) or Header("")
    if header.height > height or header.width > width:
        raise RefineMaskError(
            f"{where}: the mask is {header.height} high and {header.width} wide, larger than its "
            f"image, which is {height} high and {width} wide"
        )
    try:
        bitmap = decode_png(data)
        if bitmap.ndim != 2:
            raise ValueError("is not a PNG of one channel")
    except ValueError as error:
        raise RefineMaskError(f"{where}: `mask` {error}; save it again as PNG") from error
    x, y = points.round().astype(int).min(0).tolist()
    return _Part(bitmap=(bitmap != 0).astype(np.uint8), corner=(x, y))
