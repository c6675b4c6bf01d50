"""The compiled kernels against NumPy, and what happens where their library is absent or another's.

Under the sanitizers (`make sanitize`) the same tests call a library built with them.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refinemask.errors import RefineMaskError
from refinemask.inference import native, pasting, processing
from refinemask.inference.rle import encode_rle
from refinemask.inference.structures import RawArrays
from refinemask.version import __version__
from tests.inference.native_library import needs_library, with_numpy

COORDINATE = (
    st.floats(-40, 120, width=32)
    | st.integers(-40, 120).map(float)
    | st.sampled_from([np.nan, np.inf, -np.inf, 1e-30, 3e38, -3e38, 16777216.0])
)
BOX = st.lists(COORDINATE, min_size=4, max_size=4).map(lambda values: np.array(values, np.float32))


@pytest.fixture
def library_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return an empty folder in which libraries are looked for."""
    monkeypatch.setenv("REFINEMASK_LIBRARY_DIR", str(tmp_path))
    native.load.cache_clear()
    yield tmp_path
    native.load.cache_clear()


@needs_library
@settings(max_examples=300)
@given(
    box=BOX,
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    cells=st.integers(1, 30),
    seed=st.integers(0, 2**32 - 1),
)
def test_pasting_equals_numpy(box, size, cells, seed):
    probs = np.random.default_rng(seed).random((cells, cells), np.float32)
    expected = with_numpy(pasting.paste_mask, probs, box, *size)
    np.testing.assert_array_equal(pasting.paste_mask(probs, box, *size), expected)
    rle = pasting.paste_rle(probs, box, *size)
    assert rle == with_numpy(pasting.paste_rle, probs, box, *size)
    assert rle == encode_rle(expected) == with_numpy(encode_rle, expected)


@needs_library
@settings(max_examples=100)
@given(boxes=st.lists(BOX, max_size=4), seed=st.integers(0, 2**32 - 1))
def test_pasting_special_probabilities_equals_numpy(boxes, seed):
    random = np.random.default_rng(seed)
    values = np.array([0, 0.25, 0.5, np.nextafter(np.float32(0.5), 0), 1, np.nan], np.float32)
    probs = random.choice(values, (len(boxes), 7, 7))
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    found = pasting.paste_masks(probs, corners, 40, 50)
    assert found.dtype == bool
    np.testing.assert_array_equal(found, with_numpy(pasting.paste_masks, probs, corners, 40, 50))


@needs_library
def test_postprocess_equals_numpy():
    random = np.random.default_rng(0)
    factors = np.array([0.7, 0.6, 0.7, 0.6], np.float32)
    prepared = processing.Prepared(np.zeros((32, 32, 3), np.uint8), (0, 0), factors, (333, 221))
    corners = random.uniform(-20, 150, (30, 2)).astype(np.float32)
    boxes = np.concatenate([corners, corners + random.uniform(0, 90, (30, 2))], 1)
    outputs: RawArrays = RawArrays(
        boxes.astype(np.float32),
        np.linspace(1, 0.1, 30, dtype=np.float32),
        np.zeros(30, np.int64),
        np.zeros(30, np.int64),
        random.random((30, 28, 28), np.float32),
    )
    arguments = (outputs, prepared)
    for form in ("rle", "bitmap", "probs"):
        found = processing.postprocess(*arguments, form, 0.2).masks
        expected = with_numpy(processing.postprocess, *arguments, form, 0.2).masks
        if form == "rle":
            assert found == expected
        else:
            np.testing.assert_array_equal(found, expected)


@needs_library
@settings(max_examples=300)
@given(
    size=st.tuples(st.integers(0, 70), st.integers(0, 70)),
    density=st.sampled_from([0, 0.01, 0.5, 0.99, 1]),
    dtype=st.sampled_from([np.bool_, np.uint8, np.int64, np.float32]),
    seed=st.integers(0, 2**32 - 1),
)
def test_encoding_equals_numpy(size, density, dtype, seed):
    random = np.random.default_rng(seed)
    mask = random.integers(1, 256, size) * (random.random(size) < density)
    for array in (mask.astype(dtype), mask.astype(dtype).T, mask.astype(dtype)[::-1, ::2]):
        assert encode_rle(array) == with_numpy(encode_rle, array)


@needs_library
def test_more_runs_than_there_is_room_for_at_first():
    probs = (np.indices((112, 112)).sum(0) % 2).astype(np.float32)
    box = np.array([3, 5, 2003, 1505], np.float32)
    rle = pasting.paste_rle(probs, box, 1600, 2100)
    assert rle == with_numpy(pasting.paste_rle, probs, box, 1600, 2100)
    assert len(rle["counts"]) > native._FIRST_LENGTH
    assert rle == encode_rle(pasting.paste_mask(probs, box, 1600, 2100))


@needs_library
def test_arrays_of_other_layouts():
    probs = np.random.default_rng(0).random((9, 9))  # float64
    box = np.array([1, 2, 9, 12])
    expected = with_numpy(
        pasting.paste_mask, probs.astype(np.float32), box.astype(np.float32), 15, 13
    )
    wide: dict[str, Any] = {"probs": probs, "box": box}
    found = pasting.paste_mask(**wide, height=15, width=13)
    np.testing.assert_array_equal(found, expected)
    turned = np.asfortranarray(probs.astype(np.float32))
    np.testing.assert_array_equal(
        pasting.paste_mask(turned, box.astype(np.float32), 15, 13), expected
    )


@needs_library
def test_no_masks_and_no_pixels():
    none = np.zeros((0, 7, 7), np.float32), np.zeros((0, 4), np.float32)
    assert pasting.paste_masks(*none, 5, 6).shape == (0, 5, 6)
    some = np.ones((2, 7, 7), np.float32), np.ones((2, 4), np.float32)
    assert pasting.paste_masks(*some, 0, 6).shape == (2, 0, 6)


