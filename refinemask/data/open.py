"""Open any dataset by the name that the command line has for it."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from refinemask.data.cityscapes import CityscapesDataset, is_cityscapes
from refinemask.data.coco import CocoDataset
from refinemask.data.coco_json import read_coco_json
from refinemask.data.dataset import InstanceDataset, InstanceMaps
from refinemask.data.gtfine import GtFineDataset
from refinemask.data.labelme import is_labelme, open_labelme
from refinemask.data.lvis import LvisDataset, is_lvis
from refinemask.data.shapes.dataset import ShapesDataset
from refinemask.data.yolo import label_path, open_yolo
from refinemask.data.yolo_yaml import SPLITS, find_yaml, is_yolo
from refinemask.errors import RefineMaskError

KINDS = (
    "ANNOTATIONS.json (COCO, LVIS, Cityscapes), ROOT/gtFine/SPLIT (Cityscapes), DATA.yaml:SPLIT "
    "(YOLO), a folder of LabelMe files, or shapes:COUNT"
)
"""What a dataset may be called, for messages."""


def open_dataset(
    spec: str,
    classes: Sequence[str] | None = None,
    *,
    with_images: bool = True,
    images_only: bool = False,
) -> InstanceDataset:
    """Open the dataset that the command line calls `spec`.

    The kind of a file follows from its content: LVIS where images list the classes that are absent
    (`neg_category_ids`), Cityscapes where they are called `*_leftImg8bit.png`, else COCO; and so
    does that of a folder: YOLO if a YAML file with `names` is in it or, for a folder of images,
    above it; LabelMe if its JSON files are; else gtFine of Cityscapes.

    Args:
        spec: `ANNOTATIONS.json`, `ROOT/gtFine/SPLIT` or a folder of LabelMe files, each with
            `@IMAGES_DIR` if the images are not where users of that dataset have them;
            `DATA.yaml:SPLIT` or `FOLDER:SPLIT` of YOLO, where SPLIT is train, val or test and may
            be left out if there is one only, or a folder of its images; or `shapes`,
            `shapes:COUNT`, `shapes:COUNT:SEED` for the embedded one.
        classes: names of the classes to keep, in this order; None keeps all.
        with_images: whether all images must be there; measuring results reads none.
        images_only: whether an annotation file may lack annotations and categories; it then has
            no annotations.

    Raises:
        RefineMaskError: the specification or what it leads to is not usable.
    """
    if spec == "shapes" or spec.startswith("shapes:"):
        return ShapesDataset.from_spec(spec, classes)
    path, split, images = _parts(spec)
    dataset = _open_path(path, split, images, classes, images_only)
    if with_images:
        dataset.check_images()
    return dataset


def dataset_files(spec: str, dataset: InstanceDataset) -> Iterator[Path]:
    """Yield the files that a dataset is read from, and perhaps others beside them.

    Args:
        spec: what it was opened by.
        dataset: as `open_dataset` returned it; images that are missing are left out.
    """
    path = _parts(spec)[0]
    if is_yolo(path):
        yield find_yaml(path)
    elif path.is_file():
        yield path
    elif path.is_dir():
        yield from path.rglob("*.json")
    with suppress(RefineMaskError):
        for image in map(dataset.image_path, range(len(dataset))):
            yield from (image, label_path(image))
    if isinstance(dataset, InstanceMaps):
        yield from map(dataset.instance_map_path, range(len(dataset)))


def _parts(spec: str) -> tuple[Path, str | None, Path | None]:
    """Return the file or folder of a specification, its split and its folder of images."""
    before, separator, after = spec.rpartition("@")
    given = bool(separator) and not Path(spec).exists()
    path, images = (Path(before), Path(after)) if given else (Path(spec), None)
    before, separator, after = str(path).rpartition(":")
    split = after if separator and after in SPLITS and not path.exists() else None
    return Path(before) if split else path, split, images


def _open_path(
    path: Path,
    split: str | None,
    images: Path | None,
    classes: Sequence[str] | None,
    images_only: bool,
) -> CocoDataset | GtFineDataset:
    if split or is_yolo(path):
        return _open_yolo(path, split, images, classes)
    if path.is_dir():
        if is_labelme(path):
            return open_labelme(path, images, classes)
        return GtFineDataset(path, images, classes)
    if not path.is_file():
        raise RefineMaskError(
            f"dataset {str(path)!r} is neither `shapes` nor an existing file or folder; give "
            f"{KINDS}; ANNOTATIONS.json@IMAGES_DIR names the folder of the images"
        )
    content = read_coco_json(path, images_only)
    if is_lvis(content):
        return LvisDataset(path, content, images, classes)
    if is_cityscapes(content):
        return CityscapesDataset(path, content, images, classes)
    return CocoDataset(path, content, images, classes)


def _open_yolo(
    path: Path, split: str | None, images: Path | None, classes: Sequence[str] | None
) -> CocoDataset:
    if not is_yolo(path):
        raise RefineMaskError(
            f"{path} is not a YOLO dataset, which has a YAML file with `names`; give {KINDS}"
        )
    if images is not None:
        raise RefineMaskError(
            f"the images of {path} are where its YAML file says, because their labels are found "
            f"from there; leave out @{images}"
        )
    return open_yolo(path, split, classes)
