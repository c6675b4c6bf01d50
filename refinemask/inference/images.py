"""Read and write photographs as uint8 RGB (NumPy and OpenCV only)."""

import logging
import os
import stat
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from refinemask.errors import RefineMaskError
from refinemask.files import atomic_path
from refinemask.inference import jpeg, opencv
from refinemask.inference.decoder_messages import decode_noting, decode_silently
from refinemask.inference.image_headers import FORMATS, Header, is_whole_png, read_header
from refinemask.inference.opencv import cv2
from refinemask.inference.pixel_limit import VARIABLE, max_pixels, size_problem
from refinemask.printable import one_line

logger = logging.getLogger(__name__)

WRITTEN_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
IMAGE_SUFFIXES = WRITTEN_SUFFIXES | {".avif", ".jfif"}
_HEIC_SUFFIXES = frozenset({".heic", ".heif"})

_BYTES_PER_PIXEL = 16
"""A file of more bytes for each pixel allowed is not an image."""


def load_image(path: str | Path) -> NDArray[np.uint8]:
    """Read an image file as uint8 RGB (H, W, 3).

    The EXIF orientation is applied; grey becomes RGB; an alpha channel is dropped, not blended;
    16-bit values v become round(v / 257).

    Raises:
        RefineMaskError: the file is missing, not readable, not an image, not whole, has more pixels
            than 10^8 or REFINEMASK_MAX_PIXELS, or its pixels are neither 8-bit nor 16-bit integers.
    """
    path, limit = Path(path), max_pixels()
    data = read_file(path)
    header = read_header(data)
    if header is None:
        raise RefineMaskError(
            f"cannot decode {path} as an image: it is none of {FORMATS}; convert or remove it"
        )
    if header.width * header.height > limit:
        raise RefineMaskError(
            f"image {path} has {header.width} x {header.height} pixels, and at most {limit} are "
            f"read; scale it down, or set {VARIABLE} to a larger number"
        )
    if header.format == "HEIC":
        raise RefineMaskError(
            f"image {path} is HEIC, which OpenCV does not read; convert it to JPEG, for example "
            "with heif-convert"
        )
    return _to_rgb8(_decode_whole(data, header, path), path)


def decode_png(data: bytes) -> NDArray[np.generic]:
    """Decode a PNG as it is stored: (H, W) or, BGR, (H, W, C), of 8 or 16 bits.

    Raises:
        ValueError: what is wrong with it, as "is truncated".
    """
    header = read_header(data)
    if header is None or header.format != "PNG":
        raise ValueError("is not a PNG")
    if not is_whole_png(data):
        raise ValueError("is truncated")
    problem = size_problem(header.height, header.width)
    if problem:
        raise ValueError(problem)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ValueError(f"cannot be decoded ({error.err})") from error
    if pixels is None:
        raise ValueError("is damaged")
    return pixels


def read_file(path: Path) -> bytes:
    """Return the content of a file, before it is known to be an image.

    Raises:
        RefineMaskError: it is not a regular file, cannot be read, is empty, or has more bytes than
            any image.
    """
    limit = max_pixels() * _BYTES_PER_PIXEL
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise RefineMaskError(f"image {path} is not a regular file; give an image file")
            if status.st_size > limit:
                raise RefineMaskError(
                    f"image {path} has {status.st_size} bytes, too many for an image; at most "
                    f"{limit} are read, {_BYTES_PER_PIXEL} for each pixel of {VARIABLE}"
                )
            data = file.read(limit)
    except FileNotFoundError as error:
        raise RefineMaskError(f"image {path} does not exist; check the path") from error
    except IsADirectoryError as error:
        raise RefineMaskError(f"image {path} is a folder; give an image file") from error
    except (OSError, ValueError) as error:  # a name with a null byte, for example
        reason = getattr(error, "strerror", None) or error
        raise RefineMaskError(f"cannot read image {path}: {reason}") from error
    if not data:
        raise RefineMaskError(f"image {path} is empty (0 bytes); copy it again from its source")
    return data


def _open_without_waiting(path: str, flags: int) -> int:
    """Open a file; a pipe, too, does not wait for its other end."""
    return os.open(path, flags | os.O_NONBLOCK)