@needs_library
@pytest.mark.parametrize(
    ("masks", "boxes"), [((2, 7, 7), (1, 4)), ((2, 7, 6), (2, 4)), ((2, 7, 7), (2, 5))]
)
def test_wrong_shapes_are_refused(masks, boxes):
    with pytest.raises(RefineMaskError, match=re.escape(f"got {masks} and {boxes}")):
        pasting.paste_masks(np.zeros(masks, np.float32), np.zeros(boxes, np.float32), 5, 5)


@needs_library
def test_impossible_sizes_are_refused():
    kernels = native.kernels()
    assert kernels is not None
    with pytest.raises(RefineMaskError, match="a side is longer than 16,777,216"):
        kernels.paste_rle(np.ones((2, 2), np.float32), np.ones(4, np.float32), 1 << 30, 5)
    with pytest.raises(RefineMaskError, match=r"shape \(16777217, 0\): .* longer than 16,777,216"):
        kernels.encode_rle(np.ones(((1 << 24) + 1, 0), bool))


@needs_library
def test_several_threads():
    random = np.random.default_rng(0)
    probs = random.random((16, 28, 28), np.float32)
    boxes = np.tile(np.array([10, 20, 300, 250], np.float32), (16, 1))
    expected = with_numpy(pasting.paste_masks, probs, boxes, 280, 320)
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda p, b: pasting.paste_mask(p, b, 280, 320), probs, boxes)
        np.testing.assert_array_equal(np.stack(list(found)), expected)


def test_missing_library(library_dir):
    assert native.library("ort") is None
    assert native.kernels() is None
    box = np.array([0, 0, 2, 2], np.float32)
    assert pasting.paste_mask(np.ones((2, 2), np.float32), box, 2, 2).all()
    with pytest.raises(
        RefineMaskError,
        match=r"a thing needs librefinemask_ort\.so, which is missing; build it .*pip install",
    ):
        native.require("ort", "a thing")


def test_damaged_library(library_dir):
    (library_dir / "librefinemask.so").write_text("not a library")
    with pytest.raises(RefineMaskError, match=r"cannot load .*/librefinemask\.so: .*; build it"):
        native.kernels()


@needs_library
def test_library_of_another_version(monkeypatch, library_dir):
    monkeypatch.delenv("REFINEMASK_LIBRARY_DIR")
    monkeypatch.setattr(native, "__version__", "9.9.9")
    with pytest.raises(
        RefineMaskError, match=r"was built for refinemask \S+, and this is 9\.9\.9; build it"
    ):
        native.kernels()


def test_library_from_the_package_of_cuda_libraries(tmp_path, monkeypatch):
    monkeypatch.delenv("REFINEMASK_LIBRARY_DIR", raising=False)
    monkeypatch.setattr(native, "folder", lambda: tmp_path / "none")
    monkeypatch.syspath_prepend(tmp_path)
    assert native.library("trt_auto") is None
    with pytest.raises(
        RefineMaskError,
        match=r"which is missing; install refinemask-plugins-cu13==\S+, or build it",
    ):
        native.find("trt_auto", "a thing")
    library = tmp_path / "refinemask_plugins_cu13" / "lib" / "librefinemask_trt_auto.so"
    library.parent.mkdir(parents=True)
    library.touch()
    metadata = tmp_path / "refinemask_plugins_cu13-9.9.9.dist-info" / "METADATA"
    metadata.parent.mkdir()
    text = "Metadata-Version: 2.1\nName: refinemask-plugins-cu13\nVersion: {}\n"
    metadata.write_text(text.format(__version__))
    assert native.find("trt_auto", "a thing") == library
    assert native.library("trt") is None
    assert native.library("ort") is None
    metadata.write_text(text.format("9.9.9"))
    with pytest.raises(
        RefineMaskError,
        match=r"lib/librefinemask_trt_auto\.so was built for refinemask 9\.9\.9, and this is "
        r"\S+; install refinemask-plugins-cu13==",
    ):
        native.find("trt_auto", "a thing")
    monkeypatch.setenv("REFINEMASK_LIBRARY_DIR", str(tmp_path))
    assert native.library("trt_auto") is None


MEMORY = """
import sys
import numpy as np
from refinemask.inference import native, processing
from refinemask.inference.structures import RawArrays

if sys.argv[1] == "numpy":
    native.kernels = lambda: None
random = np.random.default_rng(0)
image = np.full((6000, 8000, 3), 7, np.uint8)
prepared = processing.prepare(image, 800, 1333)
scale = prepared.scale_factor
corners = random.uniform(0, 4000, (100, 2))
boxes = np.concatenate([corners, corners + random.uniform(500, 2000, (100, 2))], 1)
boxes[0] = 0, 0, 8000, 6000
boxes = (boxes * scale).astype(np.float32)
probs = random.random((100, 112, 112), np.float32)
status = lambda name: next(
    int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name)
)
open("/proc/self/clear_refs", "w").write("5")  # the peak is counted from here
before = status("VmRSS:")
zeros = np.zeros(100, np.int64)
outputs = RawArrays(boxes, np.ones(100, np.float32), zeros, zeros, probs)
detections = processing.postprocess(outputs, prepared, "rle")
assert len(detections.masks) == 100
print((status("VmHWM:") - before) / 1024)
"""


@pytest.mark.parametrize("path", [pytest.param("native", marks=needs_library), "numpy"])
def test_memory_of_run_lengths(path):
    """100 detections in 8000×6000 pixels take at most 200 MB beyond the image."""
    run = [sys.executable, "-c", MEMORY, path]
    done = subprocess.run(run, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) <= 200
