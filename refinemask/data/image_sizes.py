"""Sizes of image files from their headers, for datasets whose annotations do not record them."""

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from refinemask.errors import RefineMaskError
from refinemask.inference.images import load_image
from refinemask.inference.pixel_limit import size_problem

_FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")
_ORIENTATION = 0x0112
_UPRIGHT = (None, 1)


def image_sizes(paths: Sequence[Path]) -> list[tuple[int, int]]:
    """Return the height and width in pixels that `load_image` gives each file.

    Raises:
        RefineMaskError: a file is not an image that can be read, or has too many pixels.
    """
    with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our bound is an error
        return list(pool.map(_image_size, paths))


def _image_size(path: Path) -> tuple[int, int]:
    header = _read_header(path)
    if header is not None and header[1]:
        return header[0]
    # The decoder decides which files are images, and which it turns.
    height, width = load_image(path).shape[:2]
    return height, width


def _read_header(path: Path) -> tuple[tuple[int, int], bool] | None:
    """Return height and width as stored, and whether the image is shown as it is stored.

    None where the header is not that of one of the formats, is damaged, or claims more pixels than
    Pillow allows, which has a limit of its own.
    """
    try:
        with Image.open(path, formats=_FORMATS) as image:
            width, height = image.size
            # The method of PNG files decodes them, to look for a chunk behind the pixels.
            upright = Image.Image.getexif(image).get(_ORIENTATION) in _UPRIGHT
    except Exception:  # whatever Pillow makes of malformed or large files
        return None
    problem = size_problem(height, width)
    if problem:
        raise RefineMaskError(f"image {path} {problem}")
    return (height, width), upright
