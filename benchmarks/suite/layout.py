"""The layout of the suite: named images, and the boxes that every model is given in them.

`layout.json` has the first 20 images of the COCO subset's validation split that are at least 1.3
times as wide as high and have at least 8 annotations (crowds left out), in the order of their ids,
with the boxes and classes of these annotations. The pixels matter only to what RPN and box head
select; without a folder of the images, photographs that scikit-image ships are used.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinemask.errors import RefineMaskError
from refinemask.inference.images import load_image
from refinemask.inference.photographs import verification_photos
from refinemask.inference.processing import resize

MAX_BOXES = 300
SEED = 14
MOVE, SCALE = 0.1, 0.2
"""Of the size of a box: how far the centre of a repeated box moves at most, and how much its width
and height change."""
_CELL = 4
"""Pixels of a cell of P2 along each axis."""


@dataclass(frozen=True)
class Scene:
    """An image with boxes.

    Attributes:
        name: of the file.
        image: uint8 RGB (H, W, 3).
        boxes: float32 (K, 4), xyxy in pixels of the image.
        labels: int64 (K,), classes of COCO from 0.
    """

    name: str
    image: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]

    def first(self, count: int) -> "Scene":
        """Return the scene with its first boxes only."""
        return replace(self, boxes=self.boxes[:count], labels=self.labels[:count])

    def covered(self) -> float:
        """Return the share of the cells of P2 that lie, at least in part, in a box."""
        height, width = self.image.shape[:2]
        cells = np.zeros((-(-height // _CELL), -(-width // _CELL)), np.bool_)
        low = np.floor(self.boxes[:, :2] / _CELL).astype(int)
        high = np.ceil(self.boxes[:, 2:] / _CELL).astype(int)
        for (left, top), (right, bottom) in zip(low, high, strict=True):
            cells[top:bottom, left:right] = True
        return float(cells.mean())


def scenes(
    height: int, width: int, images: Path | None, *, stretch: bool = False, count: int | None = None
) -> list[Scene]:
    """Return the scenes of the layout with `MAX_BOXES` boxes each.

    Boxes are those of the image in random order, then the same again, each moved and scaled at
    random. Both are the same in every run.

    Args:
        height: of the images in pixels; they are resized to fit, and padded with black.
        width: likewise.
        images: folder of the images; None takes photographs of scikit-image.
        stretch: fill the whole image instead of keeping the proportions.
        count: of scenes, the first ones; None for all.

    Raises:
        RefineMaskError: an image is not there, or has another size than the layout says.
    """
    entries = layout()[:count]
    pictures = _photographs(entries) if images is None else _pictures(entries, images)
    return [
        _scene(entry, picture, (height, width), stretch, np.random.default_rng([SEED, index]))
        for index, (entry, picture) in enumerate(zip(entries, pictures, strict=True))
    ]


def typical_scene(given: Sequence[Scene], count: int) -> Scene:
    """Return the scene whose first boxes cover the median share of P2, with these boxes."""
    found = [scene.first(count) for scene in given]
    return sorted(found, key=Scene.covered)[len(found) // 2]


@cache
def layout() -> list[dict[str, Any]]:
    """Return `file_name`, `width`, `height`, `boxes` (xyxy) and `labels` of each image."""
    text = (files("refinemask.benchmarks.suite") / "layout.json").read_text(encoding="utf-8")
    images: list[dict[str, Any]] = json.loads(text)["images"]
    return images


def _pictures(entries: Sequence[dict[str, Any]], folder: Path) -> Iterator[NDArray[np.uint8]]:
    for entry in entries:
        path = folder / entry["file_name"]
        if not path.is_file():
            raise RefineMaskError(
                f"{path} does not exist; --images takes the folder of COCO's validation images, "
                "or leave it out to take other photographs"
            )
        picture = load_image(path)
        if picture.shape[:2] != (entry["height"], entry["width"]):
            raise RefineMaskError(
                f"{path} has {picture.shape[1]} x {picture.shape[0]} pixels, and COCO's image of "
                f"this name {entry['width']} x {entry['height']}; give the folder of the original"
            )
        yield picture


def _photographs(entries: Sequence[dict[str, Any]]) -> Iterator[NDArray[np.uint8]]:
    photographs = [load_image(photo.path) for photo in verification_photos()]
    for index, entry in enumerate(entries):
        yield resize(photographs[index % len(photographs)], entry["height"], entry["width"])


def _scene(
    entry: dict[str, Any],
    picture: NDArray[np.uint8],
    frame: tuple[int, int],
    stretch: bool,
    rng: np.random.Generator,
) -> Scene:
    size = np.array([entry["height"], entry["width"]])
    scale = frame / size
    height, width = np.rint((scale if stretch else scale.min()) * size).astype(int).tolist()
    image = np.zeros((*frame, 3), np.uint8)
    image[:height, :width] = resize(picture, height, width)
    order = rng.permutation(len(entry["boxes"]))
    factors = [width / entry["width"], height / entry["height"]] * 2
    boxes = np.array(entry["boxes"])[order] * factors
    labels = np.array(entry["labels"], np.int64)[order]
    chosen = np.arange(MAX_BOXES) % len(order)
    repeated = (np.arange(MAX_BOXES) >= len(order))[:, None]
    moves = np.where(repeated, rng.uniform(-MOVE, MOVE, (MAX_BOXES, 2)), 0)
    scales = np.where(repeated, rng.uniform(1 - SCALE, 1 + SCALE, (MAX_BOXES, 2)), 1)
    low, high = boxes[chosen, :2], boxes[chosen, 2:]
    centres, sides = (low + high) / 2 + moves * (high - low), scales * (high - low)
    jittered = np.concatenate((centres - sides / 2, centres + sides / 2), 1)
    clipped = jittered.clip(0, (width, height, width, height)).astype(np.float32)
    return Scene(entry["file_name"], image, clipped, labels[chosen])
