"""Cityscapes as instance JSON: what mmdetection's and Detectron's converters write.

The first has run-length encodings, Cityscapes' own category ids and `CITY/NAME` as file names, the
second polygons, ids from 1 in order of appearance and names without the city.
"""

from pathlib import Path
from typing import Any

from refinemask.configs.classes import CITYSCAPES_CLASSES
from refinemask.configs.protocols import EvaluationProtocol
from refinemask.data.coco import CocoDataset
from refinemask.data.masks import BitmapMask, InstanceMask

IMAGE_SUFFIX = "_leftImg8bit.png"
MAP_SUFFIX = "_gtFine_instanceIds.png"
SPLITS = ("train", "val", "test")


def is_cityscapes(content: dict[str, Any]) -> bool:
    """Recognise Cityscapes by the names of its images."""
    return all((image.get("file_name") or "").endswith(IMAGE_SUFFIX) for image in content["images"])


class CityscapesDataset(CocoDataset):
    """Images and instances of a Cityscapes file, with masks as bitmaps (numerics 12.3).

    Labels follow the official order of classes; a class beyond these comes after them.
    """

    protocol: EvaluationProtocol = "cityscapes"

    _hint = (
        "name the folder of Cityscapes or its leftImg8bit after the annotations: "
        "ANNOTATIONS.json@IMAGES_DIR"
    )

    def instance_map_path(self, index: int) -> Path:
        """Return where the download has the instance map of image `index`."""
        image = self.image_path(index).absolute()
        folder = ["gtFine" if part == "leftImg8bit" else part for part in image.parent.parts]
        return Path(*folder, image.name.removesuffix(IMAGE_SUFFIX) + MAP_SUFFIX)

    def _in_order(self, categories: list[dict[str, Any]]) -> list[dict[str, Any]]:
        place = {name: number for number, name in enumerate(CITYSCAPES_CLASSES)}
        return sorted(categories, key=lambda category: place.get(category["name"], len(place)))

    def _guesses(self, annotations: Path) -> list[Path]:
        folder = annotations.parent
        splits = sorted(SPLITS, key=lambda split: split not in annotations.stem)
        bases = (folder, folder.parent)
        inside = [*(f"leftImg8bit/{split}" for split in splits), "leftImg8bit", "images", "."]
        return [base / name for name in inside for base in bases]

    def _inside(self, images: Path) -> list[Path]:
        splits = [split for split in SPLITS if split in self._name.stem] or list(SPLITS)
        bases = (images, images / "leftImg8bit")
        return [*bases, *(base / split for base in bases for split in splits)]

    def _file_names(self, entry: dict[str, Any]) -> tuple[str, ...]:
        path: str = entry["file_name"]
        name = path.rpartition("/")[2]
        return (path, f"{name.partition('_')[0]}/{name}", name)

    def _mask(self, annotation: dict[str, Any], height: int, width: int) -> InstanceMask:
        return BitmapMask(super()._mask(annotation, height, width).to_bitmap(height, width))
