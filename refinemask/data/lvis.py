"""LVIS: many classes on COCO's images, each image annotated for some of them only.

Version 1 names images by `coco_url` alone, since its splits mix COCO's training and validation
images. Version 0.5 has `file_name` too, but some of them are names of COCO 2014.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from refinemask.configs.protocols import EvaluationProtocol
from refinemask.data.coco import CocoDataset
from refinemask.errors import RefineMaskError

_LISTS = ("neg_category_ids", "not_exhaustive_category_ids")


def is_lvis(content: dict[str, Any]) -> bool:
    """Recognise LVIS by its images, which list the classes that are absent."""
    return any(_LISTS[0] in image for image in content["images"])


class LvisDataset(CocoDataset):
    """Images and instances of an LVIS file; labels follow its category ids."""

    protocol: EvaluationProtocol = "lvis"

    _hint = (
        "name the folder with train2017 and val2017 after the annotations, "
        "ANNOTATIONS.json@COCO_DIR (the validation set of LVIS v1 has images of both)"
    )

    def _in_order(self, categories: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return sorted(categories, key=lambda category: category["id"])

    def _guesses(self, annotations: Path) -> list[Path]:
        bases = (annotations.parent, annotations.parent.parent)
        inside = (".", "coco", "images", "coco/images")
        return [base / name for name in inside for base in bases]

    def _file_names(self, entry: dict[str, Any]) -> tuple[str, ...]:
        if any(not isinstance(entry.get(key), list) for key in _LISTS):
            raise RefineMaskError(
                f"{self._name} has {_LISTS[0]} as LVIS, but image {entry['id']!r} lacks "
                f"{' or '.join(_LISTS)}, lists of category ids; give LVIS's own file"
            )
        if not entry.get("coco_url"):
            return (entry["file_name"],)
        try:
            path = urlsplit(entry["coco_url"]).path.removeprefix("/")
        except ValueError as error:
            raise RefineMaskError(
                f"{self._name}: image {entry['id']!r} has no address as its coco_url ({error}), "
                f"got {entry['coco_url'][:60]!r}; give LVIS's own file"
            ) from error
        return (path, path.rpartition("/")[2])
