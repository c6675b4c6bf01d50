"""Sizes are read from headers as decoders read them, and bounded before anything is decoded."""

import os
import struct
import subprocess
import sys

import cv2
import pytest

from refinemask.errors import RefineMaskError
from refinemask.inference import opencv
from refinemask.inference.image_headers import read_header
from refinemask.inference.images import load_image
from tests.inference.image_files import write

PIL = pytest.importorskip("PIL.Image")


def size_in_header(data):
    header = read_header(data)
    assert header is not None
    return header.width, header.height


ENCODED = (".jpg", ".png", ".bmp", ".gif", ".webp", ".tiff", ".avif", ".jp2", ".ppm", ".pgm")


@pytest.mark.parametrize("suffix", ENCODED)
def test_headers(tmp_path, photo, suffix, monkeypatch):
    array = photo if suffix != ".pgm" else photo[..., 0]
    path = write(tmp_path / f"photo{suffix}", array)
    data = path.read_bytes()
    assert size_in_header(data) == (60, 40)
    for length in range(min(len(data), 600)):  # cut anywhere, it is damaged and no more
        read_header(data[:length])
    monkeypatch.setenv("REFINEMASK_MAX_PIXELS", "2400")
    assert load_image(path).shape == (40, 60, 3)
    monkeypatch.setenv("REFINEMASK_MAX_PIXELS", "2399")
    with pytest.raises(RefineMaskError, match="has 60 x 40 pixels, and at most 2399 are read"):
        load_image(path)


