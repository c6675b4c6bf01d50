"""Outputs are not believed, whatever runs; what a runtime raises is one line."""

import multiprocessing
from multiprocessing.queues import Queue
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import refinemask.engines
from refinemask.engines.base import Engine
from refinemask.errors import RefineMaskError
from refinemask.inference.metadata import InputLimits
from refinemask.inference.outputs import check_outputs
from refinemask.inference.padded_outputs import PaddedArrays, PaddedOutputs
from refinemask.inference.structures import RawArrays
from tests.artifact_bytes import make_metadata
from tests.engines.conftest import CPU_RUNTIMES, GRAPH

METADATA = make_metadata(class_names=("person", "cat"))
IMAGES = np.full((2, 64, 96, 3), 255, np.uint8)
SIZES = np.array([[60, 80]] * 2, np.int64)


def outputs(count: int = 3, **changes: Any) -> RawArrays:
    """Return allowed outputs for two images with some of them replaced."""
    fields: dict[str, Any] = {
        "boxes": np.tile(np.array([0, 0, 96, 64], np.float32), (count, 1)),
        "scores": np.linspace(1, 0, count, dtype=np.float32),
        "labels": np.arange(count) % 2,
        "image_index": np.arange(count) * 2 // max(count, 1),
        "masks": np.linspace(0, 1, count * 28 * 28, dtype=np.float32).reshape(count, 28, 28),
    }
    return RawArrays(**(fields | changes))


def boxes(*corners: float | np.float32) -> NDArray[np.float32]:
    """Return two whole boxes and one with these corners between them."""
    whole = (0, 0, 96, 64)
    return np.array([whole, corners, whole], np.float32)


@pytest.mark.parametrize("count", [0, 1, 3, 200])
def test_allowed_outputs(count):
    check_outputs(outputs(count), METADATA.model, "m.onnx", IMAGES.shape)


def test_a_box_without_area_is_allowed():
    check_outputs(outputs(boxes=boxes(9, 9, 9, 9)), METADATA.model, "m.onnx", IMAGES.shape)


NAN, INF = np.float32("nan"), np.float32("inf")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": 201}, "201 detections in a batch of 2, and its limit is 100 an image"),
        ({"boxes": np.zeros((2, 4), np.float32)}, r"boxes .* \(2, 4\), not float32 and \(3, 4\)"),
        ({"boxes": np.zeros((3, 5), np.float32)}, "boxes of the type"),
        ({"boxes": np.zeros((3, 4), np.float64)}, "boxes of the type float64"),
        ({"boxes": boxes(NAN, NAN, NAN, NAN)}, "x of boxes from nan to nan"),
        ({"boxes": boxes(0, NAN, 9, 9)}, "y of boxes from nan to nan"),
        ({"boxes": boxes(INF, INF, INF, INF)}, "x of boxes from 0.0 to inf"),
        ({"boxes": boxes(0, 0, 98, 9)}, "x of boxes from 0.0 to 98.0, not from 0 to 96"),
        ({"boxes": boxes(0, 0, 9, 66)}, "y of boxes from 0.0 to 66.0, not from 0 to 64"),
        ({"boxes": boxes(-2, 0, 9, 9)}, "x of boxes from -2.0"),
        ({"boxes": boxes(0, -2, 9, 9)}, "y of boxes from -2.0"),
        ({"boxes": boxes(50, 10, 10, 40)}, "boxes that end before they begin"),
        ({"boxes": boxes(10, 40, 50, 10)}, "boxes that end before they begin"),
        ({"scores": np.float32(1)}, "boxes of the type"),
        ({"scores": np.array([0.5, NAN, 0.5], np.float32)}, "scores from nan"),
        ({"scores": np.array([0.5, 1.1, 0.5], np.float32)}, "scores from 0.5 to 1.1"),
        ({"labels": np.array([0, 1, 2], np.int64)}, "labels from 0 to 2, not from 0 to 1"),
        ({"labels": np.array([-1, 0, 0], np.int64)}, "labels from -1 to 0"),
        ({"labels": np.array([0, 0, 0], np.int32)}, "labels of the type int32"),
        ({"labels": np.array([0, 0], np.int64)}, "labels of the type"),
        ({"image_index": np.array([0, 1, 2], np.int64)}, "image_index from 0 to 2"),
        ({"image_index": np.array([-1, 0, 0], np.int64)}, "image_index from -1"),
        (
            {"image_index": np.array([1, 0, 0], np.int64)},
            "detections that are not ordered by image",
        ),
        ({"masks": np.zeros((3, 56, 56), np.float32)}, "masks"),
        ({"masks": np.zeros((3, 28, 27), np.float32)}, "masks"),
        ({"masks": np.full((3, 28, 28), NAN)}, "masks from nan"),
        ({"masks": np.full((3, 28, 28), 1.5, np.float32)}, "masks from 1.5"),
    ],
)
def test_what_no_network_returns(changes, message):
    with pytest.raises(RefineMaskError, match=f"m.onnx returned {message}") as error:
        check_outputs(outputs(**changes), METADATA.model, "m.onnx", IMAGES.shape)
    assert str(error.value).isprintable()


