"""librefinemask and the engines in Python give the same bits on photographs."""

from itertools import cycle

import numpy as np
import pytest

import refinemask
from refinemask.inference import native
from refinemask.inference.polygons import mask_polygons
from refinemask.inference.processing import with_masks
from tests.engines.c_library import Failure, Library, array, polygons, view
from tests.engines.conftest import CPU_RUNTIMES
from tests.export.shared_artifacts import trained_artifact

FORMATS = ("bitmap", "rle", "crop", "probs", "polygons")
SIDE = 112
"""Of the masks that the small RefineMask returns."""


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    native.require("ort", "this test")
    return trained_artifact(tmp_path_factory.getbasetemp(), "fused").path


@pytest.fixture(scope="module")
def photos(shared):
    return sorted((shared / "data" / "pennfudan" / "images").glob("*.png"))


def load(path):
    return np.ascontiguousarray(refinemask.load_image(path))


@pytest.mark.parametrize(
    ("runtime", "count"),
    [
        ("onnxruntime", 50),
        ("openvino", 10),
        pytest.param("openvino", 50, marks=pytest.mark.slow),
    ],
)
def test_photographs(artifact, photos, runtime, count):
    """Every format of masks in turn."""
    pytest.importorskip(runtime)
    assert len(photos) >= count
    library, python = Library(), refinemask.engines.open(artifact, runtime)
    total = 0
    with library.opened(artifact, runtime=runtime) as engine:
        for path, masks in zip(photos[:count], cycle(FORMATS), strict=False):
            image = load(path)
            expected = python.predict(image, masks="probs")
            with library.predicted(engine, [view(image)], masks=masks) as (found,):
                total += found.count
                _assert_same(found, expected, masks)
    assert total > count


def _assert_same(found, expected, masks):
    count, (height, width) = len(expected.scores), expected.image_size
    assert found.count == count
    for name, shape, dtype in (
        ("boxes", (count, 4), np.float32),
        ("scores", (count,), np.float32),
        ("labels", (count,), np.int64),
    ):
        values = array(getattr(found, name), shape, dtype)
        np.testing.assert_array_equal(values, getattr(expected, name))
    if masks == "probs":
        values = array(found.probs, (count, SIDE, SIDE), np.float32)
        np.testing.assert_array_equal(values, expected.masks)
    elif masks == "rle":
        texts = [found.rles[index].decode() for index in range(count)]
        assert texts == [rle["counts"] for rle in with_masks(expected, "rle").masks]
    elif masks == "polygons":
        for outline, parts in zip(found.outlines[:count], mask_polygons(expected), strict=True):
            for polygon, part in zip(polygons(outline), parts, strict=True):
                np.testing.assert_array_equal(polygon, part)
    else:
        bitmaps = (
            array(found.bitmaps, (count, height, width), bool)
            if masks == "bitmap"
            else np.array([_placed(crop, height, width) for crop in found.crops[:count]])
        )
        np.testing.assert_array_equal(bitmaps, with_masks(expected, "bitmap").masks)


def _placed(crop, height, width):
    """Return the part of a mask in an image without the rest."""
    bitmap = np.zeros((height, width), bool)
    rows, columns = slice(crop.y, crop.y + crop.height), slice(crop.x, crop.x + crop.width)
    bitmap[rows, columns] = array(crop.pixels, (crop.height, crop.width), bool)
    return bitmap


@pytest.mark.parametrize("runtime", CPU_RUNTIMES)
def test_a_run_that_takes_too_long_ends(artifact, photos, runtime):
    """The runtime is stopped inside of the run, and works again afterwards."""
    pytest.importorskip(runtime)
    library, image = Library(), load(photos[0])
    with library.opened(artifact, runtime=runtime) as engine:
        with (
            pytest.raises(Failure, match="not done in time"),
            library.predicted(engine, [view(image)], timeout_ms=10),
        ):
            pass
        with library.predicted(engine, [view(image)]) as (found,):
            assert found.count
