"""Find the folder that holds the images of an annotation file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from refinemask.errors import RefineMaskError


@dataclass(frozen=True)
class ImageFolder:
    """A folder with all images of an annotation file.

    Attributes:
        folder: where they are.
        names: their paths in it, in the order of the file.
    """

    folder: Path
    names: tuple[str, ...]


def find_images(
    annotations: Path, candidates: Sequence[Path], names: Sequence[Sequence[str]], hint: str
) -> ImageFolder:
    """Choose the first folder that holds an image, and check that it holds all.

    Args:
        annotations: what lists the images; for messages.
        candidates: folders to try, the most usual first.
        names: of each image the paths it may have in its folder, the same kinds for every image.
        hint: what to try if images are missing; ends the message.

    Raises:
        RefineMaskError: the folder does not exist, or some of the images are not in it.
    """
    folder, kind = _choose(candidates, names)
    if not folder.is_dir():
        raise RefineMaskError(f"the images folder {folder} does not exist; {hint}")
    chosen = tuple(paths[kind] for paths in names)
    missing = [name for name in chosen if not (folder / name).is_file()]
    if missing:
        raise RefineMaskError(
            f"{len(missing)} of the {len(names)} images in {annotations} are not in {folder}, "
            f"the first is {missing[0]}; {hint}"
        )
    return ImageFolder(folder, chosen)


def _choose(candidates: Sequence[Path], names: Sequence[Sequence[str]]) -> tuple[Path, int]:
    # Three images stand for all: one alone may be the one that is missing.
    probes = [names[index] for index in (0, len(names) // 2, -1)]
    for folder in candidates:
        for kind in range(len(names[0])):
            if any((folder / paths[kind]).is_file() for paths in probes):
                return folder, kind
    return next((folder for folder in candidates if folder.is_dir()), candidates[0]), 0
