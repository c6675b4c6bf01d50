"""Cityscapes as it is downloaded: a folder of gtFine, read without any conversion.

A 16-bit map NAME_gtFine_instanceIds.png goes with each image NAME_leftImg8bit.png. Its values are
1000 * category id + number for an instance, and the category id alone for a group whose members
were not outlined one by one: a crowd in the terms of COCO.
"""

import copy
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from refinemask.configs.classes import CITYSCAPES_CATEGORY_IDS, CITYSCAPES_CLASSES
from refinemask.configs.protocols import EvaluationProtocol
from refinemask.data.cityscapes import IMAGE_SUFFIX, MAP_SUFFIX
from refinemask.data.dataset import MIN_IMAGE_SIDE, Sample
from refinemask.data.gtfine_files import images_beside, images_of_maps, list_maps
from refinemask.data.instance_maps import (
    FIRST_INSTANCE,
    annotated_regions,
    category_of,
    read_instance_map,
    values_present,
)
from refinemask.data.masks import BitmapMask
from refinemask.data.summary import (
    CROWD,
    IMAGE_LEFT_OUT,
    NO_INSTANCES,
    SMALL_IMAGE,
    DatasetSummary,
    Tally,
)
from refinemask.errors import RefineMaskError
from refinemask.inference.images import load_image
from refinemask.inference.opencv import cv2

_CATEGORY_OF = dict(zip(CITYSCAPES_CLASSES, CITYSCAPES_CATEGORY_IDS, strict=True))


