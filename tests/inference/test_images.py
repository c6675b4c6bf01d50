"""Photographs of every kind become uint8 RGB, and files that are none give a clear error."""

import logging
import os
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from refinemask.errors import RefineMaskError
from refinemask.inference import jpeg, opencv
from refinemask.inference.image_headers import read_header
from refinemask.inference.images import list_images, load_image, save_image

PIL = pytest.importorskip("PIL.Image")


@pytest.fixture
def photo():
    """Smooth enough for JPEG, with distinct corners and channels."""
    y, x = np.mgrid[0:40, 0:60]
    return np.stack([4 * x, 5 * y, 200 - 2 * x - y], 2).astype(np.uint8)


def write(path, array, flags=()):
    assert cv2.imwrite(str(path), array, list(flags))
    return path


def test_colour_is_rgb(tmp_path, photo):
    path = write(tmp_path / "photo.png", photo[..., ::-1])
    loaded = load_image(str(path))
    np.testing.assert_array_equal(loaded, photo)
    assert loaded.flags.c_contiguous


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".bmp", ".tiff"])
def test_formats(tmp_path, photo, suffix):
    PIL.fromarray(photo).save(tmp_path / f"photo{suffix}")
    difference = load_image(tmp_path / f"photo{suffix}").astype(int) - photo
    assert np.abs(difference).mean() < 4


def test_grey_becomes_rgb(tmp_path, photo):
    path = write(tmp_path / "grey.png", photo[..., 0])
    np.testing.assert_array_equal(load_image(path), np.repeat(photo[..., :1], 3, 2))


def test_alpha_is_dropped(tmp_path, photo):
    alpha = np.arange(40 * 60, dtype=np.uint8).reshape(40, 60, 1)
    PIL.fromarray(np.concatenate([photo, alpha], 2)).save(tmp_path / "alpha.png")
    np.testing.assert_array_equal(load_image(tmp_path / "alpha.png"), photo)


def test_palette_becomes_rgb(tmp_path):
    image = PIL.new("P", (3, 2), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(load_image(tmp_path / "palette.png")[0, 0], [10, 20, 30])


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bit_is_rounded(tmp_path, photo, suffix):
    deep = photo[..., ::-1].astype(np.uint16) * 257
    deep += np.where(np.arange(60) % 2, 128, -128)[:, None].astype(np.uint16) * (deep > 300)
    path = write(tmp_path / f"deep{suffix}", deep)
    np.testing.assert_array_equal(load_image(path), photo)
    grey = write(tmp_path / f"grey{suffix}", deep[..., 0])
    np.testing.assert_array_equal(load_image(grey)[..., 1], photo[..., 2])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, photo, orientation):
    image = PIL.fromarray(photo)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / "turned.jpg", exif=exif, quality=98)
    expected = {
        1: photo,
        2: photo[:, ::-1],
        3: photo[::-1, ::-1],
        4: photo[::-1],
        5: photo.swapaxes(0, 1),
        6: photo[::-1].swapaxes(0, 1),
        7: photo[::-1, ::-1].swapaxes(0, 1),
        8: photo[:, ::-1].swapaxes(0, 1),
    }[orientation]
    loaded = load_image(tmp_path / "turned.jpg")
    assert loaded.shape == expected.shape
    assert np.abs(loaded.astype(int) - expected).mean() < 4


def test_one_pixel(tmp_path):
    path = write(tmp_path / "one.png", np.array([[[1, 2, 3]]], np.uint8))
    assert load_image(path).tolist() == [[[3, 2, 1]]]


def test_missing_file(tmp_path):
    with pytest.raises(RefineMaskError, match=r"absent\.jpg does not exist"):
        load_image(tmp_path / "absent.jpg")


def test_folder(tmp_path):
    with pytest.raises(RefineMaskError, match="is a folder"):
        load_image(tmp_path)


def test_empty_file(tmp_path):
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(RefineMaskError, match=r"empty\.jpg is empty"):
        load_image(tmp_path / "empty.jpg")


def test_file_that_is_no_image(tmp_path):
    (tmp_path / "notes.jpg").write_text("not an image")
    with pytest.raises(RefineMaskError, match=r"cannot decode .*notes\.jpg"):
        load_image(tmp_path / "notes.jpg")


