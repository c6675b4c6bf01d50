"""The sizes of frames inside nvinfer (standard library only)."""

from refinemask.inference.metadata import InputLimits
from refinemask.inference.sizes import padded_side, resized_size

Size = tuple[int, int]
"""Height and width in pixels."""


def canvas_size(frame: Size, limits: InputLimits) -> Size:
    """Return the size of the network's input for frames of a size, padding included.

    It is the padded size to which an engine would resize the frame, or the artifact's fixed one.
    """
    fixed = limits.height, limits.width
    resized = resized_size(*frame, limits.short_side, limits.long_side, fixed)
    height, width = (
        side or padded_side(length, limits.divisor)
        for side, length in zip(fixed, resized, strict=True)
    )
    return height, width


def scaled_size(frame: Size, canvas: Size) -> Size:
    """Return the size to which nvinfer scales a frame, at the top left of the canvas.

    With `maintain-aspect-ratio=1` it fills one side of the canvas; it cuts an odd last row or
    column of the frame off, and rounds the other side down (gstnvinfer.cpp, get_converted_buffer).
    """
    height, width = (side - side % 2 for side in frame)
    if canvas[1] * height / width <= canvas[0]:
        return max(int(canvas[1] * height / width), 1), canvas[1]
    return canvas[0], max(int(canvas[0] * width / height), 1)
