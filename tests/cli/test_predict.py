"""`refinemask predict` writes what it finds as it comes, and loses and overwrites nothing."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from refinemask.cli.main import app
from refinemask.cli.selection import PredictorChoice
from refinemask.data.labelme import open_labelme
from refinemask.inference.images import load_image
from refinemask.inference.processing import postprocess, prepare
from refinemask.inference.rle import decode_rle
from refinemask.inference.structures import Detections, MaskFormat, RawArrays
from refinemask.inference.tiles import predict_tiles

MODEL = ("--preset", "maskrcnn_small", "--weights", "synthetic")


class OneBox:
    """Finds one object in every image; Ctrl-C comes after some of them."""

    class_names = ("thing",)
    category_ids = (7,)

    def __init__(self, images: int = 99) -> None:
        self.images = images
        self.seen = 0

    def predict(
        self,
        image: NDArray[np.uint8],
        masks: MaskFormat = "bitmap",
        score_threshold: float = 0.0,
        max_detections: int | None = None,
    ) -> Detections:
        if self.seen == self.images:
            raise KeyboardInterrupt
        if image[0, 0, 0] == 13:
            raise MemoryError
        self.seen += 1
        prepared = prepare(image, 64, 96)
        box = np.array([[4, 4, prepared.size[1] - 4, prepared.size[0] - 4]], np.float32)
        score = np.array([image[0, 0, 0] / 256], np.float32)
        zero = np.zeros(1, np.int64)
        outputs: RawArrays = RawArrays(box, score, zero, zero, np.ones((1, 28, 28), np.float32))
        return postprocess(outputs, prepared, masks, score_threshold, max_detections)


@pytest.fixture
def predictor(monkeypatch: pytest.MonkeyPatch) -> OneBox:
    one = OneBox()
    monkeypatch.setattr(PredictorChoice, "open", lambda _: one)
    return one


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Five photographs, the fourth of them cut."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(5):
        image = np.full((64, 80, 3), 100 + 20 * number, np.uint8)
        assert cv2.imwrite(str(folder / f"{number}.jpg"), image)
    cut = folder / "3.jpg"
    cut.write_bytes(cut.read_bytes()[:300])
    return folder


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["predict", *map(str, arguments), *MODEL])


def ids(path: Path) -> list[Any]:
    return [result["image_id"] for result in json.loads(path.read_text())]


def repair(photos: Path) -> None:
    (photos / "3.jpg").write_bytes((photos / "2.jpg").read_bytes())


def test_one_bad_image_does_not_stop_the_others(
    photos: Path, tmp_path: Path, predictor: OneBox
) -> None:
    (photos / "4\n.jpg").write_text("not an image")
    cv2.imwrite(str(photos / "13.png"), np.full((64, 80, 3), 13, np.uint8))
    results, drawn = tmp_path / "results.json", tmp_path / "drawn"
    done = invoke(photos, "--json", results, "--output", drawn)
    assert done.exit_code == 1
    assert ids(results) == ["0.jpg", "1.jpg", "2.jpg", "4.jpg"]
    pictures = ["0.png", "1.png", "2.png", "4.png"]
    assert sorted(path.name for path in drawn.glob("*.png")) == pictures
    memory, cut, other, count = done.stderr.splitlines()[-4:]
    assert memory == f"error: image {photos / '13.png'}: not enough memory; scale it down"
    assert cut == f"error: image {photos / '3.jpg'} is truncated; copy it again from its source"
    assert other.startswith("error: cannot decode") and r"4\n.jpg" in other
    message = "the results have the others, --resume adds repaired ones"
    assert count == f"error: 3 of 7 images could not be predicted; {message}"
    assert done.stdout.startswith("4 detections in 4 images; drawn in ")


def test_repaired_images_are_added(photos: Path, tmp_path: Path, predictor: OneBox) -> None:
    results = tmp_path / "results.json"
    assert invoke(photos, "--json", results).exit_code == 1
    repair(photos)
    done = invoke(photos, "--json", results, "--resume")
    assert done.exit_code == 0, done.output
    assert "resuming: 4 images are done" in done.stderr
    assert (predictor.seen, ids(results)) == (5, [f"{number}.jpg" for number in range(5)])
    assert sorted(tmp_path.iterdir()) == [photos, results]


def test_a_finished_command_may_be_repeated(
    photos: Path, tmp_path: Path, predictor: OneBox
) -> None:
    for _ in range(2):
        assert invoke(photos, "--json", tmp_path / "results.json").exit_code == 1
    repair(photos)
    for _ in range(2):
        assert invoke(photos, "--json", tmp_path / "results.json").exit_code == 0
    assert predictor.seen == 18


def test_strict_stops_at_the_first(photos: Path, tmp_path: Path, predictor: OneBox) -> None:
    results = tmp_path / "results.json"
    done = invoke(photos, "--json", results, "--strict")
    assert done.exit_code == 1
    assert "3.jpg is truncated" in done.stderr.splitlines()[-1]
    assert not results.exists()
    done = invoke(photos, "--json", results, "--resume")
    assert (predictor.seen, ids(results)) == (4, ["0.jpg", "1.jpg", "2.jpg", "4.jpg"])


def test_an_interrupted_command_continues(photos: Path, tmp_path: Path, predictor: OneBox) -> None:
    repair(photos)
    results, drawn = tmp_path / "results.json", tmp_path / "drawn"
    predictor.images = 2
    command = (photos, "--json", results, "--output", drawn)
    done = invoke(*command)
    assert done.exit_code == 130
    assert done.stderr.endswith("what is done is kept; --resume continues\ninterrupted\n")
    assert not results.exists()
    done = invoke(*command)
    assert done.exit_code == 1
    assert "has the predictions of an earlier command; continue with them by" in done.stderr
    (drawn / "1.png").unlink()
    predictor.images = 99
    done = invoke(*command, "--resume", "--score-threshold", "0.5")
    assert "cannot be resumed: its score_threshold differ" in done.stderr
    assert invoke(*command, "--resume").exit_code == 0
    assert ids(results) == [f"{number}.jpg" for number in range(5)]
    assert sorted(path.name for path in drawn.iterdir()) == [f"{n}.png" for n in range(5)]
    assert predictor.seen == 6


def test_a_killed_command_continues(photos: Path, tmp_path: Path) -> None:
    repair(photos)
    program = (
        "import sys, os, tests.cli.test_predict as t\n"
        "class Killed(t.OneBox):\n"
        "    def predict(self, *args):\n"
        "        if self.seen == 3: os.kill(os.getpid(), 9)\n"
        "        return super().predict(*args)\n"
        "t.PredictorChoice.open = lambda _: Killed()\n"
        "t.app(sys.argv[1:])\n"
    )
    command = ["predict", str(photos), "--json", str(tmp_path / "results.json"), *MODEL]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    for more, code in (([], -signal.SIGKILL), (["--resume"], 0)):
        done = subprocess.run(
            [sys.executable, "-c", program, *command, *more], env=environment, capture_output=True
        )
        assert done.returncode == code, done.stderr
    assert ids(tmp_path / "results.json") == [f"{number}.jpg" for number in range(5)]


def write_dataset(photos: Path, **content: object) -> Path:
    repair(photos)
    images = [
        {"id": 10 * number, "file_name": f"{number}.jpg", "height": 64, "width": 80}
        for number in range(5)
    ]
    path = photos / "test.json"
    path.write_text(json.dumps({"images": images} | content))
    return path


@pytest.mark.parametrize(
    ("content", "category"),
    [
        ({}, 7),
        ({"categories": [{"id": 3, "name": "other"}, {"id": 4, "name": "thing"}]}, 4),
        ({"categories": [{"id": 4, "name": "thing"}], "annotations": []}, 4),
        ({"categories": [{"id": 4, "name": "thing"}], "annotations": [{"id": "broken"}]}, 4),
    ],
)
def test_a_dataset_without_annotations(
    photos: Path, tmp_path: Path, predictor: OneBox, content: dict[str, object], category: int
) -> None:
    dataset = write_dataset(photos, **content)
    results, drawn = tmp_path / "results.json", tmp_path / "drawn"
    predictor.images = 1
    command = ("--dataset", f"{dataset}@{photos}", "--limit", "3", "--json", results)
    assert invoke(*command, "--output", drawn).exit_code == 130
    predictor.images = 99
    done = invoke(*command, "--output", drawn, "--resume")
    assert done.exit_code == 0, done.output
    found = [(one["image_id"], one["category_id"]) for one in json.loads(results.read_text())]
    assert found == [(0, category), (10, category), (20, category)]
    assert sorted(path.name for path in drawn.iterdir()) == ["0.png", "1.png", "2.png"]


def test_a_dataset_of_other_classes(photos: Path, predictor: OneBox) -> None:
    dataset = write_dataset(photos, categories=[{"id": 3, "name": "other"}])
    done = invoke("--dataset", f"{dataset}@{photos}", "--json", "-")
    assert done.exit_code == 1
    assert "have no class in common" in done.stderr


def test_results_on_standard_output(photos: Path, predictor: OneBox) -> None:
    done = invoke(photos, "--json", "-")
    assert done.exit_code == 1
    found = [one["image_id"] for one in json.loads(done.stdout)]
    assert found == ["0.jpg", "1.jpg", "2.jpg", "4.jpg"]


def test_results_can_be_evaluated_on_a_dataset_with_other_ids(
    photos: Path, tmp_path: Path, predictor: OneBox
) -> None:
    results, dataset = tmp_path / "results.json", tmp_path / "dataset.json"
    assert invoke(photos / "0.jpg", "--json", results).exit_code == 0
    (found,) = json.loads(results.read_text())
    x, y, width, height = found["bbox"]
    outline = [x, y, x + width, y, x + width, y + height, x, y + height]
    truth = {
        "images": [{"id": 42, "file_name": "0.jpg", "width": 80, "height": 64}],
        "categories": [{"id": 1, "name": "thing"}],
        "annotations": [
            {"id": 1, "image_id": 42, "category_id": 1, "bbox": found["bbox"], "iscrowd": 0}
            | {"segmentation": [outline], "area": width * height}
        ],
    }
    dataset.write_text(json.dumps(truth))
    evaluate = ["eval", "--results", str(results), "--dataset", str(dataset), "--json", "-"]
    done = CliRunner().invoke(app, evaluate)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["box"]["AP"] == pytest.approx(1)


def test_no_output_replaces_an_input_or_another(
    photos: Path, predictor: OneBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the artifact or its sidecar, whose names a picture may have."""
    monkeypatch.chdir(photos)
    for name in ("art.png", "a.onnx", "a.onnx.json", "0.png"):
        Path(name).write_text(name)
    Path("link.json").symlink_to("1.jpg")
    Path("art.jpg").write_bytes(Path("0.jpg").read_bytes())
    write_dataset(photos)
    before = {path: path.read_bytes() for path in photos.iterdir()}

    def refused(*arguments: str) -> None:
        done = CliRunner().invoke(app, ["predict", *arguments])
        assert done.exit_code == 2, done.output
        assert "is an input of this command" in done.stderr or "is also" in done.stderr
        assert {path: path.read_bytes() for path in photos.iterdir()} == before

    refused("art.jpg", "--artifact", "art.png", "--output", ".")
    refused("1.jpg", "--artifact", "a.onnx", "--json", "a.onnx")
    refused("1.jpg", "--artifact", "a.onnx", "--json", "a.onnx.json")
    refused("1.jpg", "--artifact", "a.onnx", "--json", "link.json")
    refused("1.jpg", "2.jpg", "--artifact", "a.onnx", "--output", "new", "--json", "new/2.png")
    refused("1.jpg", "--artifact", "a.onnx", "--output", "new", "--json", "new/predictions.jsonl")
    refused("--dataset", "test.json@.", "--artifact", "a.onnx", "--json", "test.json")
    refused("--dataset", "test.json", "--artifact", "a.onnx", "--json", "test.json")


