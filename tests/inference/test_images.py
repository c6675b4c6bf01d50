"""Photographs of every kind become uint8 RGB, and files that are none give a clear error."""

import logging
import os
import zlib
from pathlib import Path

import numpy as np
import pytest

from refinemask.errors import RefineMaskError
from refinemask.inference.images import list_images, load_image, save_image
from tests.inference.image_files import write

PIL = pytest.importorskip("PIL.Image")


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
