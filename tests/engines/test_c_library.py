"""The C interface of librefinemask: contract and threads."""

import ctypes
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import refinemask
from refinemask.inference.artifact import Artifact
from tests.artifact_bytes import make_metadata
from tests.engines.c_library import (
    CANCELLED,
    INVALID_ARGUMENT,
    TIMED_OUT,
    Crop,
    EngineOptions,
    Failure,
    Image,
    Info,
    Library,
    Times,
    array,
    runtime_library,
    view,
)
from tests.engines.test_engines import FUSED_GRAPH
from tests.engines.test_given_boxes import GRAPH as MASKS_GRAPH

BRIGHT = np.full((60, 90, 3), 200, np.uint8)
DARK = np.zeros((40, 30, 3), np.uint8)

STATIC_GRAPH = """
<ir_version: 10, opset_import: ["" : 18]>
one_of_100_slots (uint8[B, H, W, 3] images, int64[B, 2] image_sizes) => (
    float[B, 100, 4] boxes, float[B, 100] scores, int64[B, 100] labels,
    float[B, 100, 28, 28] masks, int64[B] num_detections, bool[B] truncated
)
<float[1] one = {1.0}, int64[1] zero = {0}, int64[1] slots = {100}, int64[2] mask = {28, 28},
 int64[1] four = {4}, int64[1] ends = {1}, int64 once = {1}, bool yes = {1}>
{
    shape = Shape(images)
    batch = Slice(shape, zero, ends)
    found = Concat<axis = 0>(batch, slots)
    corners = Concat<axis = 0>(found, four)
    pixels = Concat<axis = 0>(found, mask)
    boxes = Expand(one, corners)
    scores = Expand(one, found)
    labels = Expand(zero, found)
    masks = Expand(one, pixels)
    tallest = ReduceMax<keepdims = 0>(image_sizes, ends)
    most = Loop<body = same (int64 i, bool going, int64[1] x) => (bool still, int64[1] y) {
        still = Identity(going)
        y = Identity(x)
    }>(once, yes, ends)
    num_detections = Min(tallest, most)
    few = Expand(zero, batch)
    truncated = Cast<to = 9>(few)
}
"""


def _prepared(library: Library, engine: ctypes.c_void_p, image: Image) -> np.ndarray:
    with library.prepared(engine, image) as made:
        return array(made.data, (made.padded_height, made.padded_width, 3), np.uint8)


def test_the_artifact_describes_itself(library, make_artifact):
    path = make_artifact()
    info = ctypes.POINTER(Info)()
    library.call("read_info", str(path).encode(), ctypes.byref(info))
    metadata = make_metadata()
    assert json.loads(info.contents.metadata) == json.loads(metadata.to_json())
    assert info.contents.class_count == len(metadata.class_names)
    names = [info.contents.class_names[i].decode() for i in range(len(metadata.class_names))]
    assert tuple(names) == metadata.class_names
    assert info.contents.short_side == metadata.input_limits.short_side
    assert info.contents.sha256.decode() == Artifact.open(path).sha256
    library.functions.refinemask_free(info)


def test_images_run_as_in_python(library, make_artifact, runtime):
    path = make_artifact()
    expected = refinemask.engines.open(path, runtime).predict(BRIGHT)
    with (
        library.opened(path, runtime=runtime) as engine,
        library.predicted(engine, [view(DARK), view(BRIGHT), view(DARK)]) as (first, found, last),
    ):
        assert (first.count, found.count, last.count) == (0, 1, 0)
        assert (first.image_width, first.image_height) == (30, 40)
        np.testing.assert_array_equal(array(found.boxes, (1, 4), np.float32), expected.boxes)
        np.testing.assert_array_equal(array(found.bitmaps, (1, 60, 90), bool), expected.masks)
        assert found.class_names[0].decode() == make_metadata().class_names[0]


def test_fused_artifacts_bring_their_operators(library, make_artifact, runtime):
    path = make_artifact(graph=FUSED_GRAPH, form="fused")
    with (
        library.opened(path, runtime=runtime) as engine,
        library.predicted(engine, [view(BRIGHT)]) as (found,),
    ):
        assert found.count == 1


def test_padded_outputs(library, make_artifact, runtime):
    path = make_artifact(graph=STATIC_GRAPH, form="static", sampling_ratio=2)
    with (
        library.opened(path, runtime=runtime) as engine,
        library.predicted(engine, [view(BRIGHT), view(BRIGHT)], masks="probs") as found,
    ):
        assert [one.count for one in found] == [1, 1]
        assert found[0].mask_size == 28


