"""Open any dataset by the name that the command line has for it."""

from collections.abc import Sequence
from pathlib import Path

from refinemask.data.cityscapes import CityscapesDataset, is_cityscapes
from refinemask.data.coco import CocoDataset
from refinemask.data.coco_json import read_coco_json
from refinemask.data.dataset import InstanceDataset
from refinemask.data.gtfine import GtFineDataset
from refinemask.data.lvis import LvisDataset, is_lvis
from refinemask.data.shapes.dataset import ShapesDataset
from refinemask.errors import RefineMaskError


def open_dataset(
    spec: str, classes: Sequence[str] | None = None, *, with_images: bool = True
) -> InstanceDataset:
    """Open the dataset that the command line calls `spec`.

    The kind of an annotation file follows from its content: LVIS where images list the classes that
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
) -> CocoDataset | GtFineDataset:
    if annotations.is_dir():
        return GtFineDataset(annotations, images, classes)
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
