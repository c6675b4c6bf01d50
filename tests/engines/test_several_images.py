"""Batches and streams of images: grouping, order, errors, and the threads they leave."""

import itertools
import threading

import numpy as np
import pytest

import refinemask.engines
from refinemask.errors import RefineMaskError
from refinemask.inference.metadata import InputLimits
from refinemask.inference.pipeline import IN_FLIGHT
from refinemask.inference.predictor import DEFAULT_BATCH_SIZE
from tests.engines.conftest import CPU_RUNTIMES, GRAPH

LANDSCAPE, PORTRAIT = (64, 96), (96, 64)
SHAPES = (LANDSCAPE, PORTRAIT, (128, 192), (60, 90), PORTRAIT, LANDSCAPE, (96, 96))
"""The first, third, fourth and sixth have equal padded sizes, and so have the second and fifth."""


def grey(level, size=LANDSCAPE):
    return np.full((*size, 3), level, np.uint8)


def examples():
    """Return images of different sizes and scores, of which one has no detection."""
    levels = (100, 150, 0, 200, 250, 120, 170)
    return [grey(level, size) for level, size in zip(levels, SHAPES, strict=True)]


@pytest.fixture(params=CPU_RUNTIMES)
def engine(request, make_artifact):
    pytest.importorskip(request.param)
    return refinemask.engines.open(make_artifact(), request.param)


@pytest.fixture
def batches(monkeypatch):
    """Return the shapes of the batches that engines run."""
    shapes = []
    run = refinemask.engines.Engine.run

    def noted(self, images, image_sizes):
        shapes.append(images.shape[:3])
        return run(self, images, image_sizes)

    monkeypatch.setattr(refinemask.engines.Engine, "run", noted)
    return shapes


def assert_as_alone(engine, images, found, **options):
    assert len(found) == len(images)
    for image, detections in zip(images, found, strict=True):
        alone = engine.predict(image, **options)
        np.testing.assert_allclose(detections.scores, alone.scores, rtol=1e-6)
        np.testing.assert_allclose(detections.boxes, alone.boxes, rtol=1e-6)
        np.testing.assert_array_equal(detections.labels, alone.labels)
        np.testing.assert_array_equal(np.asarray(detections.masks), np.asarray(alone.masks))
        assert detections.image_size == image.shape[:2]


@pytest.mark.parametrize("masks", ["bitmap", "rle", "probs"])
def test_a_batch_in_the_order_given(engine, masks):
    options = {"masks": masks, "score_threshold": 0.45, "max_detections": 1}
    found = engine.predict_batch(examples(), **options)
    assert [len(one) for one in found] == [0, 1, 0, 1, 1, 1, 1]
    assert_as_alone(engine, examples(), found, **options)


def test_images_of_equal_padded_size_are_batched(engine, batches):
    engine.predict_batch(examples(), batch_size=3)
    assert sorted(batches) == [(1, 64, 64), (1, 64, 96), (2, 96, 64), (3, 64, 96)]


def test_the_batch_size_of_the_default(engine, batches):
    engine.predict_batch([grey(100)] * (DEFAULT_BATCH_SIZE + 1))
    assert batches == [(DEFAULT_BATCH_SIZE, 64, 96), (1, 64, 96)]


@pytest.mark.parametrize(("given", "run"), [(None, [3, 2]), (7, [3, 2]), (2, [2, 2, 1])])
def test_a_fixed_batch_is_filled(make_artifact, batches, given, run):
    limits = InputLimits(64, 96, batch=3)
    graph = GRAPH.replace("[B, H, W, 3]", "[3, H, W, 3]").replace("[B, 2]", "[3, 2]")
    engine = refinemask.engines.open(make_artifact(graph=graph, limits=limits))
    images = [grey(level) for level in (100, 0, 200, 250, 120)]
    found = engine.predict_batch(images, batch_size=given)
    assert [batch for batch, *_ in batches] == run
    assert_as_alone(engine, images, found)


def test_images_may_come_from_an_iterator(engine):
    assert len(engine.predict_batch(iter(examples()))) == len(examples())
    assert len(engine.predict_batch(np.stack([grey(100), grey(200)]))) == 2


def test_bad_batches_say_what_is_wrong_before_the_network_runs(engine, batches):
    wrong = [grey(1), grey(2).astype(np.float32), grey(3)]
    for images, options, message in (
        ([], {}, "no images to predict; give at least one"),
        (wrong, {}, r"image 1: an image must be a uint8 .* got float32 \(64, 96, 3\)"),
        (grey(1), {}, r"image 0: an image must be a uint8 .* got uint8 \(96, 3\)"),
        ([grey(1)], {"batch_size": 0}, "batch_size must be >= 1, got 0"),
    ):
        with pytest.raises(RefineMaskError, match=message):
            engine.predict_batch(images, **options)
    assert not batches


