"""Where the instance maps of gtFine are, and the images that belong to them."""

from collections.abc import Sequence
from pathlib import Path

from refinemask.data.cityscapes import IMAGE_SUFFIX, MAP_SUFFIX, SPLITS
from refinemask.data.image_folders import find_images
from refinemask.errors import RefineMaskError


def list_maps(folder: Path) -> list[Path]:
    """Return the instance maps in a folder, or in its folders of cities, by name.

    Raises:
        RefineMaskError: it has none; the error names its splits if it has those.
    """
    found = sorted(folder.glob(f"*{MAP_SUFFIX}")) or sorted(folder.glob(f"*/*{MAP_SUFFIX}"))
    if found:
        return found
    for deeper in (folder, folder / "gtFine"):
        splits = [split for split in SPLITS if (deeper / split).is_dir()]
        if splits and any((deeper / splits[0]).glob(f"*/*{MAP_SUFFIX}")):
            raise RefineMaskError(
                f"{folder} has several splits of Cityscapes; give one of them: "
                f"{', '.join(str(deeper / split) for split in splits)}"
            )
    raise RefineMaskError(
        f"{folder} is a folder, but not one of gtFine of Cityscapes: it has no *{MAP_SUFFIX}; give "
        "an annotation file (instances_*.json), ROOT/gtFine/SPLIT, the data.yaml of a YOLO dataset "
        "or a folder of LabelMe files"
    )


def images_beside(folder: Path) -> Path:
    """Return the folder of the images that belong to a folder of gtFine."""
    parts = ["leftImg8bit" if part == "gtFine" else part for part in folder.absolute().parts]
    return Path(*parts)


def images_of_maps(maps: Sequence[Path], folder: Path, images: Path) -> list[Path]:
    """Return the image of each map.

    Args:
        maps: the instance maps.
        folder: the folder that they were listed in.
        images: the folder with the images, in folders of cities or directly.

    Raises:
        RefineMaskError: images are missing.
    """
    stems = [path.name.removesuffix(MAP_SUFFIX) for path in maps]
    cities = [path.parent.relative_to(folder) for path in maps]
    found = find_images(
        folder,
        [images],
        [
            (f"{city}/{stem}{IMAGE_SUFFIX}", f"{stem}{IMAGE_SUFFIX}")
            for city, stem in zip(cities, stems, strict=True)
        ],
        "name the folder with the images after the maps: ROOT/gtFine/SPLIT@IMAGES_DIR",
    )
    return [found.folder / name for name in found.names]
