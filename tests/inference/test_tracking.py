"""Tracks of detections, and their ids and colours in predicted videos."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from refinemask.cli.main import app
from refinemask.cli.selection import PredictorChoice
from refinemask.errors import RefineMaskError
from refinemask.inference.drawing import draw, instance_colour
from refinemask.inference.structures import Detections
from refinemask.inference.tracking import NO_TRACK, Tracker
from refinemask.inference.video import Video, video_writer

HEIGHT, WIDTH = 64, 96


@pytest.fixture
def needs_trackers() -> None:
    for module in ("supervision", "trackers"):
        pytest.importorskip(module)


def detections(*boxes: tuple[float, ...]) -> Detections:
    """Return filled boxes (x1, y1, x2, y2, score)."""
    values = np.array(boxes, np.float32).reshape(-1, 5)
    masks = np.zeros((len(values), HEIGHT, WIDTH), bool)
    for mask, (x1, y1, x2, y2) in zip(masks, values[:, :4].astype(int), strict=True):
        mask[y1:y2, x1:x2] = True
    labels = np.zeros(len(values), np.int64)
    return Detections(values[:, :4], values[:, 4], labels, masks, (HEIGHT, WIDTH))


class Crossing:
    """Finds two objects that move towards each other, best score first, and one of a low score."""

    class_names = ("thing",)
    category_ids = (7,)

    def __init__(self) -> None:
        self.frame = 0

    def predict(self, image: NDArray[np.uint8], *_: object, **__: object) -> Detections:
        x, self.frame = 2.0 * self.frame, self.frame + 1
        left, right = (4 + x, 4, 24 + x, 24), (70 - x, 36, 90 - x, 60)
        low = (40, 26, 50, 34, 0.2)
        if self.frame % 2:
            return detections((*left, 0.95), (*right, 0.9), low)
        return detections((*right, 0.95), (*left, 0.9), low)


def test_ids_follow_the_objects_not_their_order(needs_trackers):
    tracker, predictor = Tracker(30.0), Crossing()
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    ids = [tracker.update(predictor.predict(image)).tolist() for _ in range(6)]
    assert ids[0] == [NO_TRACK] * 3  # from the second frame on
    first, second, _ = ids[2]
    assert {first, second} == {0, 1}
    for number, found in enumerate(ids[1:], 1):
        expected = [second, first] if number % 2 else [first, second]
        assert found == [*expected, NO_TRACK]


def test_frames_without_detections(needs_trackers):
    tracker = Tracker(10.0)
    box = detections((10, 10, 40, 40, 0.9))
    assert tracker.update(detections()).tolist() == []
    assert [tracker.update(box).tolist() for _ in range(2)] == [[NO_TRACK], [0]]
    assert tracker.update(detections()).tolist() == []
    assert tracker.update(box).tolist() == [0]  # unseen for a moment
    for _ in range(15):
        tracker.update(detections())
    assert [tracker.update(box).tolist() for _ in range(2)] == [[NO_TRACK], [1]]


def test_drawn_tracks_keep_their_colour():
    found = detections((10, 10, 40, 60, 0.9), (50, 10, 90, 60, 0.8))
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    drawn = draw(image, found, ["thing"], scale=1, labels=False, track_ids=[5, NO_TRACK])
    assert tuple(drawn[59, 25].tolist()) == instance_colour(5)
    assert tuple(drawn[59, 70].tolist()) == instance_colour(1)
    untracked = draw(image, found, ["thing"], scale=1, track_ids=[NO_TRACK, NO_TRACK])
    np.testing.assert_array_equal(untracked, draw(image, found, ["thing"], scale=1))
    tagged = draw(image, found, ["thing"], scale=1, track_ids=[0, 1])
    assert (tagged != untracked).any()  # the same colours; the ids are written


@pytest.fixture
def clip(tmp_path) -> Path:
    path = tmp_path / "clip.mp4"
    with video_writer(path, 20) as write:
        for _ in range(6):
            write(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    return path


def predict(*arguments: object, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(PredictorChoice, "open", lambda _: Crossing())
    model = ("--preset", "maskrcnn_small", "--weights", "synthetic")
    return CliRunner().invoke(app, ["predict", *map(str, arguments), *model])


def test_the_command(needs_trackers, clip, tmp_path, monkeypatch):
    results, drawn = tmp_path / "results.json", tmp_path / "drawn"
    given = (clip, "--track", "--json", results, "--output", drawn)
    done = predict(*given, monkeypatch=monkeypatch)
    assert done.exit_code == 0, done.output
    found = json.loads(results.read_text())
    lefts: dict[int | None, list[float]] = {}
    for result in found:
        lefts.setdefault(result["track_id"], []).append(result["bbox"][0])
    left, right = sorted((lefts[0], lefts[1]))
    assert (left, right) == ([6, 8, 10, 12, 14], [68, 66, 64, 62, 60])
    assert len(lefts[None]) == 2 + 6  # the first frame, and the low score
    with Video(str(drawn / "clip.mp4")) as video:
        assert len(list(video.frames())) == 6


def test_without_the_packages(clip, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    done = predict(clip, "--track", "--output", tmp_path / "drawn", monkeypatch=monkeypatch)
    assert done.exit_code == 1
    message = "pip install supervision && pip install --no-deps trackers"
    assert message in done.stderr and not (tmp_path / "drawn").exists()
    with pytest.raises(RefineMaskError, match="needs the packages supervision and trackers"):
        Tracker(30.0)


def test_images_have_no_tracks(tmp_path, monkeypatch):
    done = predict(tmp_path / "a.jpg", "--track", "--json", "-", monkeypatch=monkeypatch)
    assert (done.exit_code, done.stderr) == (2, "error: --track goes with videos\n")
