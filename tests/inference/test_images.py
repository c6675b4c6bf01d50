"""Photographs of every kind become uint8 RGB, and files that are none give a clear error."""

import zlib

import cv2
import numpy as np
import pytest

from refinemask.errors import RefineMaskError
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
    with pytest.raises(RefineMaskError, match=r"huge\.png: .*; scale it down"):
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
    with pytest.raises(RefineMaskError, match=r"contains no images; put files ending in \.bmp"):
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
