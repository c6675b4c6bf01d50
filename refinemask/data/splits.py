"""Make the project's training and validation splits from a user's own download of the data."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinemask.data.coco_json import read_coco_json, unpacked
from refinemask.errors import RefineMaskError
from refinemask.inference.images import load_image
from refinemask.inference.opencv import cv2
from refinemask.inference.rle import encode_rle

SPLIT_NAMES = ("pennfudan", "coco-mini")
_PARTS = ("train", "val")


def convert(name: str, source: Path, output: Path) -> tuple[Path, Path]:
    """Write the training and validation splits of `name` to a new folder.

    Args:
        name: "pennfudan" for Penn-Fudan, whose folder `PennFudanPed` has `PNGImages` and
            `PedMasks`; "coco-mini" for a subset of COCO 2017, whose folder has `annotations`,
            `train2017` and `val2017`.
        source: the download.
        output: a folder that does not exist yet or is empty.

    Returns:
        The annotation files for training and for validation; `open_dataset` finds their images.

    Raises:
        RefineMaskError: the name is unknown, the source is incomplete, or the output is in use.
            Nothing is written then.
    """
    if name not in SPLIT_NAMES:
        raise RefineMaskError(f"unknown dataset {name!r}; choose {' or '.join(SPLIT_NAMES)}")
    if not source.is_dir():
        raise RefineMaskError(f"source {source} is not a folder; give the unpacked download")
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise RefineMaskError(f"output {output} exists already; choose a new folder")
    files = _COLLECT[name](source)
    with _new_folder(output) as folder:
        (folder / "images").mkdir()
        for annotations, content, images in files:
            target = folder / annotations
            target.parent.mkdir(exist_ok=True)
            target.write_text(json.dumps(content), encoding="utf-8")
            for image in images:
                shutil.copy(image, folder / "images" / image.name)
    train, val = (output / annotations for annotations, _, _ in files)
    return train, val


SplitFiles = list[tuple[str, dict[str, Any], list[Path]]]
"""Of each split: the name of its annotation file, that file's content, its images."""


def _collect_pennfudan(source: Path) -> SplitFiles:
    if (source / "PennFudanPed").is_dir():
        source = source / "PennFudanPed"
    splits = {part: [line.split() for line in _read_ids("pennfudan", part)] for part in _PARTS}
    stems = [stem for rows in splits.values() for stem, _, _ in rows]
    wanted = [source / "PNGImages" / f"{stem}.png" for stem in stems]
    wanted += [source / "PedMasks" / f"{stem}_mask.png" for stem in stems]
    _require_files(wanted, source)
    files = []
    for part, rows in splits.items():
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for stem, image_id, first in rows:
            mask = _read_pennfudan_mask(source, stem)
            height, width = mask.shape
            images.append(
                {"id": int(image_id), "file_name": f"{stem}.png", "height": height, "width": width}
            )
            annotations += _pennfudan_annotations(mask, int(image_id), int(first))
        content = {
            "info": {"description": "Penn-Fudan, generated from PedMasks"},
            "categories": [{"id": 1, "name": "person"}],
            "images": images,
            "annotations": annotations,
        }
        paths = [source / "PNGImages" / image["file_name"] for image in images]
        files.append((f"instances_{part}.json", content, paths))
    return files


def _read_pennfudan_mask(source: Path, stem: str) -> NDArray[np.uint8]:
    """Read a mask image: uint8 (H, W), 0 for background and 1, 2, ... for each person."""
    path = source / "PedMasks" / f"{stem}_mask.png"
    load_image(path)  # which refuses what is damaged or too large
    mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if mask is None or mask.ndim != 2 or mask.dtype != np.uint8 or not mask.any():
        raise RefineMaskError(
            f"{path} is not a mask of Penn-Fudan: an 8-bit grey PNG with a value 1, 2, ... for "
            "each person is expected; download the data again"
        )
    size = load_image(source / "PNGImages" / f"{stem}.png").shape[:2]
    if size != mask.shape:
        raise RefineMaskError(
            f"{path} has the size {mask.shape}, its image has {size}; download the data again"
        )
    return mask.astype(np.uint8, copy=False)


def _pennfudan_annotations(
    mask: NDArray[np.uint8], image_id: int, first_id: int
) -> Iterator[dict[str, Any]]:
    values = [value for value in np.unique(mask) if value]
    for annotation_id, value in enumerate(values, start=first_id):
        person = mask == value
        rows, columns = np.flatnonzero(person.any(1)), np.flatnonzero(person.any(0))
        box = (columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1)
        yield {
            "id": annotation_id,
            "image_id": image_id,
            "category_id": 1,
            "iscrowd": 0,
            "area": int(np.count_nonzero(person)),
            "bbox": [float(side) for side in box],
            "segmentation": encode_rle(person),
        }


def _collect_coco_mini(source: Path) -> SplitFiles:
    names = {part: f"annotations/instances_{part}2017.json" for part in _PARTS}
    _require_files([source / name for name in names.values()], source)
    files = []
    for part, name in names.items():
        content = _subset(source / name, [int(line) for line in _read_ids("coco-mini", part)])
        paths = [source / f"{part}2017" / image["file_name"] for image in content["images"]]
        _require_files(paths, source)
        files.append((name, content, paths))
    return files


def _subset(annotations: Path, ids: Sequence[int]) -> dict[str, Any]:
    """Cut a COCO file down to some images, in ascending order of ids."""
    content = read_coco_json(annotations)
    chosen = set(ids)
    images = [image for image in content["images"] if image["id"] in chosen]
    if len(images) < len(chosen):
        raise RefineMaskError(
            f"{annotations} lacks {len(chosen) - len(images)} of the {len(chosen)} images of the "
            "split; use the complete file of COCO 2017"
        )
    return {
        "info": {"description": "coco-mini, a subset of COCO 2017"},
        "licenses": content.get("licenses", []),
        "categories": content["categories"],
        "images": sorted(images, key=lambda image: image["id"]),
        "annotations": sorted(
            (unpacked(a) for a in content["annotations"] if a["image_id"] in chosen),
            key=lambda a: a["id"],
        ),
    }


_COLLECT = {"pennfudan": _collect_pennfudan, "coco-mini": _collect_coco_mini}


def _read_ids(name: str, part: str) -> list[str]:
    """Return the lines of a list in `split_ids`, without comments."""
    path = resources.files("refinemask.data") / "split_ids" / f"{name}_{part}.txt"
    return [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]


def _require_files(paths: Sequence[Path], source: Path) -> None:
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise RefineMaskError(
            f"{source} is incomplete: {len(missing)} of {len(paths)} files are missing, the first "
            f"is {missing[0].relative_to(source)}; give the folder of the unpacked download"
        )


@contextmanager
def _new_folder(output: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `output` that takes its place if the block succeeds."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.parent))
    except OSError as error:
        raise RefineMaskError(
            f"cannot write {output}: {error.strerror or error}; choose a writable folder"
        ) from error
    try:
        yield folder
        umask = os.umask(0)
        os.umask(umask)
        folder.chmod(0o777 & ~umask)
        folder.replace(output)
    except OSError as error:
        raise RefineMaskError(
            f"cannot write {output}: {error.strerror or error}; choose another folder"
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
