"""Datasets of images with instance masks: COCO-format files on disk, and `open_dataset`."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from refinemask.data.coco_json import read_coco_json
from refinemask.data.masks import InstanceMask, parse_segmentation
from refinemask.errors import RefineMaskError
from refinemask.processing import load_image

MIN_IMAGE_SIDE = 32
"""Training leaves out images with a shorter side, in pixels (SPEC 3.14)."""


@dataclass(frozen=True)
class Sample:
    """One image with its instances, crowds left out.

    Attributes:
        image: uint8 RGB (H, W, 3).
        image_id: the dataset's id.
        boxes: float32 (N, 4), xyxy in pixels, clipped to the image.
        labels: int64 (N,), class indices contiguous from 0.
        masks: N masks on the grid of the image.
    """

    image: NDArray[np.uint8]
    image_id: int
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    masks: tuple[InstanceMask, ...]


class Samples(Protocol):
    """What training asks of a dataset."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


class InstanceDataset(Samples, Protocol):
    """The interface of every dataset."""

    class_names: tuple[str, ...]
    category_ids: tuple[int, ...]

    @property
    def image_ids(self) -> tuple[int, ...]: ...

    @property
    def ground_truth(self) -> dict[str, Any]: ...

    def image_path(self, index: int) -> Path: ...

    def load_image(self, index: int) -> NDArray[np.uint8]: ...

    def for_training(self) -> Self: ...


def open_dataset(spec: str, classes: Sequence[str] | None = None) -> InstanceDataset:
    """Open the dataset that the command line calls `spec`.

    Args:
        spec: `ANNOTATIONS.json`, `ANNOTATIONS.json@IMAGES_DIR`, or `shapes`, `shapes:COUNT`,
            `shapes:COUNT:SEED` for the embedded one.
        classes: names of the classes to keep, in this order; None keeps all.

    Raises:
        RefineMaskError: the specification or what it leads to is not usable.
    """
    if spec == "shapes" or spec.startswith("shapes:"):
        from refinemask.data.shapes import ShapesDataset

        return ShapesDataset.from_spec(spec, classes)
    annotations, separator, images = spec.rpartition("@")
    if not separator or Path(spec).is_file():
        return CocoDataset(Path(spec), _default_images(Path(spec)), classes)
    return CocoDataset(Path(annotations), Path(images), classes)


def _default_images(annotations: Path) -> Path:
    if not annotations.is_file():
        raise RefineMaskError(
            f"dataset {str(annotations)!r} is neither `shapes` nor an existing file; "
            "give ANNOTATIONS.json, ANNOTATIONS.json@IMAGES_DIR or shapes:COUNT"
        )
    folder = annotations.parent
    split = annotations.stem.removeprefix("instances_")
    candidates = [base / name for name in ("images", split) for base in (folder, folder.parent)]
    return next((path for path in candidates if path.is_dir()), folder)