def list_images(paths: Iterable[str | Path]) -> list[Path]:
    """Expand folders to the image files directly inside them, in name order; keep files as given.

    Files named twice are listed once. Files in folders that are not images are left out, with a
    warning that names them, except for hidden ones.

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
        files = sorted(entry for entry in path.iterdir() if not entry.is_dir())
        inside = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
        if not inside:
            suffixes = ", ".join(sorted(IMAGE_SUFFIXES))
            raise RefineMaskError(
                f"folder {path} contains no images; put files ending in {suffixes} into it"
                f"{_heic_advice(files)}"
            )
        _report_left_out(path, files)
        found += inside
    return list(dict.fromkeys(found))


def _report_left_out(folder: Path, files: list[Path]) -> None:
    others = [
        file
        for file in files
        if file.suffix.lower() not in IMAGE_SUFFIXES and not file.name.startswith(".")
    ]
    if others:
        names = ", ".join(one_line(file.name) for file in others[:5])
        logger.warning(
            "left out %d of the %d files in %s, as their names are not those of images: %s%s%s",
            len(others),
            len(files),
            folder,
            names,
            ", ..." if len(others) > 5 else "",
            _heic_advice(others),
        )


def _heic_advice(files: list[Path]) -> str:
    if not any(file.suffix.lower() in _HEIC_SUFFIXES for file in files):
        return ""
    return "; OpenCV does not read HEIC: convert it to JPEG, for example with heif-convert"


def save_image(path: str | Path, image: NDArray[np.uint8]) -> None:
    """Write a uint8 RGB image (H, W, 3) atomically, in the format of the suffix of `path`.

    Raises:
        RefineMaskError: `path` cannot be written, or its suffix is not that of an image format.
    """
    path = Path(path)
    if path.suffix.lower() not in WRITTEN_SUFFIXES:
        raise RefineMaskError(
            f"cannot write {path} as an image; end its name in "
            f"{', '.join(sorted(WRITTEN_SUFFIXES))}"
        )
    _, data = cv2.imencode(path.suffix, np.ascontiguousarray(image[..., ::-1]))
    with atomic_path(path) as temporary:
        temporary.write_bytes(data.tobytes())


def _decode_whole(data: bytes, header: Header, path: Path) -> NDArray[np.generic]:
    """Decode an image of which no part is missing."""
    if header.format == "PNG" and not is_whole_png(data):
        raise _truncated(path)
    # Where only the decoder knows how large an image is, it has to refuse too large ones itself.
    safe = header.width * header.height or opencv.refuses_more_than(max_pixels())
    structure = jpeg.parse(data) if header.format == "JPEG" else jpeg.Jpeg(has_end=True)
    if not structure.has_end:
        data = data[: structure.end] + jpeg.END
    pixels = None
    try:
        if safe:
            pixels = _decode(data, path) if structure.has_end else _decode_silently(data)
    except cv2.error as error:
        if "CV_IO_MAX_IMAGE_PIXELS" in error.err:
            raise RefineMaskError(
                f"image {path} has more pixels than OpenCV reads; scale it down, or start again "
                f"with {VARIABLE} and, if it is set, {opencv.VARIABLE} as larger numbers"
            ) from error
        raise RefineMaskError(
            f"cannot decode image {path}: {error.err}; scale it down, or convert it to PNG or JPEG"
        ) from error
    if header.format == "JPEG" and (
        jpeg.is_cut(data, structure, pixels, _decode_silently)
        if pixels is not None
        else not structure.has_end
    ):
        raise _truncated(path)
    if pixels is None:
        raise RefineMaskError(
            f"cannot decode {path} as {header.format}: it is damaged, or of a kind that OpenCV "
            "does not read; convert it to PNG or JPEG, or remove it"
        )
    return pixels


def _truncated(path: Path) -> RefineMaskError:
    return RefineMaskError(f"image {path} is truncated; copy it again from its source")


def _decode(data: bytes, path: Path) -> NDArray[np.generic] | None:
    """Decode an image; in our programs, decoders print nothing, and damage is noted with a name."""
    if os.environ.get("OPENCV_LOG_LEVEL") != "SILENT":
        return _decode_aloud(data)
    pixels, damage = decode_noting(lambda: _decode_aloud(data))
    if damage and pixels is not None:
        logger.warning("image %s may be damaged inside, as its decoder says: %s", path, damage)
    return pixels


def _decode_aloud(data: bytes) -> NDArray[np.generic] | None:
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
    return cv2.imdecode(np.frombuffer(data, np.uint8), flags)


def _decode_silently(data: bytes) -> NDArray[np.generic] | None:
    return decode_silently(lambda: _decode_aloud(data))


def _to_rgb8(bgr: NDArray[np.generic], path: Path) -> NDArray[np.uint8]:
    if bgr.dtype == np.uint16:
        deep, bgr = bgr, np.empty(bgr.shape, np.uint8)
        for row, values in zip(bgr, deep, strict=True):  # by rows, which needs no more memory
            row[:] = (values.astype(np.uint32) + 128) // 257
    if bgr.dtype != np.uint8:
        raise RefineMaskError(
            f"image {path} has {bgr.dtype} pixels; convert it to 8-bit or 16-bit integers"
        )
    rgb = cv2.cvtColor(bgr.astype(np.uint8, copy=False), cv2.COLOR_BGR2RGB)
    return rgb.astype(np.uint8, copy=False)
