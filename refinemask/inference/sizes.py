"""Sizes of the images that networks take, before and after padding (standard library only)."""

DIVISOR = 32
"""Padded heights and widths are multiples of this, the stride of C5."""
MIN_SIDE = DIVISOR
"""Smallest padded height and width of an artifact, in pixels."""
MAX_SIDE = 2048
"""Largest padded height and width of an artifact, in pixels."""
MAX_BATCH = 256
"""Most images of a fixed batch of an artifact."""
MIN_TILE = 32
"""Smallest side of the tiles that a large image is cut into, in pixels."""
DEFAULT_OVERLAP = 0.2
"""The part of a tile that the next one repeats."""


def resized_size(
    height: int,
    width: int,
    short_side: int,
    long_side: int,
    canvas: tuple[int | None, int | None] = (None, None),
) -> tuple[int, int]:
    """Return the size that an image of `height` x `width` pixels is resized to (numerics 1.1).

    It is the largest whose sides are within `short_side` and `long_side`, in pixels, and within
    `canvas` (height, width) where that is given; each side is at least 1.
    """
    scale = min(
        long_side / max(height, width),
        short_side / min(height, width),
        (canvas[0] or float("inf")) / height,
        (canvas[1] or float("inf")) / width,
    )
    return max(int(height * scale + 0.5), 1), max(int(width * scale + 0.5), 1)


def padded_side(side: int, divisor: int = DIVISOR) -> int:
    """Round the side of an image up to a multiple of `divisor` (numerics 1.2)."""
    return -(-side // divisor) * divisor
