"""The structure of JPEG files, and whether one has all of its image.

A decoder fills what is missing with grey and says nothing, and an end marker proves nothing: files
that were cut can have one, and whole ones lack it. What does prove it is that a decoder which needs
more data takes any that it gets. So a file is suspected by its structure or a grey corner, and
judged by whether more data changes its pixels.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

START = b"\xff\xd8\xff"
END = b"\xff\xd9"
# More 0xFF may precede a marker; a pattern that took them would look at each again and again.
# Those from D0 to D7, and 01, have no length, and nothing to say.
_MARKER = re.compile(rb"\xff([^\x00\x01\xff\xd0-\xd7])", re.DOTALL)
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_END_OF_IMAGE, _START_OF_SCAN = 0xD9, 0xDA
_MORE = b"\xb5\x6d\xda\xab\x57" * 50


@dataclass
class Jpeg:
    """What the markers of a file say.

    Attributes:
        size: (width, height); None without a frame header.
        components: 1 for grey, 3 for colour, 4 for CMYK.
        end: where the end marker is, or would be if it is missing.
        has_end: whether there is one.
        missing_bits: of a progressive file, for each component and each of its 64 coefficients how
            many low bits no scan has; 99 for all.
    """

    size: tuple[int, int] | None = None
    components: int = 3
    end: int = 0
    has_end: bool = False
    missing_bits: dict[int, list[int]] = field(default_factory=dict)


def parse(data: bytes) -> Jpeg:
    """Read the markers of a JPEG file, which may be cut anywhere."""
    found = Jpeg(end=len(data.rstrip(b"\xff")))
    position = 2
    while match := _MARKER.search(data, position):
        marker, position = match[1][0], match.end()
        if marker == _END_OF_IMAGE:
            found.end, found.has_end = len(data[: match.start()].rstrip(b"\xff")), True
            break
        # The scan data behind a scan's header holds no unescaped marker.
        length = int.from_bytes(data[position : position + 2], "big")
        segment = data[position + 2 : position + length]
        position += length
        if marker in _FRAMES and len(segment) >= 6 and found.size is None:
            height, width = (int.from_bytes(segment[i : i + 2], "big") for i in (1, 3))
            found.size, found.components = (width, height), segment[5]
            if marker in _PROGRESSIVE:
                found.missing_bits = {component: [99] * 64 for component in segment[6::3]}
        elif marker == _START_OF_SCAN and segment:
            _note_scan(found, segment)
    return found


def _note_scan(found: Jpeg, header: bytes) -> None:
    components = header[1 : 1 + 2 * header[0] : 2]
    first, last, bits = header[-3:] if len(header) >= 6 else (0, 0, 99)
    for component in components:
        missing = found.missing_bits.get(component, [])
        missing[first : last + 1] = [bits & 15] * len(missing[first : last + 1])


def is_cut(
    data: bytes, jpeg: Jpeg, pixels: NDArray[np.generic], decode: Callable[[bytes], object]
) -> bool:
    """Return whether a part of the image is missing.

    Not noticed is a progressive file that was cut in its last scan, which has but the lowest bits,
    and then closed.

    Args:
        data: the file.
        jpeg: its structure.
        pixels: what `decode` made of it, (H, W, 3).
        decode: returns the pixels of a file, or None.
    """
    corners = pixels[:: max(pixels.shape[0] - 1, 1), :: max(pixels.shape[1] - 1, 1)]
    middle = corners[..., :1] if jpeg.components == 4 else 128  # of CMYK it depends on the decoder
    grey = (corners == middle).all(axis=2).any()  # one is the last to be decoded, however turned
    incomplete = any(any(missing) for missing in jpeg.missing_bits.values())
    if jpeg.has_end and not grey and not incomplete:
        return False
    with_more = decode(data[: jpeg.end] + _MORE + END)
    return not np.array_equal(pixels, np.asarray(with_more))