class CocoDataset:
    """Images and instances of a COCO detection file.

    Attributes:
        class_names: the classes; labels are indices into it.
        category_ids: the file's category id of each class.
    """

    def __init__(
        self, annotations: Path, images: Path, classes: Sequence[str] | None = None
    ) -> None:
        """Read the file and check that every image is there.

        Raises:
            RefineMaskError: the file is no COCO detection file, a class is not in it, or images
                are missing.
        """
        content = read_coco_json(annotations)
        categories = _select(content["categories"], classes, annotations)
        self.class_names = tuple(category["name"] for category in categories)
        self.category_ids = tuple(category["id"] for category in categories)
        self._name = annotations
        self._folder = images
        self._categories = categories
        self._images: list[dict[str, Any]] = content["images"]
        self._annotations: dict[int, list[dict[str, Any]]] = {}
        kept = set(self.category_ids)
        for annotation in content["annotations"]:
            if annotation["category_id"] in kept:
                self._annotations.setdefault(annotation["image_id"], []).append(annotation)
        self._check_images()

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Sample:
        """Load image `index` with the instances that training may use (SPEC 3.14)."""
        entry = self._images[index]
        height, width = entry["height"], entry["width"]
        boxes, labels, masks = [], [], []
        for annotation in self._annotations.get(entry["id"], []):
            mask = self._usable_mask(annotation, height, width)
            if mask is None:
                continue
            x, y, w, h = annotation["bbox"]
            boxes.append([max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)])
            labels.append(self.category_ids.index(annotation["category_id"]))
            masks.append(mask)
        return Sample(
            self.load_image(index),
            entry["id"],
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array(labels, np.int64),
            tuple(masks),
        )

    @property
    def image_ids(self) -> tuple[int, ...]:
        """The file's image ids, in its order."""
        return tuple(entry["id"] for entry in self._images)

    @cached_property
    def ground_truth(self) -> dict[str, Any]:
        """The file's content restricted to these images and classes, crowds included."""
        annotations = [a for i in self.image_ids for a in self._annotations.get(i, [])]
        return {
            "images": self._images,
            "annotations": annotations,
            "categories": self._categories,
        }

    def image_path(self, index: int) -> Path:
        """Return where image `index` is."""
        return self._folder / self._images[index]["file_name"]

    def load_image(self, index: int) -> NDArray[np.uint8]:
        """Load image `index` as uint8 RGB (H, W, 3).

        Raises:
            RefineMaskError: it cannot be decoded or has another size than the file says.
        """
        entry = self._images[index]
        image = load_image(self.image_path(index))
        if image.shape[:2] != (entry["height"], entry["width"]):
            raise RefineMaskError(
                f"{self.image_path(index)} is {image.shape[0]} high and {image.shape[1]} wide, but "
                f"{self._name} says {entry['height']} and {entry['width']}; use the images that "
                "belong to these annotations"
            )
        return image

    def for_training(self) -> Self:
        """Leave out images that are too small or without usable instances (SPEC 3.14).

        Raises:
            RefineMaskError: nothing is left.
        """
        dataset = copy.copy(self)
        dataset.__dict__.pop("ground_truth", None)
        dataset._images = [entry for entry in self._images if self._trainable(entry)]
        if not dataset._images:
            raise RefineMaskError(
                f"{self._name} has no image to train on: each of its {len(self)} images is smaller "
                f"than {MIN_IMAGE_SIDE} pixels or has no usable instance of the classes "
                f"{', '.join(self.class_names[:5])}"
            )
        return dataset

    def _check_images(self) -> None:
        if not self._folder.is_dir():
            raise RefineMaskError(
                f"the images folder {self._folder} does not exist; "
                "name it after the annotations: ANNOTATIONS.json@IMAGES_DIR"
            )
        paths = (self.image_path(index) for index in range(len(self)))
        missing = [path.name for path in paths if not path.is_file()]
        if missing:
            raise RefineMaskError(
                f"{len(missing)} of the {len(self)} images in {self._name} are not in "
                f"{self._folder}, the first is {missing[0]}; "
                "name the right folder after the annotations: ANNOTATIONS.json@IMAGES_DIR"
            )

    def _trainable(self, entry: dict[str, Any]) -> bool:
        height, width = entry["height"], entry["width"]
        return min(height, width) >= MIN_IMAGE_SIDE and any(
            self._usable_mask(annotation, height, width) is not None
            for annotation in self._annotations.get(entry["id"], [])
        )

    def _usable_mask(
        self, annotation: dict[str, Any], height: int, width: int
    ) -> InstanceMask | None:
        """Return the mask of an instance that training may use, else None."""
        x, y, w, h = annotation["bbox"]
        inside = x < width and y < height and x + w > 0 and y + h > 0
        if annotation["iscrowd"] or w < 1 or h < 1 or annotation["area"] <= 0 or not inside:
            return None
        try:
            return parse_segmentation(annotation["segmentation"], height, width)
        except RefineMaskError as error:
            raise RefineMaskError(
                f"{self._name}, annotation {annotation['id']}: {error}"
            ) from error


def _select(
    categories: list[dict[str, Any]], classes: Sequence[str] | None, name: Path
) -> list[dict[str, Any]]:
    if classes is None:
        if not categories:
            raise RefineMaskError(f"{name} lists no categories; it needs at least one")
        return categories
    by_name = {category["name"]: category for category in categories}
    unknown = [wanted for wanted in classes if wanted not in by_name]
    if unknown or not classes or len(set(classes)) < len(classes):
        raise RefineMaskError(
            f"classes must be different names from {name}, got {', '.join(classes) or 'none'}"
            f"{f' ({unknown[0]!r} is unknown)' if unknown else ''}; "
            f"it has {', '.join(list(by_name)[:100])}"
        )
    return [by_name[wanted] for wanted in classes]
