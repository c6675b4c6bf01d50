"""`refinemask predict` on videos: frames are counted, and what was done is kept."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from refinemask.inference.video import Video
from tests.cli.test_predict import OneBox, invoke, photos, predictor

__all__ = ["photos", "predictor"]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Ten frames at 20 frames per second, of which the last ones are brighter."""
    folder = tmp_path / "clips"
    folder.mkdir()
    path = folder / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20, (80, 64))
    for number in range(10):
        writer.write(np.full((64, 80, 3), 100 + 10 * number, np.uint8))
    writer.release()
    return path


def frames(path: Path) -> list[tuple[str, int]]:
    return [(result["image_id"], result["frame"]) for result in json.loads(path.read_text())]


def test_a_video(clip: Path, tmp_path: Path, predictor: OneBox) -> None:
    results, drawn = tmp_path / "results.json", tmp_path / "drawn"
    done = invoke(clip, "--json", results, "--output", drawn)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"10 detections in 10 frames of 1 video; drawn in {drawn}\n"
    assert frames(results) == [("clip.avi", number) for number in range(10)]
    assert set(json.loads(results.read_text())[0]) >= {"bbox", "score", "segmentation"}
    assert [path.name for path in drawn.iterdir()] == ["clip.mp4"]
    with Video(str(drawn / "clip.mp4")) as video:
        images = [image for _, image in video.frames()]
        assert (video.fps, len(images), images[0].shape) == (20, 10, (64, 80, 3))
    outlined = np.ptp(images[9].astype(int), axis=2)
    assert outlined[32, 4] > 60  # the outline of the mask, on grey
    assert outlined[1, 1] < 30


def test_every_nth_frame(clip: Path, tmp_path: Path, predictor: OneBox) -> None:
    results, drawn = tmp_path / "results.json", tmp_path / "drawn"
    done = invoke(clip, "--every", "4", "--json", results, "--output", drawn)
    assert done.stdout.startswith("3 detections in 3 frames of 10 of 1 video; drawn in ")
    assert frames(results) == [("clip.avi", number) for number in (0, 4, 8)]
    with Video(str(drawn / "clip.mp4")) as video:
        assert (video.fps, video.declared) == (5, 3)


def test_ctrl_c_leaves_finished_files(clip: Path, tmp_path: Path, predictor: OneBox) -> None:
    predictor.images = 4
    results, drawn = tmp_path / "results.json", tmp_path / "drawn"
    done = invoke(clip, "--json", results, "--output", drawn)
    assert done.exit_code == 130
    assert "stopped clip.avi: the files are finished and have 4 frames of it" in done.stderr
    assert frames(results) == [("clip.avi", number) for number in range(4)]
    with Video(str(drawn / "clip.mp4")) as video:
        assert len(list(video.frames())) == 4


def test_ctrl_c_before_the_first_frame_writes_nothing(
    clip: Path, tmp_path: Path, predictor: OneBox
) -> None:
    predictor.images = 0
    done = invoke(clip, "--output", tmp_path / "drawn")
    assert done.exit_code == 130
    assert list((tmp_path / "drawn").iterdir()) == []


def test_a_cut_video_does_not_stop_the_others(
    clip: Path, tmp_path: Path, predictor: OneBox
) -> None:
    cut = clip.with_name("a.avi")
    cut.write_bytes(b"00dc".join(clip.read_bytes().split(b"00dc")[:6]))
    results = tmp_path / "results.json"
    done = invoke(clip.parent / "*.avi", "--json", results)
    assert done.exit_code == 1
    found = frames(results)
    kept = sum(name == "a.avi" for name, _ in found)
    assert 0 < kept < 9
    assert found[kept:] == [("clip.avi", number) for number in range(10)]
    message = f"ends after {kept} of the 10 frames that it records; it is cut or damaged: copy it"
    assert message in done.stderr
    assert f"the files are finished and have {kept} frame" in done.stderr
    done = invoke(clip.parent / "*.avi", "--json", results, "--strict")
    assert (done.exit_code, len(frames(results))) == (1, kept)


def test_videos_of_one_name_are_told_apart(clip: Path, tmp_path: Path, predictor: OneBox) -> None:
    other = tmp_path / "clip.avi"
    other.write_bytes(clip.read_bytes())
    results, drawn = tmp_path / "results.json", tmp_path / "drawn"
    assert invoke(clip, other, "--every", "9", "--json", results, "--output", drawn).exit_code == 0
    assert frames(results) == [(str(path), number) for path in (clip, other) for number in (0, 9)]
    assert sorted(path.name for path in drawn.iterdir()) == ["clip.mp4", "clip_2.mp4"]


def test_wrong_usage(
    clip: Path, photos: Path, predictor: OneBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clip.parent)
    clip.rename("clip.mp4")
    before = Path("clip.mp4").read_bytes()
    for arguments, message in (
        (("clip.mp4", photos / "0.jpg", "--json", "-"), "give either images or videos; clip.mp4"),
        (("clip.mp4", "--json", "a.json", "--resume"), "--resume goes with images"),
        ((photos / "0.jpg", "--json", "-", "--every", "2"), "--every goes with videos"),
        (("clip.mp4", "--output", "."), "clip.mp4 is an input of this command"),
        (("clip.mp4", "--output", "new", "--json", "new/clip.mp4"), "is an input of this command"),
    ):
        done = invoke(*arguments)
        assert (done.exit_code, message in done.stderr) == (2, True), done.stderr
    assert Path("clip.mp4").read_bytes() == before
    assert predictor.seen == 0


def test_patterns(photos: Path, predictor: OneBox) -> None:
    done = invoke(photos / "[0-2].jpg", "--json", "-")
    assert [one["image_id"] for one in json.loads(done.stdout)] == ["0.jpg", "1.jpg", "2.jpg"]
    done = invoke(photos.parent / "**" / "4.jp*", "--json", "-")
    assert [one["image_id"] for one in json.loads(done.stdout)] == ["4.jpg"]
    (photos / "a[1].jpg").write_bytes((photos / "0.jpg").read_bytes())
    done = invoke(photos / "a[1].jpg", "--json", "-")
    assert [one["image_id"] for one in json.loads(done.stdout)] == ["a[1].jpg"]
    done = invoke(photos / "*.gif", "--json", "-")
    assert done.exit_code == 1
    assert "no file matches" in done.stderr
