"""Read and write photographs as uint8 RGB (NumPy and OpenCV only)."""

import re
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from refinemask.errors import RefineMaskError
from refinemask.files import atomic_path

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


def load_image(path: str | Path) -> NDArray[np.uint8]:
    """Read an image file as uint8 RGB (H, W, 3).

    The EXIF orientation is applied; grey becomes RGB; an alpha channel is dropped, not blended;
    16-bit values v become round(v / 257).

    Raises:
        RefineMaskError: the file is missing, not readable, not an image, truncated, or its pixels
            are neither 8-bit nor 16-bit integers.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise RefineMaskError(f"image {path} does not exist; check the path") from error
    except IsADirectoryError as error:
        raise RefineMaskError(f"image {path} is a folder; give an image file") from error
    except OSError as error:
        raise RefineMaskError(f"cannot read image {path}: {error.strerror or error}") from error
    if not data:
        raise RefineMaskError(f"image {path} is empty (0 bytes); copy it again from its source")
    if _is_truncated(data):
        raise RefineMaskError(f"image {path} is truncated; copy it again from its source")
    return _to_rgb8(_decode(data, path), path)


def list_images(paths: Iterable[str | Path]) -> list[Path]:
    """Expand folders to the image files directly inside them, in name order; keep files as given.

    Files named twice are listed once.

    Raises:
        RefineMaskError: a path does not exist, or a folder contains no images.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if not path.is_dir():
            if not path.exists():
                raise RefineMaskError(f"image {path} does not exist; check the path")
            found.append(path)
            continue
        inside = sorted(
            entry
            for entry in path.iterdir()
            if entry.suffix.lower() in IMAGE_SUFFIXES and entry.is_file()
        )
        if not inside:
            suffixes = ", ".join(sorted(IMAGE_SUFFIXES))
            raise RefineMaskError(
                f"folder {path} contains no images; put files ending in {suffixes} into it"
            )
        found += inside
    return list(dict.fromkeys(found))


def save_image(path: str | Path, image: NDArray[np.uint8]) -> None:
    """Write a uint8 RGB image (H, W, 3) atomically, in the format of the suffix of `path`.

    Raises:
        RefineMaskError: `path` cannot be written, or its suffix is not that of an image format.
    """
    path = Path(path)
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise RefineMaskError(
            f"cannot write {path} as an image; end its name in {', '.join(sorted(IMAGE_SUFFIXES))}"
        )
    _, data = cv2.imencode(path.suffix, np.ascontiguousarray(image[..., ::-1]))
    with atomic_path(path) as temporary:
        temporary.write_bytes(data.tobytes())


def _decode(data: bytes, path: Path) -> NDArray[np.generic]:
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise RefineMaskError(
            f"cannot decode image {path}: {error.err}; scale it down, or convert it to PNG or JPEG"
        ) from error
    if image is None:
        raise RefineMaskError(
            f"cannot decode {path} as an image; convert it to PNG or JPEG, or remove it"
        )
    return image


def _to_rgb8(bgr: NDArray[np.generic], path: Path) -> NDArray[np.uint8]:
    if bgr.dtype == np.uint16:
        bgr = ((bgr.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if bgr.dtype != np.uint8:
        raise RefineMaskError(
            f"image {path} has {bgr.dtype} pixels; convert it to 8-bit or 16-bit integers"
        )
    return np.ascontiguousarray(bgr[..., ::-1])


_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9


def _is_truncated(data: bytes) -> bool:
    """Whether a JPEG or PNG stops before its end marker: OpenCV fills the rest with grey."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return b"IEND" not in data[-65536:]
    if not data.startswith(b"\xff\xd8\xff"):
        return False
    position = 2
    while match := _MARKER.search(data, position):
        marker, position = match[1][0], match.end()
        if marker == _END_OF_IMAGE:
            return False
        # Skip the segment; the scan data behind a scan's header holds no unescaped marker.
        position += int.from_bytes(data[position : position + 2], "big")
    return True