class GtFineDataset:
    """Images and instances of a split of Cityscapes, ROOT/gtFine/SPLIT, or of one of its cities.

    Images are numbered from 1 in the order of cities and names.

    Attributes:
        class_names: the classes; labels are indices into it.
        category_ids: Cityscapes' id of each class.
    """

    protocol: EvaluationProtocol = "cityscapes"
    summary: DatasetSummary | None = None

    def __init__(
        self, folder: Path, images: Path | None = None, classes: Sequence[str] | None = None
    ) -> None:
        """List the maps; `check_images` looks whether the images are there.

        Args:
            folder: the folder with the maps, in folders of cities or directly.
            images: the folder with the images, likewise; None for that in leftImg8bit.
            classes: names of the classes to keep, in this order; None keeps all 8.

        Raises:
            RefineMaskError: the folder has no maps, or a class is unknown.
        """
        self._choose(classes)
        self._name = folder
        self._maps = list_maps(folder)
        self._images_folder = images_beside(folder) if images is None else images
        self._numbers: Sequence[int] = range(len(self._maps))

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: int) -> Sample:
        """Load image `index` with its instances, groups left out."""
        instance_map = self._read_map(index)
        values = self._instances(instance_map)
        bitmaps = [(instance_map == value).astype(np.uint8) for value in values]
        return Sample(
            self._load_image(index, instance_map.shape),
            self.image_ids[index],
            np.array([_box(bitmap) for bitmap in bitmaps], np.float32).reshape(-1, 4),
            self._labels(values),
            tuple(BitmapMask(bitmap) for bitmap in bitmaps),
        )

    @property
    def image_ids(self) -> tuple[int, ...]:
        """The images are numbered from 1."""
        return tuple(number + 1 for number in self._numbers)

    @cached_property
    def ground_truth(self) -> dict[str, Any]:
        """The annotations in COCO's form, with run-length encoded masks and groups as crowds."""
        with ThreadPoolExecutor() as pool:
            scanned = list(pool.map(self._annotate, range(len(self))))
        annotations = (annotation for _, found in scanned for annotation in found)
        categories = zip(self.category_ids, self.class_names, strict=True)
        return {
            "images": [image for image, _ in scanned],
            "annotations": [a | {"id": number} for number, a in enumerate(annotations, start=1)],
            "categories": [{"id": id_, "name": name} for id_, name in categories],
        }

    def check_images(self) -> None:
        """Check that every image is there; for measuring results none needs to be.

        Raises:
            RefineMaskError: images are missing.
        """
        _ = self._images

    def image_labels(self, index: int) -> NDArray[np.int64]:
        """Return the labels of `self[index]` without loading the image: int64 (N,)."""
        return self._labels(self._instances(self._read_map(index)))

    def image_path(self, index: int) -> Path:
        """Return where image `index` is."""
        return self._images[self._numbers[index]]

    def instance_map_path(self, index: int) -> Path:
        """Return where the instance map of image `index` is."""
        return self._maps[self._numbers[index]]

    def image_size(self, index: int) -> None:
        """Return nothing: no annotation gives the size."""

    def load_image(self, index: int) -> NDArray[np.uint8]:
        """Load image `index` as uint8 RGB (H, W, 3).

        Raises:
            RefineMaskError: it cannot be decoded or has another size than its map.
        """
        return self._load_image(index, self._read_map(index).shape)

    def _choose(self, classes: Sequence[str] | None) -> None:
        self.class_names = _select(classes)
        self.category_ids = tuple(_CATEGORY_OF[name] for name in self.class_names)

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
        """Leave out images that are too small or without instances of the classes (numerics 14).

        Reads every map once: about 10 ms each.

        Args:
            keep_empty: keep images that are large enough but have no instance.

        Raises:
            RefineMaskError: no instance is left, or a map cannot be read.
        """
        with ThreadPoolExecutor() as pool:
            found = list(pool.map(self._count, range(len(self))))
        dataset = copy.copy(self)
        dataset.__dict__.pop("ground_truth", None)
        tally = Tally()
        kept = [
            self._keep(index, *counted, keep_empty, tally) for index, counted in enumerate(found)
        ]
        dataset._numbers = [n for n, used in zip(self._numbers, kept, strict=True) if used]
        dataset.summary = tally.summary(str(self._name), self.class_names)
        if not dataset.summary.instances:
            raise RefineMaskError(
                f"{self._name} has no image to train on: none of its {len(self)} maps has an "
                f"instance of {', '.join(self.class_names)} (the test split has no annotations); "
                f"left out: {dataset.summary.reasons}"
            )
        return dataset

    @cached_property
    def _images(self) -> list[Path]:
        return images_of_maps(self._maps, self._name, self._images_folder)

    def _count(self, index: int) -> tuple[bool, list[str], int]:
        """Return whether an image is large enough, the class of each instance, and the groups."""
        instance_map = self._read_map(index)
        values = self._values(instance_map)
        labels = self._labels([value for value in values if value >= FIRST_INSTANCE])
        large = min(instance_map.shape) >= MIN_IMAGE_SIDE
        return large, [self.class_names[label] for label in labels], len(values) - len(labels)

    def _keep(
        self,
        index: int,
        large: bool,
        names: Sequence[str],
        groups: int,
        keep_empty: bool,
        tally: Tally,
    ) -> bool:
        """Return whether an image is trained on, and count what is used of it."""
        image_id = self.image_ids[index]
        for _ in range(groups):
            tally.leave_out_instance(CROWD, image_id)
        if not large or not (names or keep_empty):
            small = f"{SMALL_IMAGE} (< {MIN_IMAGE_SIDE} pixels)"
            tally.leave_out_image(NO_INSTANCES if large else small, image_id)
            for _ in names:
                tally.leave_out_instance(IMAGE_LEFT_OUT, image_id)
            return False
        tally.instances.update(names)
        tally.images += 1
        return True

    def _read_map(self, index: int) -> NDArray[np.uint16]:
        return read_instance_map(self.instance_map_path(index))

    def _values(self, instance_map: NDArray[np.uint16]) -> list[int]:
        """Return the values of a map that stand for an instance or a group of the classes."""
        present = values_present(instance_map)
        return [value for value in present if category_of(value) in self.category_ids]

    def _instances(self, instance_map: NDArray[np.uint16]) -> list[int]:
        return [value for value in self._values(instance_map) if value >= FIRST_INSTANCE]

    def _labels(self, values: Sequence[int]) -> NDArray[np.int64]:
        return np.array([self.category_ids.index(category_of(value)) for value in values], np.int64)

    def _load_image(self, index: int, size: tuple[int, ...]) -> NDArray[np.uint8]:
        path = self.image_path(index)
        image = load_image(path)
        if image.shape[:2] != size:
            raise RefineMaskError(
                f"{path} is {image.shape[0]} high and {image.shape[1]} wide, but its map "
                f"{self.instance_map_path(index)} {size[0]} and {size[1]}; unpack both again"
            )
        return image

    def _annotate(self, index: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        instance_map = self._read_map(index)
        height, width = instance_map.shape
        stem = self.instance_map_path(index).name.removesuffix(MAP_SUFFIX)
        image = {
            "id": self.image_ids[index],
            "file_name": stem + IMAGE_SUFFIX,
            "height": height,
            "width": width,
        }
        regions = annotated_regions(instance_map, self._values(instance_map))
        return image, [{"image_id": image["id"]} | region for region in regions]


def _select(classes: Sequence[str] | None) -> tuple[str, ...]:
    names = CITYSCAPES_CLASSES if classes is None else tuple(classes)
    if not names or len(set(names)) < len(names) or not set(names) <= set(CITYSCAPES_CLASSES):
        raise RefineMaskError(
            f"the classes of Cityscapes must be different names out of "
            f"{', '.join(CITYSCAPES_CLASSES)}, got {', '.join(names) or 'none'}"
        )
    return names


def _box(bitmap: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Return the box xyxy around the pixels that are set."""
    x, y, width, height = cv2.boundingRect(bitmap)
    return x, y, x + width, y + height