def test_results_are_written_through_a_link(
    photos: Path, tmp_path: Path, predictor: OneBox
) -> None:
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    assert invoke(photos / "1.jpg", "--json", tmp_path / "link.json").exit_code == 0
    assert (tmp_path / "link.json").is_symlink()
    assert ids(tmp_path / "real.json") == ["1.jpg"]


def test_images_of_one_name_are_told_apart(photos: Path, tmp_path: Path, predictor: OneBox) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for name in ("1.jpg", "1_2.jpg"):
        (other / name).write_bytes((photos / "2.jpg").read_bytes())
    paths = [photos / "1.jpg", other / "1.jpg", other / "1_2.jpg"]
    results, drawn = tmp_path / "results.json", tmp_path / "drawn"
    assert invoke(*paths, "--json", results, "--output", drawn).exit_code == 0
    assert ids(results) == [str(paths[0]), str(paths[1]), "1_2.jpg"]
    assert sorted(path.name for path in drawn.iterdir()) == ["1.png", "1_2.png", "1_2_2.png"]


def test_tiles(photos: Path, tmp_path: Path, predictor: OneBox) -> None:
    results, drawn = tmp_path / "results.json", tmp_path / "drawn"
    command = (photos / "0.jpg", "--json", results, "--output", drawn, "--tile", "40")
    assert invoke(*command, "--overlap", "0").exit_code == 0
    image = load_image(photos / "0.jpg")
    expected = predict_tiles(lambda part: predictor.predict(part, "probs"), image, 40, 0, "rle")
    found = json.loads(results.read_text())
    assert len(found) == len(expected) == 4
    assert [one["segmentation"] for one in found] == expected.masks
    assert load_image(drawn / "0.png").shape == (640, 800, 3)
    assert invoke(photos / "0.jpg", "--json", results).exit_code == 0
    assert len(json.loads(results.read_text())) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--tile", "31"), "greater than or equal to 32"),
        (("--overlap", "0.2"), "--overlap requires --tile PIXELS"),
        (("--tile", "64", "--overlap", "1"), "--overlap must be below 1, got 1.0"),
    ],
)
def test_wrong_tiles(
    photos: Path, predictor: OneBox, options: tuple[str, ...], message: str
) -> None:
    done = invoke(photos, "--json", "-", *options)
    assert done.exit_code == 2
    assert message in done.stderr


