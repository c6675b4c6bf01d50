"""The format and size that the header of an image file claims, before anything is decoded."""

import re
import struct
from dataclasses import dataclass

from refinemask.inference import jpeg

FORMATS = "AVIF, BMP, GIF, JPEG, JPEG 2000, PNG, PNM, TIFF and WebP"
_CODESTREAM = b"\xff\x4f\xff\x51"
_MOST_BOXES = 1000


@dataclass(frozen=True)
class Header:
    """What a header claims; a width and height of 0 where they are not found."""

    format: str
    width: int = 0
    height: int = 0


def read_header(data: bytes) -> Header | None:
    """Return what the header of an image file claims; None for other files."""
    for signature, name, size in _READERS:
        if re.match(signature, data, re.DOTALL):
            try:
                return Header(name, *size(data))
            except (struct.error, ValueError, TypeError, LookupError, OverflowError):
                return Header(name)
    return None


def is_whole_png(data: bytes) -> bool:
    """Return whether the chunks of a PNG file, each with its length, lead to its end.

    Decoders make room for the length that a chunk claims, before they see that it is not there.
    """
    start = 8
    while len(data) >= start + 12:
        length, kind = struct.unpack_from(">I4s", data, start)
        start += 12 + length  # length, kind and checksum take 4 bytes each
        if kind == b"IEND":
            return len(data) >= start
    return False


def _jpeg(data: bytes) -> tuple[int, int]:
    return jpeg.parse(data).size or (0, 0)


def _png(data: bytes) -> tuple[int, int]:
    return struct.unpack_from(">II", data, 16)


def _gif(data: bytes) -> tuple[int, int]:
    return struct.unpack_from("<HH", data, 6)


def _bmp(data: bytes) -> tuple[int, int]:
    if _little(data[14:18]) == 12:
        return struct.unpack_from("<HH", data, 18)
    width, height = struct.unpack_from("<ii", data, 18)
    return abs(width), abs(height)  # negative: from the top


def _webp(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        return _little(data[24:27]) + 1, _little(data[27:30]) + 1
    if kind == b"VP8L":
        bits = _little(data[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind != b"VP8 ":
        raise ValueError("no image")
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _tiff(data: bytes) -> tuple[int, int]:
    order = "<" if data.startswith(b"II") else ">"
    forms = {3: "H", 4: "I"}
    if struct.unpack_from(order + "H", data, 2)[0] == 43:  # BigTIFF
        (start,) = struct.unpack_from(order + "Q", data, 8)
        (count,) = struct.unpack_from(order + "Q", data, start)
        start, step, where = start + 8, 20, 12
        forms[16] = "Q"
    else:
        (start,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, start)
        start, step, where = start + 2, 12, 8
    sides: dict[int, int] = {}
    for entry in range(start, start + step * min(count, 4096), step):
        tag, kind = struct.unpack_from(order + "HH", data, entry)
        if tag in (256, 257) and tag not in sides:  # of several, decoders take the first
            (sides[tag],) = struct.unpack_from(order + forms[kind], data, entry + where)
    return sides[256], sides[257]


def _jpeg_2000(data: bytes) -> tuple[int, int]:
    start = 0 if data.startswith(_CODESTREAM) else _box(data, b"jp2c").start
    if not data.startswith(_CODESTREAM, start):
        raise ValueError("no codestream")
    return struct.unpack_from(">II", data, start + 8)


def _pnm(data: bytes) -> tuple[int, int]:
    space = rb"(?:\s|#[^\r\n]*[\r\n])*"
    found = re.match(rb"P\d" + space + rb"(\d+)\D" + space + rb"(\d+)", data)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _heif(data: bytes) -> tuple[int, int]:
    """Return the largest of the images that a file is put together from."""
    meta = _box(data, b"meta")
    places = [found.end() for found in re.finditer(b"ispe", data[meta.start : meta.stop])]
    sizes = (struct.unpack_from(">II", data, meta.start + place + 4) for place in places)
    return max(sizes, key=_area)


def _box(data: bytes, wanted: bytes) -> range:
    """Return where the content of the first box of a kind is, in a file that consists of boxes.

    Raises:
        LookupError: there is none.
        struct.error: the boxes are cut off.
    """
    start = 0
    for _ in range(_MOST_BOXES):
        length, kind = struct.unpack_from(">I4s", data, start)
        content = start + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, content)
            content += 8
        end = start + length if length else len(data)
        if kind == wanted:
            return range(content, end)
        start = end
    raise LookupError(wanted)


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")


_READERS = (
    (rb"\xff\xd8\xff", "JPEG", _jpeg),
    (rb"\x89PNG\r\n\x1a\n", "PNG", _png),
    (rb"GIF8[79]a", "GIF", _gif),
    (rb"BM", "BMP", _bmp),
    (rb"RIFF....WEBP", "WebP", _webp),
    (rb"II[*+]\0|MM\0[*+]", "TIFF", _tiff),
    (rb"....ftyp(?:avif|avis|(?:mif1|miaf)....(?:....){0,16}avif)", "AVIF", _heif),
    (rb"....ftyp(?:heic|heix|heim|heis|hevc|hevx|mif1|msf1)", "HEIC", _heif),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "JPEG 2000", _jpeg_2000),
    (rb"P[1-6]\s", "PNM", _pnm),
)
