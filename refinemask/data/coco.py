"""Datasets in a JSON file of COCO's form: COCO, and what LVIS and Cityscapes share with it."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from refinemask.configs.protocols import EvaluationProtocol
from refinemask.data.coco_json import unpacked
from refinemask.data.dataset import MIN_IMAGE_SIDE, Sample
from refinemask.data.image_folders import find_images
from refinemask.data.masks import InstanceMask, parse_segmentation
from refinemask.data.summary import (
    IMAGE_LEFT_OUT,
    NO_INSTANCES,
    NOTHING_USABLE,
    SMALL_IMAGE,
    DatasetSummary,
    Tally,
)
from refinemask.data.usable import reason_to_leave_out
from refinemask.errors import RefineMaskError
from refinemask.inference.images import load_image


class CocoDataset:
    """Images and instances of a COCO detection file.

    Attributes:
        class_names: the classes; labels are indices into it.
        category_ids: the file's category id of each class.
        summary: of what `for_training` returns, what it left out; else None.
    """

    protocol: EvaluationProtocol = "coco"
    summary: DatasetSummary | None = None

    _hint = "name the right folder after the annotations: ANNOTATIONS.json@IMAGES_DIR"

    def __init__(
        self,
        annotations: Path,
        content: dict[str, Any],
        images: Path | None = None,
        classes: Sequence[str] | None = None,
    ) -> None:
        """Choose the classes; `check_images` looks whether the images are there.

        Args:
            annotations: the file that `content` comes from.
            content: as `read_coco_json` returns it.
            images: the folder of the images; None looks for it.
            classes: names of the classes to keep, in this order; None keeps all.

        Raises:
            RefineMaskError: a class is not in the file.
        """
        self._name = annotations
        self._content = content
        self._images: list[dict[str, Any]] = content["images"]
        self._choose(classes)
        self._candidates = self._guesses(annotations) if images is None else self._inside(images)

    def _choose(self, classes: Sequence[str] | None) -> None:
        """Set what depends on the classes."""
        categories = _select(self._in_order(self._content["categories"]), classes, self._name)
        self.class_names = tuple(category["name"] for category in categories)
        self.category_ids = tuple(category["id"] for category in categories)
        self._label_of = {id_: label for label, id_ in enumerate(self.category_ids)}
        self._categories = categories
        self._annotations: dict[int | str, list[dict[str, Any]]] = {}
        for annotation in self._content["annotations"]:
            if annotation["category_id"] in self._label_of:
                self._annotations.setdefault(annotation["image_id"], []).append(annotation)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Sample:
        """Load image `index` with the instances that training may use (numerics 14)."""
        entry = self._images[index]
        height, width = entry["height"], entry["width"]
        usable = list(self._usable(entry))
        corners = [(x, y, x + w, y + h) for x, y, w, h in (a["bbox"] for a in usable)]
        boxes = np.array(corners, np.float64).reshape(-1, 4)
        return Sample(
            self.load_image(index),
            entry["id"],
            boxes.clip(0, [width, height] * 2).astype(np.float32),
            self._labels(usable),
            tuple(self._mask(annotation, height, width) for annotation in usable),
        )

    @property
    def image_ids(self) -> tuple[int | str, ...]:
        """The file's image ids, in its order."""
        return tuple(entry["id"] for entry in self._images)

    @cached_property
    def ground_truth(self) -> dict[str, Any]:
        """The file's content restricted to these images and classes, crowds included."""
        kept = (a for id_ in self.image_ids for a in self._annotations.get(id_, []))
        return {
            "images": self._images,
            "annotations": [unpacked(annotation) for annotation in kept],
            "categories": self._categories,
        }

    def check_images(self) -> None:
        """Check that every image is there; for measuring results none needs to be.

        Raises:
            RefineMaskError: images are missing.
        """
        _ = self._paths

    def image_labels(self, index: int) -> NDArray[np.int64]:
        """Return the labels of `self[index]` without loading the image: int64 (N,)."""
        return self._labels(self._usable(self._images[index]))

    def image_path(self, index: int) -> Path:
        """Return where image `index` is."""
        return self._paths[self._images[index]["id"]]

    def image_size(self, index: int) -> tuple[int, int]:
        """Return the height and width that the file gives for image `index`."""
        return self._images[index]["height"], self._images[index]["width"]

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
                f"belong to these annotations{_hint_of_turned(image, entry)}"
            )
        return image

    def with_classes(self, class_names: Sequence[str]) -> Self:
        """Return the dataset with some of its classes, in the order given.

        Raises:
            RefineMaskError: a class is not in the file.
        """
        dataset = copy.copy(self)
        dataset.__dict__.pop("ground_truth", None)
        dataset._choose(class_names)
        return dataset

    def for_training(self, keep_empty: bool = False) -> Self:
        """Leave out images that are too small or without usable instances (numerics 14).

        Args:
            keep_empty: keep images that are large enough but have no usable instance.

        Returns:
            The rest, whose `summary` says what it is and what was left out.

        Raises:
            RefineMaskError: nothing is left, or no instance is.
        """
        dataset = copy.copy(self)
        dataset.__dict__.pop("ground_truth", None)
        tally = Tally()
        dataset._images = [entry for entry in self._images if self._keep(entry, keep_empty, tally)]
        dataset.summary = tally.summary(str(self._name), self.class_names)
        if not dataset.summary.instances:
            raise RefineMaskError(
                f"{self._name} has no image to train on, left out: {dataset.summary.reasons}"
            )
        return dataset

    @cached_property
    def _paths(self) -> dict[int | str, Path]:
        names = [self._file_names(entry) for entry in self._images]
        found = find_images(self._name, self._candidates, names, self._hint)
        return {
            id_: found.folder / name for id_, name in zip(self.image_ids, found.names, strict=True)
        }

    def _in_order(self, categories: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Put the categories in the order of the labels."""
        return categories

    def _guesses(self, annotations: Path) -> list[Path]:
        """Return where the images may be, seen from the annotation file."""
        folder = annotations.parent
        split = annotations.stem.removeprefix("instances_").removeprefix("person_keypoints_")
        inside = ("images", split, f"images/{split}")
        guesses = [base / name for name in inside for base in (folder, folder.parent)]
        return [*guesses, folder]

    def _inside(self, images: Path) -> list[Path]:
        """Return where the images may be in the folder that the user names."""
        return [images]

    def _file_names(self, entry: dict[str, Any]) -> tuple[str, ...]:
        """Return the paths that an image may have in its folder."""
        return (entry.get("file_name") or entry["coco_url"].rpartition("/")[2],)

    def _mask(self, annotation: dict[str, Any], height: int, width: int) -> InstanceMask:
        mask = parse_segmentation(annotation["segmentation"], height, width)
        assert mask is not None  # _usable has looked
        return mask

    def _labels(self, annotations: Iterable[dict[str, Any]]) -> NDArray[np.int64]:
        return np.array([self._label_of[a["category_id"]] for a in annotations], np.int64)

    def _keep(self, entry: dict[str, Any], keep_empty: bool, tally: Tally) -> bool:
        """Return whether an image is trained on, and count what is used of it."""
        annotations = self._annotations.get(entry["id"], [])
        if min(entry["height"], entry["width"]) < MIN_IMAGE_SIDE:
            tally.leave_out_image(f"{SMALL_IMAGE} (< {MIN_IMAGE_SIDE} pixels)", entry["id"])
            for annotation in annotations:
                tally.leave_out_instance(IMAGE_LEFT_OUT, annotation["id"])
            return False
        used = 0
        for annotation in annotations:
            reason = self._reason_to_leave_out(annotation, entry)
            if reason is None:
                tally.instances[self.class_names[self._label_of[annotation["category_id"]]]] += 1
                used += 1
            else:
                tally.leave_out_instance(reason, annotation["id"])
        if not used and not keep_empty:
            reason = NOTHING_USABLE if annotations else NO_INSTANCES
            tally.leave_out_image(reason, entry["id"])
            return False
        tally.images += 1
        return True

    def _usable(self, entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the annotations of an image that training may use."""
        for annotation in self._annotations.get(entry["id"], []):
            if self._reason_to_leave_out(annotation, entry) is None:
                yield annotation

    def _reason_to_leave_out(self, annotation: dict[str, Any], entry: dict[str, Any]) -> str | None:
        try:
            return reason_to_leave_out(annotation, entry["height"], entry["width"])
        except RefineMaskError as error:
            raise RefineMaskError(
                f"{self._name}, annotation {annotation['id']}: {error}"
            ) from error


def _hint_of_turned(image: NDArray[np.uint8], entry: dict[str, Any]) -> str:
    if image.shape[:2] != (entry["width"], entry["height"]):
        return ""
    return (
        ", or, if the EXIF orientation of the image was ignored when it was annotated, remove the "
        "orientation from the image"
    )


def _select(
    categories: list[dict[str, Any]], classes: Sequence[str] | None, name: Path
) -> list[dict[str, Any]]:
    if classes is None:
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