def test_labelme(photos: Path, tmp_path: Path, predictor: OneBox) -> None:
    repair(photos)
    drawn = tmp_path / "drawn"
    command = (photos / "0.jpg", photos / "1.jpg", "--output", drawn, "--labelme")
    done = invoke(*command, "--draw-threshold", "0.45")
    assert done.exit_code == 0, done.output
    assert json.loads((drawn / "0.json").read_text())["shapes"] == []  # below the threshold
    content = json.loads((drawn / "1.json").read_text())
    assert content["imagePath"] == "../photos/1.jpg"
    (shape,) = content["shapes"]
    assert (shape["label"], shape["description"]) == ("thing", "score 0.469")
    dataset = open_labelme(drawn, None, None)
    assert dataset.class_names == ("thing",)
    assert dataset.image_ids == ("0.jpg", "1.jpg")
    (truth,) = dataset[1].masks
    (found,) = json.loads(invoke(photos / "1.jpg", "--json", "-").stdout)
    expected = decode_rle(found["segmentation"])
    changed = truth.to_bitmap(64, 80).astype(bool) ^ expected
    assert changed.sum() <= 0.02 * expected.sum()


def test_labelme_replaces_nothing(photos: Path, tmp_path: Path, predictor: OneBox) -> None:
    (tmp_path / "1.json").write_text("corrected")
    (tmp_path / "2.jpg").write_bytes((photos / "2.jpg").read_bytes())
    for options, message in (
        ((photos / "1.jpg", "--output", tmp_path), "1.json exists, and may have been corrected"),
        ((photos / "1.jpg", "--json", "-"), "--labelme requires --output DIR"),
        (
            (photos / "2.jpg", "--output", tmp_path, "--json", tmp_path / "2.json"),
            "2.json is an input of this command",
        ),
        ((tmp_path / "clip.mp4", "--output", tmp_path), "--labelme goes with images"),
    ):
        done = invoke(*options, "--labelme")
        assert (done.exit_code, message in done.stderr) == (2, True), done.stderr
    assert (tmp_path / "1.json").read_text() == "corrected"