def test_memory_that_runs_out_on_a_batch(engine, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr("refinemask.inference.predictor.postprocess", fail)
    for found in (
        lambda: engine.predict_batch(examples()),
        lambda: list(engine.predict_stream(examples())),
    ):
        with pytest.raises(RefineMaskError, match=r"memory ran out on .*; use smaller images"):
            found()


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("refinemask")]


def test_a_stream_in_the_order_given(engine, batches):
    found = list(engine.predict_stream(iter(examples()), masks="rle", score_threshold=0.45))
    assert len(batches) == len(examples())
    assert [len(one) for one in found] == [0, 1, 0, 1, 1, 1, 1]
    assert_as_alone(engine, examples(), found, masks="rle", score_threshold=0.45)
    assert not list(engine.predict_stream([]))
    assert not threads()


def test_a_stream_keeps_the_maximum_of_the_engine(engine):
    engine.max_detections = 0
    assert [len(one) for one in engine.predict_stream([grey(200)])] == [0]
    assert [len(one) for one in engine.predict_stream([grey(200)], max_detections=1)] == [1]
    assert [len(one) for one in engine.predict_batch([grey(200)])] == [0]


def test_an_endless_stream_ends_where_the_loop_over_it_does(engine, batches):
    levels = itertools.cycle(range(70, 250))
    for index, detections in enumerate(engine.predict_stream(map(grey, levels))):
        assert detections.scores.tolist() == pytest.approx([(70 + index) / 255])
        if index == 20:
            break
    assert len(batches) <= 20 + IN_FLIGHT
    assert not threads()


def assert_ends_with(stream, before, error, message):
    """Check that a stream yields detections of some images, and then raises."""
    for _ in range(before):
        assert len(next(stream)) == 1
    with pytest.raises(error, match=message):
        next(stream)
    assert not threads()


@pytest.mark.parametrize(
    ("third", "message"),
    [
        (grey(1)[0], r"image 2: an image must be a uint8 .* got uint8 \(96, 3\)"),
        (grey(255), r"toy\.onnx returned scores from 1\.27"),
    ],
    ids=["preparing", "network"],
)
def test_an_image_that_fails_comes_after_those_before_it(make_artifact, third, message):
    graph = GRAPH.replace("white = {255.0}", "white = {200.0}")  # white has a score above 1
    engine = refinemask.engines.open(make_artifact(graph=graph))
    images = [grey(100), grey(150), third, grey(150), grey(100)]
    assert_ends_with(engine.predict_stream(images), 2, RefineMaskError, message)
    assert len(engine.predict(grey(100))) == 1  # and the engine goes on


def test_images_that_cannot_be_read_come_after_those_before_them(engine):
    def unplugged():
        yield grey(100)
        yield grey(150)
        raise OSError("camera unplugged")

    assert_ends_with(engine.predict_stream(unplugged()), 2, OSError, "camera unplugged")


def test_postprocessing_that_fails(engine):
    stream = engine.predict_stream([grey(100)] * 9, max_detections=-1)
    assert_ends_with(stream, 0, RefineMaskError, "max_detections must be >= 0, got -1")


@pytest.mark.parametrize("masks", ["bitmap", "rle", "probs"])
def test_tiles_are_predicted_as_alone(engine, masks):
    """Two tiles side by side, each with a detection of its own, and none of the second one's."""
    image = np.concatenate([grey(150, (64, 64)), grey(120, (64, 64))], 1)
    options = {"masks": masks, "score_threshold": 0.45, "max_detections": 3}
    found = engine.predict(image, tile=64, overlap=0, **options)
    parts = [engine.predict(part, "probs", 0.45) for part in np.split(image, 2, 1)]
    scores = np.concatenate([part.scores for part in parts])
    np.testing.assert_array_equal(found.scores, np.sort(scores)[::-1][:3])
    assert 0 < len(found) == len(found.masks)
    assert found.image_size == (64, 128)


def test_an_image_of_one_tile_is_predicted_as_without(engine):
    for image in (grey(150, (64, 64)), grey(150, (64, 40))):
        found, expected = engine.predict(image, tile=64), engine.predict(image)
        for field in ("boxes", "scores", "labels", "masks"):
            np.testing.assert_array_equal(getattr(found, field), getattr(expected, field))
    with pytest.raises(RefineMaskError, match=r"tile must be .* >= 32, got 16"):
        engine.predict(grey(150), tile=16)


def test_images_of_other_libraries(engine):
    pillow = pytest.importorskip("PIL.Image")
    images = examples()[:3]
    others = [pillow.fromarray(image) for image in images]
    assert_as_alone(engine, images, [engine.predict(other) for other in others])
    assert_as_alone(engine, images, engine.predict_batch(others))
    assert_as_alone(engine, images, list(engine.predict_stream(others)))
    with pytest.raises(RefineMaskError, match="image 1: an image must be an array, an image of"):
        engine.predict_batch([others[0], "photo.jpg"])
