"""OpenCV, which itself refuses images of more pixels than `max_pixels`.

Headers are looked at before anything is decoded (image_headers.py), but only a decoder knows for
certain what it is about to decode. OpenCV takes its limit from the environment when it is loaded,
so it is imported here alone. The limit is that of the whole process.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from refinemask.errors import RefineMaskError
from refinemask.inference.pixel_limit import DEFAULT, max_pixels

__all__ = ["VARIABLE", "cv2", "refuses_more_than"]

VARIABLE = "OPENCV_IO_MAX_IMAGE_PIXELS"
"""The environment variable that OpenCV takes its limit from."""
_UNITS = {"": 1, "kb": 1 << 10, "mb": 1 << 20}


def _limit() -> int:
    """Return the limit for OpenCV: ours, or what the user has set for it if that is smaller."""
    try:
        ours = max_pixels()
    except RefineMaskError:  # whoever reads an image is told
        ours = DEFAULT
    found = re.fullmatch(r"(\d{1,18})(|kb|mb)", os.environ.get(VARIABLE, "").lower())
    return min(ours, int(found[1]) * _UNITS[found[2]]) if found else ours


@contextmanager
def _environment(limit: int) -> Iterator[None]:
    """Give OpenCV its limit, but not the processes that are started later."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(limit)
    try:
        yield
    finally:
        del os.environ[VARIABLE]
        if before is not None:
            os.environ[VARIABLE] = before


_LIMIT = _limit()
_IS_LIMITED = "cv2" not in sys.modules
with _environment(_LIMIT):
    import cv2


def refuses_more_than(pixels: int) -> bool:
    """Return whether OpenCV decodes no image of more pixels; not if it was loaded before us."""
    return _IS_LIMITED and pixels >= _LIMIT