def test_headers_of_kinds_that_opencv_does_not_write(photo, tmp_path):
    image = PIL.fromarray(photo)
    image.save(tmp_path / "lossless.webp", lossless=True)
    image.save(tmp_path / "extended.webp", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0")
    image.save(tmp_path / "big.tif", big_tiff=True)
    for path in tmp_path.iterdir():
        assert size_in_header(path.read_bytes()) == (60, 40), path
    motorola = (
        b"MM\0*\0\0\0\x08\0\x02" + b"\1\0\0\3\0\0\0\1\0\x3c\0\0" + b"\1\1\0\4\0\0\0\1\0\0\0\x28"
    )
    assert size_in_header(motorola) == (60, 40)
    old = b"BM" + bytes(12) + b"\x0c\0\0\0" + b"\x3c\0\x28\0"
    assert size_in_header(old) == (60, 40)


def encode(suffix, array, *flags):
    return cv2.imencode(suffix, array, flags)[1].tobytes()


def jpeg_with_another_frame(photo):
    """A marker without a length, which hides that of a comment with the header of a frame."""
    data = encode(".jpg", photo)
    frame = b"\xff\xc0\x00\x0b\x08\x00\x08\x00\x08\x01\x01\x11\x00"
    comment = b"\xff\xfe" + (2 + len(frame)).to_bytes(2, "big") + frame
    return data[:2] + b"\xff\x01\x00\x04" + comment + data[2:]


def jpeg_2000_with_another_codestream(photo):
    data = encode(".jp2", photo)
    size = b"\xff\x4f\xff\x51" + struct.pack(">HHII", 47, 0, 8, 8)
    place = data.index(b"jp2c") - 4
    return data[:place] + struct.pack(">I4s", 8 + len(size), b"free") + size + data[place:]


def tiff_with_other_sides(photo, *added, kind=4):
    """Return a TIFF whose width has another type, and more entries at the end of its directory."""
    data = encode(".tiff", photo, cv2.IMWRITE_TIFF_COMPRESSION, 1)
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    entries = data[start + 2 : start + 2 + 12 * count]
    width = struct.pack("<HH", 256, kind) + entries[4:12]
    return b"".join(
        (
            data[:4] + struct.pack("<I", len(data)) + data[8:],
            struct.pack("<H", count + len(added)) + width + entries[12:],
            *(struct.pack("<HHII", tag, 4, 1, side) for tag, side in added),
            bytes(4),
        )
    )


def pnm(photo, header):
    return header + photo.tobytes()


MISLEADING = {
    "jpeg": jpeg_with_another_frame,
    "jpeg 2000": jpeg_2000_with_another_codestream,
    "tiff": lambda photo: tiff_with_other_sides(photo, (256, 8), (257, 8)),
    "pnm comment": lambda photo: pnm(photo, b"P6 #\r60 40 255\n8 8 255\n"),
    "pnm comments": lambda photo: pnm(photo, b"P6\n#x\r60\n#y\r40\n255\n"),
    "pnm number": lambda photo: pnm(photo, b"P6 60#40 255\n8 255\n"),
    "pnm zeros": lambda photo: pnm(photo, b"P6 000000000060 40 255\n"),
}


@pytest.mark.parametrize("kind", MISLEADING)
def test_headers_that_mean_something_else_to_the_decoder(tmp_path, photo, kind, monkeypatch):
    path = tmp_path / "photo"
    path.write_bytes(MISLEADING[kind](photo))
    assert load_image(path).shape == (40, 60, 3)
    monkeypatch.setenv("REFINEMASK_MAX_PIXELS", "2399")
    with pytest.raises(RefineMaskError, match="has 60 x 40 pixels, and at most 2399 are read"):
        load_image(path)


def test_sizes_that_cannot_be_known(photo):
    bitmap = b"BM" + bytes(12) + struct.pack("<Iii", 256 + 12, 70000, 1000)
    assert size_in_header(bitmap) == (70000, 1000)
    raw = b"RIFF\0\0\0\0WEBP" + b"\0\0\0\x9d\x01\x2a\0\x10\0\x10" + b"\x08\0" * 20
    assert size_in_header(raw) == (0, 0)
    later = b"\0\0\0\x0cjP  \r\n\x87\n" + struct.pack(">I4sI", 12, b"jp2c", 0) + b"\xff\x4f\xff\x51"
    assert size_in_header(later + bytes(20)) == (0, 0)
    assert size_in_header(tiff_with_other_sides(photo, kind=1)) == (0, 0)
    assert size_in_header(tiff_with_other_sides(photo, kind=16)) == (0, 0)
    assert size_in_header(b"\0\0\0\x0cjP  " + b"\0\0\0\x08free" * 10**6) == (0, 0)
    far = b"\xff" * 8  # a place that no index can have
    assert size_in_header(b"II+\0\x08\0\0\0" + far) == (0, 0)
    assert size_in_header(b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x01free" + far) == (0, 0)


def test_an_unknown_size_without_a_limit_of_the_decoder(tmp_path, photo, monkeypatch):
    path = tmp_path / "photo.tiff"
    path.write_bytes(tiff_with_other_sides(photo, kind=1))
    monkeypatch.setattr(opencv, "_IS_LIMITED", False)
    with pytest.raises(RefineMaskError, match=r"cannot decode .* as TIFF: it is damaged, or of"):
        load_image(path)


LOADED = "from refinemask.inference.images import load_image; print(load_image(PATH).shape)"


@pytest.mark.parametrize(
    ("ours", "opencvs", "first", "expected"),
    [
        (None, None, "", "(40, 60, 3)"),
        ("2400", None, "", "(40, 60, 3)"),
        ("2399", None, "", "has more pixels than OpenCV reads; scale it down, or start again"),
        (None, "2399", "", "has more pixels than OpenCV reads"),
        (None, "2KB", "", "has more pixels than OpenCV reads"),
        ("2399", "2400", "", "has more pixels than OpenCV reads"),
        ("2400", "1MB", "import refinemask.data.masks, refinemask.data.splits", "(40, 60, 3)"),
        ("2399", None, "import refinemask.data.masks", "has more pixels than OpenCV reads"),
        ("2399", "", "import refinemask.evaluation.regions", "has more pixels than OpenCV reads"),
        (None, None, "import cv2", "it is damaged, or of a kind"),
    ],
)
def test_the_decoder_has_the_limit(tmp_path, photo, ours, opencvs, first, expected):
    """The size of this file is not known before it is decoded."""
    path = tmp_path / "photo.tiff"
    path.write_bytes(tiff_with_other_sides(photo, kind=1))
    limits = {"REFINEMASK_MAX_PIXELS": ours, opencv.VARIABLE: opencvs}
    child = subprocess.run(
        [sys.executable, "-c", f"{first}\n{LOADED}".replace("PATH", repr(str(path)))],
        env=os.environ | {name: value for name, value in limits.items() if value is not None},
        capture_output=True,
        text=True,
    )
    assert expected in (child.stdout + child.stderr).splitlines()[-1]


@pytest.mark.parametrize("value", [None, "123456", "not a number"])
def test_processes_that_are_started_later_have_their_own_limit(value):
    environment = os.environ | ({} if value is None else {opencv.VARIABLE: value})
    code = f"import os, refinemask.inference.images; print(os.environ.get({opencv.VARIABLE!r}))"
    child = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert child.stdout.strip() == str(value)


def test_a_jpeg_that_claims_a_huge_size(tmp_path, photo):
    path = write(tmp_path / "claim.jpg", photo)
    data = bytearray(path.read_bytes())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = (30000).to_bytes(2, "big") * 2
    path.write_bytes(data)
    with pytest.raises(RefineMaskError, match="has 30000 x 30000 pixels"):
        load_image(path)


@pytest.mark.parametrize("value", ["0", "-5", "many", "1e8", "9" * 400])
def test_a_limit_that_makes_no_sense(tmp_path, photo, monkeypatch, value):
    monkeypatch.setenv("REFINEMASK_MAX_PIXELS", value)
    with pytest.raises(RefineMaskError, match="REFINEMASK_MAX_PIXELS must be an integer"):
        load_image(write(tmp_path / "photo.png", photo))