class Fake(Engine):
    """An engine that returns or raises what it is made with."""

    def __init__(self, result: RawArrays | PaddedArrays | Exception) -> None:
        """Return or raise `result` when it runs."""
        super().__init__(METADATA, "m.onnx")
        self.result = result

    def _run(self, images, image_sizes):
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), r"m.onnx ran out of memory on images of the shape \(2, 64, 96, 3\)"),
        (RuntimeError("a\nthe \x1b[2J node"), r"m.onnx cannot be run: the \\x1b\[2J node"),
        (ValueError(), "m.onnx cannot be run: ValueError"),
    ],
)
def test_what_a_runtime_raises_is_one_line(error, message):
    with pytest.raises(RefineMaskError, match=message) as raised:
        Fake(error).run(IMAGES, SIZES)
    assert str(raised.value).isprintable()


def test_every_engine_checks(make_artifact):
    wrong = GRAPH.replace("float[1] one = {1.0}", "float[1] one = {1.5}")
    for runtime in CPU_RUNTIMES:
        pytest.importorskip(runtime)
        engine = refinemask.engines.open(make_artifact(graph=wrong), runtime)
        with pytest.raises(RefineMaskError, match=r"toy.onnx returned masks from 1.5 to 1.5"):
            engine.run(IMAGES, SIZES)


def test_masks_of_another_size_than_declared(make_artifact):
    large = GRAPH.replace("int64[2] sides = {28, 28}", "int64[2] sides = {2000, 2000}")
    for runtime in CPU_RUNTIMES:
        pytest.importorskip(runtime)
        with pytest.raises(RefineMaskError, match=r"toy.onnx"):
            engine = refinemask.engines.open(make_artifact(graph=large), runtime)
            engine.run(IMAGES, SIZES)


def test_a_runtime_that_fails(make_artifact):
    wrong = GRAPH.replace("int64[3] pixels = {1, 2, 3}", "int64[3] pixels = {1, 2, 9}")
    with pytest.raises(RefineMaskError, match=r"toy\.onnx"):
        engine = refinemask.engines.open(make_artifact(graph=wrong))
        engine.run(IMAGES, SIZES)


def test_the_images_of_a_fixed_batch_are_checked_too():
    metadata = make_metadata(InputLimits(64, 96, batch=2), ("person", "cat"))
    engine = Fake(outputs())
    engine.metadata = metadata
    assert len(engine.run(IMAGES[:1], SIZES[:1]).scores) == 2  # those of the image that was given


def padded(**changes: Any) -> PaddedArrays:
    """Return the outputs of the static form for two images of one and of no detection."""
    fields: dict[str, Any] = {
        "boxes": np.zeros((2, 3, 4), np.float32),
        "scores": np.array([[0.5, 0, 0], [0, 0, 0]], np.float32),
        "labels": np.array([[1, -1, -1], [-1, -1, -1]]),
        "masks": np.zeros((2, 3, 28, 28), np.float32),
        "num_detections": np.array([1, 0]),
        "truncated": np.array([False, False]),
    }
    return PaddedOutputs(**(fields | changes))


def test_padding_is_taken_away_and_what_is_left_is_checked():
    found = Fake(padded()).run(IMAGES, SIZES)
    assert (found.labels.tolist(), found.image_index.tolist()) == ([1], [0])
    with pytest.raises(RefineMaskError, match=r"m\.onnx returned labels from -1 to 1, not from 0"):
        Fake(padded(num_detections=np.array([2, 0]))).run(IMAGES, SIZES)
    with pytest.raises(RefineMaskError, match=r"m\.onnx returned num_detections of \[1, 9\]"):
        Fake(padded(num_detections=np.array([1, 9]))).run(IMAGES, SIZES)


def test_candidates_that_were_not_considered_are_said_once(caplog):
    engine = Fake(padded())
    engine.run(IMAGES, SIZES)
    assert not caplog.messages
    engine.result = padded(truncated=np.array([False, True]))
    for _ in range(2):
        assert len(engine.run(IMAGES, SIZES).scores) == 1
    (message,) = caplog.messages
    assert message.startswith("m.onnx: more than 3840 boxes of an image passed the score threshold")


def test_images_that_fill_a_batch_are_not_warned_of(caplog):
    engine = Fake(padded(truncated=np.array([False, True])))
    engine.metadata = make_metadata(InputLimits(64, 96, batch=2), ("person", "cat"))
    engine.run(IMAGES[:1], SIZES[:1])
    assert not caplog.messages


def _run_in_child(engine: Engine, said: "Queue[str]") -> None:
    try:
        engine.run(IMAGES, SIZES)
    except RefineMaskError as error:
        said.put(str(error))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_is_told_at_once():
    engine = Fake(outputs())
    context = multiprocessing.get_context("fork")
    said: Queue[str] = context.Queue()
    child = context.Process(target=_run_in_child, args=(engine, said))
    child.start()
    message = said.get(timeout=60)
    child.join()
    assert message.startswith("m.onnx was opened by another process")
    assert "open it in this process" in message


def test_memory_that_runs_out_after_the_network(monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr("refinemask.inference.predictor.postprocess", fail)
    engine = Fake(outputs(1))
    with pytest.raises(
        RefineMaskError, match=r"memory ran out on an image of the shape \(64, 96, 3"
    ):
        engine.predict(IMAGES[0])
