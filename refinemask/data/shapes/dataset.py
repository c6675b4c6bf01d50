"""The embedded dataset: textured stars, rings, spirals and letters, drawn when asked for."""

import copy
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from refinemask.configs.protocols import EvaluationProtocol
from refinemask.data.dataset import Sample
from refinemask.data.masks import BitmapMask
from refinemask.data.shapes.outlines import SHAPE_NAMES
from refinemask.data.shapes.scene import Shape, layout, paint
from refinemask.errors import RefineMaskError
from refinemask.inference.rle import encode_rle

_MIN_SIDE = 64
_COUNT, _SEED = 256, 0


class ShapesDataset:
    """Scenes with exact masks that need no files.

    Image i depends on the seed, i and the size alone: `shapes:64` is the start of `shapes:256`, and
    another seed gives other images.

    Attributes:
        class_names: the classes; labels are indices into it.
        category_ids: the category id of each class, the same for any choice of classes.
    """

    protocol: EvaluationProtocol = "coco"
    summary = None

    def __init__(
        self,
        count: int = _COUNT,
        seed: int = _SEED,
        size: tuple[int, int] = (384, 512),
        classes: Sequence[str] | None = None,
    ) -> None:
        """Describe the dataset.

        Args:
            count: number of images.
            seed: not negative.
            size: (height, width) of the images, in pixels.
            classes: names of the annotated shapes; the others are drawn too.

        Raises:
            RefineMaskError: a number is out of its range or a class is unknown.
        """
        if count < 1 or seed < 0 or min(size) < _MIN_SIDE:
            raise RefineMaskError(
                f"shapes need a count of 1 or more, a seed of 0 or more and sides of {_MIN_SIDE} "
                f"pixels or more, got {count}, {seed} and {size}"
            )
        self._choose(classes)
        self._seed = seed
        self._size = size
        self._scenes: Sequence[int] = range(count)

    @classmethod
    def from_spec(cls, spec: str, classes: Sequence[str] | None = None) -> Self:
        """Open `shapes`, `shapes:COUNT` or `shapes:COUNT:SEED`.

        Raises:
            RefineMaskError: it is none of these.
        """
        numbers = spec.split(":")[1:]
        if len(numbers) > 2 or not all(n.isascii() and n.isdigit() for n in numbers):
            raise RefineMaskError(
                f"the shapes dataset is `shapes`, `shapes:COUNT` or `shapes:COUNT:SEED`, "
                f"got {spec!r}"
            )
        count, seed = (*map(int, numbers), *(_COUNT, _SEED)[len(numbers) :])
        return cls(count, seed, classes=classes)

    def __len__(self) -> int:
        return len(self._scenes)

    def __getitem__(self, index: int) -> Sample:
        """Draw image `index` with its instances."""
        shapes = self._layout(index)
        chosen = [shape for shape in shapes if shape.name in self.class_names]
        return Sample(
            self._paint(index, shapes),
            self.image_ids[index],
            np.array([_box(shape) for shape in chosen], np.float32).reshape(-1, 4),
            self._labels(shapes),
            tuple(BitmapMask(shape.visible.astype(np.uint8)) for shape in chosen),
        )

    @property
    def image_ids(self) -> tuple[int, ...]:
        """The images are numbered from 1."""
        return tuple(scene + 1 for scene in self._scenes)

    @cached_property
    def ground_truth(self) -> dict[str, Any]:
        """The annotations in COCO's form, with run-length encoded masks."""
        height, width = self._size
        categories = zip(self.category_ids, self.class_names, strict=True)
        return {
            "images": [
                {
                    "id": image_id,
                    "file_name": self.image_path(index).name,
                    "height": height,
                    "width": width,
                }
                for index, image_id in enumerate(self.image_ids)
            ],
            "annotations": [
                annotation | {"id": number}
                for number, annotation in enumerate(self._annotations(), start=1)
            ],
            "categories": [{"id": id_, "name": name} for id_, name in categories],
        }

    def image_labels(self, index: int) -> NDArray[np.int64]:
        """Return the labels of `self[index]` without drawing it: int64 (N,)."""
        return self._labels(self._layout(index))

    def image_path(self, index: int) -> Path:
        """Return a name for image `index`; no file has it."""
        return Path(f"shapes_{self._seed}_{self.image_ids[index]:06d}.png")

    def image_size(self, index: int) -> None:
        """Return nothing: no annotation gives the size."""

    def load_image(self, index: int) -> NDArray[np.uint8]:
        """Draw image `index`: uint8 RGB (H, W, 3)."""
        return self._paint(index, self._layout(index))

    def _choose(self, classes: Sequence[str] | None) -> None:
        names = SHAPE_NAMES if classes is None else tuple(classes)
        if not names or len(set(names)) < len(names) or not set(names) <= set(SHAPE_NAMES):
            raise RefineMaskError(
                f"the classes of the shapes dataset must be different names out of "
                f"{', '.join(SHAPE_NAMES)}, got {', '.join(names) or 'none'}"
            )
        self.class_names = names
        self.category_ids = tuple(SHAPE_NAMES.index(name) + 1 for name in names)

    def with_classes(self, class_names: Sequence[str]) -> Self:
        """Return the dataset with some of its classes, in the order given.

        Raises:
            RefineMaskError: a class is unknown.
        """
        dataset = copy.copy(self)
        dataset.__dict__.pop("ground_truth", None)
        dataset._choose(class_names)
        return dataset

    def for_training(self, keep_empty: bool = False) -> Self:
        """Leave out images without instances of the classes, unless they are to be kept.

        Raises:
            RefineMaskError: nothing is left.
        """
        dataset = copy.copy(self)
        dataset.__dict__.pop("ground_truth", None)
        if set(self.class_names) != set(SHAPE_NAMES) and not keep_empty:
            dataset._scenes = [
                scene
                for index, scene in enumerate(self._scenes)
                if any(shape.name in self.class_names for shape in self._layout(index))
            ]
        if not dataset._scenes:
            raise RefineMaskError(
                f"none of the {len(self)} shapes images shows a {' or '.join(self.class_names)}; "
                "ask for more images"
            )
        return dataset

    def _labels(self, shapes: list[Shape]) -> NDArray[np.int64]:
        names = [shape.name for shape in shapes if shape.name in self.class_names]
        return np.array([self.class_names.index(name) for name in names], np.int64)

    def _layout(self, index: int) -> list[Shape]:
        return layout(self._seed, self._scenes[index], self._size)

    def _paint(self, index: int, shapes: list[Shape]) -> NDArray[np.uint8]:
        return paint(shapes, self._seed, self._scenes[index], self._size)

    def _annotations(self) -> Iterator[dict[str, Any]]:
        for index, image_id in enumerate(self.image_ids):
            for shape in self._layout(index):
                if shape.name not in self.class_names:
                    continue
                x1, y1, x2, y2 = _box(shape)
                yield {
                    "image_id": image_id,
                    "category_id": SHAPE_NAMES.index(shape.name) + 1,
                    "iscrowd": 0,
                    "area": int(np.count_nonzero(shape.visible)),
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "segmentation": encode_rle(shape.visible),
                }


def _box(shape: Shape) -> list[int]:
    """Return the box xyxy around a shape's visible pixels."""
    rows = np.flatnonzero(shape.visible.any(1))
    columns = np.flatnonzero(shape.visible.any(0))
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]