def test_rows_and_channels(library, make_artifact):
    """Formats and strides give the tensor of the same image as plain RGB."""
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (37, 53, 3), np.uint8)
    alpha = rng.integers(0, 256, (37, 53, 1), np.uint8)
    padded = rng.integers(0, 256, (37, 64, 3), np.uint8)
    padded[:, :53] = rgb
    path = make_artifact()
    with library.opened(path) as engine:
        expected = refinemask.engines.open(path).prepare(rgb).image
        np.testing.assert_array_equal(_prepared(library, engine, view(rgb)), expected)
        for pixels, name in (
            (rgb[..., ::-1], "bgr"),
            (np.concatenate([rgb, alpha], 2), "rgba"),
            (np.concatenate([rgb[..., ::-1], alpha], 2), "bgra"),
        ):
            contiguous = np.ascontiguousarray(pixels)
            found = _prepared(library, engine, view(contiguous, name))
            np.testing.assert_array_equal(found, expected)
        wide = Image(padded.ctypes.data, 53, 37, padded.strides[0], 0)
        np.testing.assert_array_equal(_prepared(library, engine, wide), expected)
        grey = np.ascontiguousarray(rgb[..., 0])
        repeated = np.repeat(rgb[..., :1], 3, 2)
        np.testing.assert_array_equal(
            _prepared(library, engine, view(grey, "grey")),
            _prepared(library, engine, view(repeated)),
        )


def test_options_of_predictions(library, make_artifact):
    with library.opened(make_artifact()) as engine:
        for options, count in (
            ({"score_threshold": 0.99}, 0),
            ({"score_threshold": 0.1}, 1),
            ({"max_detections": 0}, 0),
            ({"max_detections": 5}, 1),
        ):
            with library.predicted(engine, [view(BRIGHT)], **options) as (found,):
                assert found.count == count


def test_the_time_of_a_call(library, make_artifact):
    times = Times()
    with library.opened(make_artifact()) as engine:
        start = time.perf_counter_ns()
        with library.predicted(
            engine, [view(BRIGHT), view(DARK)], times=ctypes.addressof(times)
        ) as found:
            total = time.perf_counter_ns() - start
            assert [one.count for one in found] == [1, 0]
    phases = (times.preprocess, times.inference, times.postprocess)
    assert min(phases) > 0 and sum(phases) < total


def test_crops_are_parts_of_the_bitmaps(library, make_artifact):
    with (
        library.opened(make_artifact()) as engine,
        library.predicted(engine, [view(BRIGHT)]) as (whole,),
        library.predicted(engine, [view(BRIGHT)], masks="crop") as (found,),
    ):
        crop: Crop = found.crops[0]
        pixels = array(crop.pixels, (crop.height, crop.width), bool)
        bitmap = array(whole.bitmaps, (60, 90), bool)
        np.testing.assert_array_equal(
            bitmap[crop.y : crop.y + crop.height, crop.x : crop.x + crop.width], pixels
        )
        assert bitmap.sum() == pixels.sum() > 0


def test_an_engine_serves_many_threads(library, make_artifact, runtime):
    with library.opened(make_artifact(), runtime=runtime) as engine:

        def count(number: int) -> int:
            image = BRIGHT if number % 2 else DARK
            with library.predicted(engine, [view(image)], masks="rle") as (found,):
                return found.count

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(count, range(64))) == [0, 1] * 32


def test_a_cancelled_prediction_ends(library, make_artifact, runtime):
    with library.opened(make_artifact(), runtime=runtime) as engine:
        cancellation = ctypes.c_void_p()
        library.call("new_cancellation", ctypes.byref(cancellation))
        with library.predicted(engine, [view(BRIGHT)], cancellation=cancellation) as (found,):
            assert found.count == 1
        library.functions.refinemask_cancel(cancellation)
        with (
            pytest.raises(Failure, match="was cancelled") as failure,
            library.predicted(engine, [view(BRIGHT)], cancellation=cancellation),
        ):
            pass
        assert failure.value.status == CANCELLED
        library.functions.refinemask_free_cancellation(cancellation)


def test_a_cancellation_reaches_a_prediction_that_runs(library, make_artifact, runtime):
    """Many images of different sizes: too much to be done before the cancellation."""
    images = [np.full((32 + i % 8, 40, 3), 200, np.uint8) for i in range(4000)]
    views = [view(image) for image in images]
    with library.opened(make_artifact(), runtime=runtime) as engine:
        cancellation = ctypes.c_void_p()
        library.call("new_cancellation", ctypes.byref(cancellation))
        timer = threading.Timer(0.05, library.functions.refinemask_cancel, [cancellation])
        timer.start()
        with (
            pytest.raises(Failure, match="was cancelled"),
            library.predicted(engine, views, cancellation=cancellation),
        ):
            pass
        timer.join()
        library.functions.refinemask_free_cancellation(cancellation)


