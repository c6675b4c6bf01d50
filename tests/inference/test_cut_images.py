"""Images of which a part is missing are refused, and whole ones of odd forms are not."""

import time

import numpy as np
import pytest

from refinemask.errors import RefineMaskError
from refinemask.inference import jpeg
from refinemask.inference.images import load_image
from tests.inference.image_files import write

PIL = pytest.importorskip("PIL.Image")


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