def test_more_pixels_than_opencv_reads(tmp_path):
    side = (60_000).to_bytes(4, "big")
    chunks = (
        b"IHDR" + side + side + b"\x08\x02\x00\x00\x00",
        b"IDAT" + zlib.compress(b""),
        b"IEND",
    )
    data = b"".join(
        (len(chunk) - 4).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
        for chunk in chunks
    )
    (tmp_path / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    with pytest.raises(
        RefineMaskError, match=r"huge\.png has 60000 x 60000 pixels.*; scale it down"
    ):
        load_image(tmp_path / "huge.png")


@pytest.mark.parametrize("kind", ["baseline", "progressive", "thumbnail"])
@pytest.mark.parametrize("share", [0.999, 0.7, 0.05])
def test_truncated_jpeg(tmp_path, kind, share):
    noise = np.random.default_rng(0).integers(0, 256, (80, 90, 3), np.uint8)
    image = PIL.fromarray(noise)
    path = tmp_path / "photo.jpg"
    extra = {}
    if kind == "thumbnail":  # in the header, with an end marker of its own
        image.resize((16, 16)).save(path)
        extra["exif"] = b"Exif\0\0" + path.read_bytes()
    image.save(path, progressive=kind == "progressive", **extra)
    assert load_image(path).shape == (80, 90, 3)
    whole = path.read_bytes()
    path.write_bytes(whole + b"\xff\xda trailing data")  # as of motion photographs
    assert load_image(path).shape == (80, 90, 3)
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(RefineMaskError, match=r"photo\.jpg is truncated"):
        load_image(path)


@pytest.mark.parametrize("share", [0.99, 0.5])
def test_truncated_png(tmp_path, photo, share):
    path = write(tmp_path / "photo.png", photo)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(RefineMaskError, match=r"photo\.png is truncated"):
        load_image(path)


def test_float_pixels_are_refused(tmp_path):
    path = write(tmp_path / "depth.tiff", np.ones((5, 5, 3), np.float32))
    with pytest.raises(RefineMaskError, match="float32 pixels; convert it"):
        load_image(path)


def test_list_images_expands_folders(tmp_path):
    for name in ("b.JPG", "a.png", "notes.txt", "c.webp"):
        (tmp_path / name).touch()
    (tmp_path / "deeper.png").mkdir()
    single = tmp_path / "notes.txt"  # given by name: the reader decides
    listed = list_images([single, str(tmp_path), tmp_path])
    assert [path.name for path in listed] == ["notes.txt", "a.png", "b.JPG", "c.webp"]


def test_list_images_refuses_empty_folders_and_missing_files(tmp_path):
    with pytest.raises(RefineMaskError, match=r"contains no images; put files ending in \.avif"):
        list_images([tmp_path])
    with pytest.raises(RefineMaskError, match="does not exist"):
        list_images([tmp_path / "absent"])


def test_save_image_round_trip(tmp_path, photo):
    save_image(tmp_path / "new" / "photo.png", photo)
    np.testing.assert_array_equal(load_image(tmp_path / "new" / "photo.png"), photo)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["photo.png"]


def test_save_image_errors(tmp_path, photo):
    with pytest.raises(RefineMaskError, match="end its name in"):
        save_image(tmp_path / "photo.txt", photo)
    (tmp_path / "file").touch()
    with pytest.raises(RefineMaskError, match="is not a folder; choose another path"):
        save_image(tmp_path / "file" / "photo.png", photo)


def noise(height=80, width=90):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("turned", [1, 3, 6, 8])
@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize(
    ("progressive", "share"), [(False, 0.1), (False, 0.8), (True, 0.1), (True, 0.6)]
)
def test_jpeg_that_was_cut_and_closed(tmp_path, turned, grey, progressive, share):
    """A decoder fills the rest with grey, or with coarse values, and says nothing."""
    image = PIL.fromarray(noise()[..., 0] if grey else noise())
    exif = image.getexif()
    exif[0x0112] = turned
    path = tmp_path / "photo.jpg"
    image.save(path, progressive=progressive, exif=exif)
    load_image(path)
    whole = path.read_bytes()
    for end in (b"\xff\xd9", b"\xff\xff\xff\xd9"):
        path.write_bytes(whole[: int(len(whole) * share)].rstrip(b"\xff") + end)
        with pytest.raises(RefineMaskError, match=r"photo\.jpg is (truncated|.*damaged)"):
            load_image(path)


@pytest.mark.parametrize(("mode", "restarts"), [("CMYK", 0), ("RGB", 3), ("L", 2)])
@pytest.mark.parametrize("share", [0.3, 0.55, 0.9])
def test_other_jpegs_that_were_cut_and_closed(tmp_path, mode, restarts, share):
    path = tmp_path / "photo.jpg"
    PIL.fromarray(noise()).convert(mode).save(path, restart_marker_blocks=restarts)
    assert load_image(path).shape == (80, 90, 3)
    whole = path.read_bytes()
    path.write_bytes(whole.removesuffix(b"\xff\xd9"))
    assert load_image(path).shape == (80, 90, 3)
    path.write_bytes(whole[: int(len(whole) * share)].rstrip(b"\xff") + b"\xff\xd9")
    with pytest.raises(RefineMaskError, match=r"photo\.jpg is truncated"):
        load_image(path)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("ending", [b"", b"\xff", b"\xff\xff"])
def test_whole_jpeg_without_its_end_marker(tmp_path, capfd, progressive, ending):
    path = tmp_path / "photo.jpg"
    PIL.fromarray(noise()).save(path, progressive=progressive)
    expected, whole = load_image(path), path.read_bytes()
    path.write_bytes(whole.removesuffix(b"\xff\xd9") + ending)
    np.testing.assert_array_equal(load_image(path), expected)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_that_is_grey_is_whole(tmp_path, progressive):
    path = tmp_path / "grey.jpg"
    PIL.new("RGB", (90, 80), (128, 128, 128)).save(path, progressive=progressive)
    assert (load_image(path) == 128).all()


def test_jpeg_with_fill_bytes(tmp_path):
    path = tmp_path / "photo.jpg"
    PIL.fromarray(noise()).save(path)
    expected, whole = load_image(path), path.read_bytes()
    path.write_bytes(b"\xff\xd8" + b"\xff" * 10**6 + whole[2:-2] + b"\xff\xff\xff\xd9")
    started = time.process_time()
    np.testing.assert_array_equal(load_image(path), expected)
    jpeg.parse(b"\xff\xd8\xff\xe0\x00\x02" + b"\xff" * 10**5 + b"\x00")
    assert time.process_time() - started < 2  # and not the minute that looking twice takes


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


def test_what_is_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", "/dev/zero", "/dev/null"):
        with pytest.raises(RefineMaskError, match="is not a regular file"):
            load_image(path)


def test_a_file_with_more_bytes_than_any_image(tmp_path):
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(2 * 10**9)
    with pytest.raises(RefineMaskError, match="has 2000000000 bytes, too many for an image"):
        load_image(tmp_path / "huge.png")


def test_heic_says_what_to_do(tmp_path):
    path = tmp_path / "photo.jpg"
    for brand in (b"heic", b"heix", b"mif1"):
        path.write_bytes(b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0heic")
        with pytest.raises(RefineMaskError, match="is HEIC, which OpenCV does not read; convert"):
            load_image(path)


def test_damaged_tiff_is_one_line(tmp_path, photo, monkeypatch):
    path = write(tmp_path / "photo.tiff", photo)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(RefineMaskError, match=r"cannot decode .* as TIFF: it is damaged"):
        load_image(path)


def test_what_folders_hold_besides_images_is_named(tmp_path, caplog):
    for name in ("a.jfif", "b.AVIF", "c.HEIC", "d\x1b.txt", ".hidden"):
        (tmp_path / name).touch()
    with caplog.at_level(logging.WARNING):
        assert [path.name for path in list_images([tmp_path])] == ["a.jfif", "b.AVIF"]
    (message,) = caplog.messages
    assert message.startswith(f"left out 2 of the 5 files in {tmp_path}")
    assert r"c.HEIC, d\x1b.txt; OpenCV does not read HEIC: convert it" in message
    caplog.clear()
    Path(tmp_path / "c.HEIC").unlink()
    Path(tmp_path / "d\x1b.txt").unlink()
    list_images([tmp_path])
    assert caplog.messages == []
