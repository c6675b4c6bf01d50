"""The same small instance as a polygon and as a bitmap."""

import numpy as np

from refinemask.data.masks import BitmapMask

LEFT_HALF = np.array([0, 0, 4, 0, 4, 6, 0, 6], np.float64)


def square(height: int, width: int) -> BitmapMask:
    """Draw `LEFT_HALF` on a canvas of (height, width)."""
    bitmap = np.zeros((height, width), np.uint8)
    bitmap[:6, :4] = 1
    return BitmapMask(bitmap)
