"""The C interface with images in memory of a GPU: ONNX Runtime here, on a simulated one.

Engines of TensorRT are in plugins/tests/runtime/gpu_images_test.cpp, and a GPU in
tests/gpu/test_gpu_images.py.
"""

import ctypes

import numpy as np
import pytest

from tests.engines.c_library import (
    INVALID_ARGUMENT,
    MEMORY,
    RUNTIME_MISSING,
    Failure,
    PredictOptions,
    array,
    polygons,
    predict_options,
    view,
)
from tests.engines.simulated_gpu import SimulatedGpu

SHAPES = {"rgb": (3,), "bgr": (3,), "rgba": (4,), "bgra": (4,), "grey": ()}
GPU = MEMORY["gpu"]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    pytest.importorskip("onnxruntime")
    return SimulatedGpu(tmp_path_factory.mktemp("gpu"))


@pytest.fixture
def gpu(simulated, library, monkeypatch):
    simulated.activate(monkeypatch)
    return simulated


@pytest.fixture
def engine(gpu, library, make_artifact):
    """Return an engine that runs on the GPU; its scores are the means of what it is given."""
    with library.opened(make_artifact(), device="cuda", runtime_library=gpu.onnxruntime) as engine:
        yield engine


def photo(pixel_format: str, height: int, width: int, gap: int = 0) -> np.ndarray:
    """Return bright random pixels, with some of a wider image between the rows."""
    generator = np.random.default_rng(height * width)
    shape = (height, width + gap, *SHAPES[pixel_format])
    return generator.integers(80, 256, shape, np.uint8)[:, :width]


@pytest.mark.parametrize("pixel_format", SHAPES)
def test_the_results_of_the_same_pixels_on_the_host(library, gpu, engine, pixel_format):
    sizes = ((64, 96, 0), (31, 200, 5), (200, 31, 1), (1, 1, 0), (480, 640, 3))
    photos = [photo(pixel_format, *size) for size in sizes]
    on_host = [view(pixels, pixel_format) for pixels in photos]
    on_gpu = [gpu.image(pixels, pixel_format) for pixels in photos]
    with (
        library.predicted(engine, on_host) as expected,
        library.predicted(engine, on_gpu, image_memory=GPU) as found,
    ):
        for one, other in zip(found, expected, strict=True):
            assert one.count == other.count == 1
            assert one.scores[0] == other.scores[0]
            assert one.boxes[0:4] == other.boxes[0:4]
            shape = (1, one.image_height, one.image_width)
            bitmaps = array(one.bitmaps, shape, np.uint8)
            np.testing.assert_array_equal(bitmaps, array(other.bitmaps, shape, np.uint8))


@pytest.mark.parametrize("masks", ["crop", "rle", "probs", "polygons", "none"])
def test_all_formats_of_masks(library, gpu, engine, masks):
    pixels = photo("rgb", 60, 80)
    with (
        library.predicted(engine, [view(pixels)], masks=masks) as (expected,),
        library.predicted(engine, [gpu.image(pixels)], masks=masks, image_memory=GPU) as (found,),
    ):
        for of_mask in (
            lambda one: one.crops and (one.crops[0].width, one.crops[0].height),
            lambda one: one.rles and one.rles[0],
            lambda one: one.probs and one.probs[0:9],
            lambda one: one.outlines and polygons(one.outlines[0])[0].tolist(),
        ):
            assert bool(of_mask(found)) == bool(of_mask(expected))
            assert not of_mask(found) or of_mask(found) == of_mask(expected)


def test_pixels_of_the_host_are_not_read_on_the_gpu(library, engine):
    error = _refused(library, engine, view(photo("rgb", 40, 50)))
    assert "an image of 50 x 40 pixels (width x height)" in str(error)
    assert "must be in memory of cuda:0, and its first byte is not; allocate it" in str(error)


def test_engines_on_the_cpu_refuse_them(library, gpu, make_artifact, runtime):
    with library.opened(make_artifact(), runtime=runtime) as engine:
        error = _refused(library, engine, gpu.image(photo("rgb", 40, 50)))
    assert error.status == INVALID_ARGUMENT
    assert "runs on the CPU, in " in str(error)
    assert "takes no images in memory of a GPU; open it with a device of CUDA" in str(error)


def test_the_library_that_they_need(library, gpu, engine, monkeypatch):
    monkeypatch.setenv("REFINEMASK_LIBRARY_DIR", "/nowhere")
    error = _refused(library, engine, gpu.image(photo("rgb", 40, 50)))
    assert error.status == RUNTIME_MISSING
    assert "/nowhere/librefinemask_cuda.so: " in str(error)
    assert "take it from refinemask-plugins-cu13" in str(error)


def test_other_memory_is_refused(library, make_artifact):
    with (
        library.opened(make_artifact()) as engine,
        pytest.raises(Failure, match=r"image_memory must be 0 \(host\) or 1 \(GPU\), got 2"),
        library.predicted(engine, [view(photo("rgb", 40, 50))], image_memory=2),
    ):
        pass


def test_programs_that_know_no_memory_give_pixels_of_the_host(library, make_artifact):
    """Their options end before the field, and struct_size says so."""
    known = PredictOptions.image_memory.offset
    given = predict_options(struct_size=known, image_memory=GPU)
    found, image = ctypes.c_void_p(), view(photo("rgb", 40, 50))
    with library.opened(make_artifact()) as engine:
        arguments = (ctypes.byref(image), ctypes.c_size_t(1), ctypes.byref(given))
        library.call("predict", engine, *arguments, ctypes.byref(found))
        library.functions.refinemask_free(found)


def _refused(library, engine, image) -> Failure:
    with pytest.raises(Failure) as failure, library.predicted(engine, [image], image_memory=GPU):
        pass
    return failure.value
