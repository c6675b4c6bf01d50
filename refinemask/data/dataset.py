"""What a dataset of images with instance masks offers, and `open_dataset`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from refinemask.data.masks import InstanceMask
from refinemask.errors import RefineMaskError

if TYPE_CHECKING:
    from refinemask.data.coco import CocoDataset
    from refinemask.data.gtfine import GtFineDataset

MIN_IMAGE_SIDE = 32
"""Training leaves out images with a shorter side, in pixels (SPEC 3.14)."""

EvaluationProtocol = Literal["coco", "lvis", "cityscapes"]
"""Whose rules say what is right: which regions are ignored and which classes are annotated."""


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
    image_id: int | str
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    masks: tuple[InstanceMask, ...]


class Samples(Protocol):
    """What the batches of training are made from."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


class EvaluationDataset(Protocol):
    """What evaluation asks of a dataset."""

    @property
    def protocol(self) -> EvaluationProtocol: ...

    @property
    def class_names(self) -> tuple[str, ...]: ...

    @property
    def category_ids(self) -> tuple[int, ...]:
        """The dataset's own id of each class."""
        ...

    @property
    def image_ids(self) -> Sequence[int | str]: ...

    @property
    def ground_truth(self) -> dict[str, Any]:
        """The annotations as a COCO dataset ready for JSON, crowds included."""
        ...

    def load_image(self, index: int) -> NDArray[np.uint8]:
        """Return an image as uint8 RGB (H, W, 3)."""
        ...


class InstanceDataset(Samples, EvaluationDataset, Protocol):
    """The interface of every dataset."""

    def image_path(self, index: int) -> Path: ...

    def image_labels(self, index: int) -> NDArray[np.int64]:
        """Return the labels of `self[index]` without loading the image: int64 (N,)."""
        ...

    def for_training(self) -> Self:
        """Leave out images that are too small or without usable instances (SPEC 3.14)."""
        ...


@runtime_checkable
class InstanceMaps(Protocol):
    """What the datasets of Cityscapes offer beyond: its evaluator reads the instance maps."""

    def instance_map_path(self, index: int) -> Path: ...


def open_dataset(
    spec: str, classes: Sequence[str] | None = None, *, with_images: bool = True
) -> InstanceDataset:
    """Open the dataset that the command line calls `spec`.

    What an annotation file holds is told by its content: LVIS where images list the classes that
    are absent (`neg_category_ids`), Cityscapes where they are called `*_leftImg8bit.png`, else
    COCO.

    Args:
        spec: `ANNOTATIONS.json`, `ROOT/gtFine/SPLIT`, each with `@IMAGES_DIR` if the images are
            not where users of that dataset have them; or `shapes`, `shapes:COUNT`,
            `shapes:COUNT:SEED` for the embedded one.
        classes: names of the classes to keep, in this order; None keeps all.
        with_images: whether all images must be there; measuring results reads none.

    Raises:
        RefineMaskError: the specification or what it leads to is not usable.
    """
    if spec == "shapes" or spec.startswith("shapes:"):
        from refinemask.data.shapes.dataset import ShapesDataset

        return ShapesDataset.from_spec(spec, classes)
    before, separator, after = spec.rpartition("@")
    given = bool(separator) and not Path(spec).exists()
    annotations, images = (Path(before), Path(after)) if given else (Path(spec), None)
    dataset = _open_path(annotations, images, classes)
    if with_images:
        dataset.check_images()
    return dataset


def _open_path(
    annotations: Path, images: Path | None, classes: Sequence[str] | None
) -> "CocoDataset | GtFineDataset":
    if annotations.is_dir():
        from refinemask.data.gtfine import GtFineDataset

        return GtFineDataset(annotations, images, classes)
    from refinemask.data.cityscapes import CityscapesDataset, is_cityscapes
    from refinemask.data.coco import CocoDataset
    from refinemask.data.coco_json import read_coco_json
    from refinemask.data.lvis import LvisDataset, is_lvis

    if not annotations.is_file():
        raise RefineMaskError(
            f"dataset {str(annotations)!r} is neither `shapes` nor an existing file or folder; "
            "give ANNOTATIONS.json, ANNOTATIONS.json@IMAGES_DIR, ROOT/gtFine/SPLIT or shapes:COUNT"
        )
    content = read_coco_json(annotations)
    if is_lvis(content):
        return LvisDataset(annotations, content, images, classes)
    if is_cityscapes(content):
        return CityscapesDataset(annotations, content, images, classes)
    return CocoDataset(annotations, content, images, classes)