def test_a_prediction_that_takes_too_long_ends(library, make_artifact, runtime):
    images = [np.full((32 + i % 8, 40, 3), 200, np.uint8) for i in range(4000)]
    with library.opened(make_artifact(), runtime=runtime) as engine:
        start = time.monotonic()
        with (
            pytest.raises(Failure, match="not done in time") as failure,
            library.predicted(engine, [view(image) for image in images], timeout_ms=20),
        ):
            pass
        assert failure.value.status == TIMED_OUT
        assert time.monotonic() - start < 5
        with library.predicted(engine, [view(BRIGHT)], timeout_ms=600_000) as (found,):
            assert found.count == 1


def test_older_programs_know_fewer_options(library, make_artifact, monkeypatch):
    """Their struct ends before the other fields, of which the defaults hold."""
    monkeypatch.setenv("REFINEMASK_ONNXRUNTIME", runtime_library("onnxruntime"))
    options = EngineOptions(ctypes.sizeof(ctypes.c_size_t), b"never read")
    engine = ctypes.c_void_p()
    path = str(make_artifact()).encode()
    library.call("open", path, ctypes.byref(options), ctypes.byref(engine))
    assert library.functions.refinemask_engine_runtime(engine).startswith(b"ONNX Runtime")
    library.functions.refinemask_close(engine)


def test_truncated_images(library, make_artifact, runtime):
    """The flag is the one that the network sets for each image."""
    graph = STATIC_GRAPH.replace("Cast<to = 9>(few)", "Cast<to = 9>(num_detections)")
    path = make_artifact(graph=graph, form="static", sampling_ratio=2)
    with (
        library.opened(path, runtime=runtime) as engine,
        library.logged() as messages,
        library.predicted(engine, [view(BRIGHT), view(BRIGHT)], masks="none") as found,
    ):
        assert [one.truncated for one in found] == [1, 1]
        (said,) = [text for _, text in messages if "more boxes of an image" in text]
        assert said.startswith(str(path))


def test_warm_up(library, make_artifact, runtime):
    boxes = make_artifact(graph=MASKS_GRAPH, outputs="masks", class_names=("cat", "dog"))
    for path in (boxes, make_artifact()):
        with library.opened(path, runtime=runtime) as engine:
            library.call("warm_up", engine, ctypes.c_int64(90), ctypes.c_int64(60))
            with pytest.raises(Failure, match="sides of 1 to 16777216 pixels, got 0 x 60"):
                library.call("warm_up", engine, ctypes.c_int64(0), ctypes.c_int64(60))


def test_the_log(library, make_artifact):
    path = make_artifact()
    with library.logged() as messages, library.opened(path):
        pass
    assert (2, f"opened {path} (portable, float32) in ONNX Runtime") in [
        (level, text.rpartition(" ")[0]) for level, text in messages
    ]
    before = len(messages)
    with library.opened(path), library.logged(most=0) as errors:
        pass
    assert len(messages) == before and not errors


def test_handles_that_have_ended(library, make_artifact):
    with library.opened(make_artifact()) as engine:
        pass
    for use in (
        lambda: library.call("warm_up", engine, ctypes.c_int64(9), ctypes.c_int64(9)),
        lambda: library.predicted(engine, [view(DARK)]).__enter__(),
        lambda: _prepared(library, engine, view(DARK)),
    ):
        with pytest.raises(Failure, match="engine has been freed, or never was one") as failure:
            use()
        assert failure.value.status == INVALID_ARGUMENT
    assert not library.functions.refinemask_engine_info(engine)
    assert library.functions.refinemask_engine_runtime(engine) is None
    library.functions.refinemask_close(engine)
    cancellation = ctypes.c_void_p()
    library.call("new_cancellation", ctypes.byref(cancellation))
    library.functions.refinemask_free_cancellation(cancellation)
    with (
        library.opened(make_artifact()) as engine,
        pytest.raises(Failure, match="cancellation has been freed"),
        library.predicted(engine, [view(DARK)], cancellation=cancellation),
    ):
        pass


def test_an_engine_that_is_closed_ends_when_its_calls_do(library, make_artifact, runtime):
    images = [np.full((32 + i % 8, 40, 3), 200, np.uint8) for i in range(400)]
    views = [view(image) for image in images]
    with library.opened(make_artifact(), runtime=runtime) as engine:
        timer = threading.Timer(0.01, library.functions.refinemask_close, [engine])
        timer.start()
        with library.predicted(engine, views, masks="none") as found:
            assert [one.count for one in found] == [1] * 400
        timer.join()
        with pytest.raises(Failure, match="has been freed"):
            library.call("warm_up", engine, ctypes.c_int64(9), ctypes.c_int64(9))
