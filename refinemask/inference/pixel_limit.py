"""The largest image that is worked on, checked before anything is decoded or built."""

import os
from typing import Any

from refinemask.errors import RefineMaskError

VARIABLE = "REFINEMASK_MAX_PIXELS"
"""The environment variable that sets another limit."""
DEFAULT = 10**8
_LARGEST = 2**31 - 1
"""Beyond it, indices of pixels wrap in libraries that count them in 32 bits."""


def max_pixels() -> int:
    """Return the largest number of pixels that an image may have: 10^8, or what is set.

    Raises:
        RefineMaskError: the environment variable is not an integer from 1 to 2^31 - 1.
    """
    text = os.environ.get(VARIABLE)
    if text is None:
        return DEFAULT
    if not (text.isascii() and text.isdigit() and len(text) < 11 and 1 <= int(text) <= _LARGEST):
        raise RefineMaskError(f"{VARIABLE} must be an integer from 1 to {_LARGEST}, got {text!r}")
    return int(text)


def size_problem(height: Any, width: Any) -> str | None:
    """Return what is wrong with the size of an image in pixels, or None.

    Args:
        height: what a file says, of any type.
        width: likewise.

    Returns:
        A clause that goes after the name of the image: "must have ...".
    """
    if not all(type(side) is int and side > 0 for side in (height, width)):
        shown = " and ".join(repr(side)[:40] for side in (height, width))
        return f"must have positive integers as height and width, got {shown}"
    limit = max_pixels()
    if height * width > limit:
        shown = " x ".join(str(side) if side < 10**12 else "very many" for side in (height, width))
        return f"has {shown} pixels, more than {limit}; {VARIABLE} sets another limit"
    return None
