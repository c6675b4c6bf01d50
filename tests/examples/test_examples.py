"""The programs in examples/ run as a user runs them, one after the other on one artifact."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from refinemask.inference.images import load_image
from refinemask.inference.photographs import demo_photos, verification_photos

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "python"


def run(name: str, *arguments: str | Path) -> str:
    """Run an example and return what it printed."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a photograph of a person twice, and one without anybody."""
    folder = tmp_path_factory.mktemp("photos")
    found = {photo.path.stem: photo.path for photo in [*demo_photos(), *verification_photos()]}
    shutil.copy(found["astronaut"], folder / "person.png")
    shutil.copy(found["astronaut"], folder / "same_person.png")
    shutil.copy(found["coffee"], folder / "coffee.png")
    return folder


@pytest.fixture(scope="module")
def artifact(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what the export example writes."""
    pytest.importorskip("onnxruntime")
    path = tmp_path_factory.mktemp("artifact") / "refinemask.onnx"
    printed = run("export_and_verify.py", "refinemask_small", path, photos)
    assert "detects person" in printed
    assert "FAILED" not in printed
    return path


def test_every_example_is_run() -> None:
    tested = set(Path(__file__).read_text(encoding="utf-8").split('"'))
    assert {path.name for path in EXAMPLES.glob("*.py")} <= tested


def test_predict(artifact: Path, photos: Path, tmp_path: Path) -> None:
    picture = tmp_path / "outlines.png"
    printed = run("predict.py", artifact, photos / "person.png", picture)
    name, score, *_ = printed.split()
    assert name == "person" and float(score) > 0.9
    assert cv2.imread(str(picture)) is not None


def test_boxes_of_another_detector(photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    artifact, picture = tmp_path / "masks.onnx", tmp_path / "outlines.png"
    export = ("export", "--model", "refinemask_small", "--outputs", "masks", "--output", artifact)
    subprocess.run([sys.executable, "-m", "refinemask", *export], check=True, capture_output=True)
    (line,) = run("refine_boxes.py", artifact, photos / "person.png", picture).splitlines()
    box, _, pixels = line.partition(": ")
    assert box == "person at 14, 0, 434, 512"  # clipped to the image
    assert 0.4 < int(pixels.removesuffix(" pixels")) / (420 * 512) < 0.6
    assert cv2.imread(str(picture)) is not None
    assert run("refine_boxes.py", artifact, photos / "coffee.png", picture) == ""


def test_batch_then_evaluate(artifact: Path, photos: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    run("batch.py", artifact, photos, results, "--batch-size", "2")
    found = json.loads(results.read_text(encoding="utf-8"))
    by_image: dict[str, list[tuple[float, list[float]]]] = {}
    for result in found:
        by_image.setdefault(result["image_id"], []).append((result["score"], result["bbox"]))
    assert by_image["person.png"][0][0] > 0.9
    for ours, others in zip(by_image["person.png"], by_image["same_person.png"], strict=True):
        assert ours[0] == pytest.approx(others[0], abs=1e-4)
        assert ours[1] == pytest.approx(others[1], abs=0.01)

    annotations = tmp_path / "annotations.json"
    annotations.write_text(json.dumps(as_ground_truth(found[:1], photos)), encoding="utf-8")
    kept = [result for result in found if result["image_id"] == found[0]["image_id"]][:1]
    results.write_text(json.dumps(kept), encoding="utf-8")
    assert "boundary AP: 1.000" in run("evaluate_results_file.py", annotations, results)


def test_frames_of_opencv(artifact: Path, photos: Path, tmp_path: Path) -> None:
    clip, outlined = tmp_path / "clip.avi", tmp_path / "outlined.mp4"
    frame = cv2.resize(load_image(photos / "person.png")[..., ::-1], (256, 256))
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"MJPG"), 10, (256, 256))
    for _ in range(4):
        writer.write(frame)
    writer.release()
    assert run("opencv_frames.py", artifact, clip, outlined).startswith("4 frames, ")
    printed = run("opencv_frames.py", artifact, clip, outlined, "--frames", "3")
    assert printed.startswith("3 frames, ")
    capture = cv2.VideoCapture(str(outlined))
    assert (capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)) == (3, 10)
    _, drawn = capture.read()
    outline = np.abs(drawn.astype(int) - frame).max(2) > 60  # far more than the codec changes
    assert 0.01 < outline.mean() < 0.1
    assert np.abs(drawn[outline] - [60.0, 60, 230]).mean() < 40


def test_drawing_of_supervision(artifact: Path, photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("supervision")
    picture = tmp_path / "drawn.png"
    printed = run("supervision_drawing.py", artifact, photos / "person.png", picture)
    objects, inside = (int(word) for word in printed.split() if word.isdigit())
    assert 1 <= inside <= objects <= 3  # whoever is there fills the photograph
    drawn, image = load_image(picture), load_image(photos / "person.png")
    assert drawn.shape == image.shape
    assert 0.3 < np.any(drawn != image, axis=2).mean() < 0.9


def as_ground_truth(results: list[dict[str, object]], photos: Path) -> dict[str, object]:
    """Return annotations that the results meet exactly."""
    names = [str(result["image_id"]) for result in results]
    images = []
    for name in names:
        height, width = load_image(photos / name).shape[:2]
        images.append({"id": name, "file_name": name, "height": height, "width": width})
    annotations = [
        {**result, "id": index, "iscrowd": 0, "area": 1000.0}
        for index, result in enumerate(results, 1)
    ]
    categories = [{"id": results[0]["category_id"], "name": "person"}]
    return {"images": images, "annotations": annotations, "categories": categories}
