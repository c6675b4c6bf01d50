"""`refinemask segment`: from a file of boxes to results and pictures, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest

from refinemask.checkpoints import synthetic_model
from refinemask.cli.selection import PredictorChoice
from refinemask.configs.presets import maskrcnn_small
from refinemask.inference.images import load_image
from refinemask.inference.metadata import METADATA_KEY
from refinemask.inference.rle import decode_rle
from refinemask.models import Detector
from tests.artifact_bytes import make_metadata, sealed
from tests.cli.program import SYNTHETIC, invoke
from tests.engines.conftest import GRAPH
from tests.engines.test_given_boxes import GRAPH as BOX_GRAPH

CSV = """file,x1,y1,x2,y2,label,score
1.jpg,8,8,40,60,person,0.25
0.jpg,-5,10,50,90,person,0.75
1.jpg,10,0,80,64,person,
elsewhere/0.jpg,90,10,95,50,person,0.5
"""


@pytest.fixture(scope="module")
def model() -> Detector:
    return synthetic_model(maskrcnn_small())


@pytest.fixture(autouse=True)
def opened(model: Detector, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the choice of a preset open one model, and note for what."""
    uses: list[str] = []
    genuine = PredictorChoice.open

    def open_once(choice: PredictorChoice, outputs: Any = "detections") -> Any:
        uses.append(outputs)
        return genuine(choice, outputs) if choice.artifact else model

    monkeypatch.setattr(PredictorChoice, "open", open_once)
    return uses


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        image = np.random.default_rng(number).integers(0, 256, (64, 80, 3), np.uint8)
        assert cv2.imwrite(str(folder / f"{number}.jpg"), image)
    return folder


@pytest.fixture
def boxes(tmp_path: Path) -> Path:
    path = tmp_path / "boxes.csv"
    path.write_text(CSV)
    return path


def segment(*arguments: str | Path) -> Any:
    return invoke("segment", *arguments, *SYNTHETIC)


def test_boxes_become_results_in_the_order_given(
    photos: Path, boxes: Path, tmp_path: Path, model: Detector, opened: list[str]
) -> None:
    results, drawn = tmp_path / "results.json", tmp_path / "drawn"
    done = segment(photos, "--boxes", boxes, "--json", results, "--output", drawn)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"4 masks in 3 images; drawn in {drawn}\n"
    assert "0.jpg of 80 x 64 pixels: 1 box lies outside of it, with an empty mask" in done.stderr
    assert opened == ["masks"]
    found = json.loads(results.read_text())
    assert [(one["image_id"], one["bbox"], one["score"]) for one in found] == [
        ("0.jpg", [0, 10, 50, 54], 0.75),
        ("0.jpg", [80, 10, 0, 40], 0.5),
        ("1.jpg", [8, 8, 32, 52], 0.25),
        ("1.jpg", [10, 0, 70, 64], 1),
    ]
    assert {(one["category_id"], one["category_name"]) for one in found} == {(1, "person")}
    image = load_image(photos / "1.jpg")
    expected = model.segment(image, [[8, 8, 40, 60], [10, 0, 80, 64]])
    for one, mask in zip(found[2:], np.asarray(expected.masks), strict=True):
        np.testing.assert_array_equal(decode_rle(one["segmentation"]), mask)
    assert not decode_rle(found[1]["segmentation"]).any()
    assert sorted(path.name for path in drawn.iterdir()) == ["0.png", "1.png", "2.png"]


def test_low_scores_are_left_out(photos: Path, boxes: Path) -> None:
    done = segment(photos, "--boxes", boxes, "--json", "-", "--score-threshold", "0.6")
    assert [one["score"] for one in json.loads(done.stdout)] == [0.75, 1]


def test_results_of_a_dataset(photos: Path, tmp_path: Path) -> None:
    images = [
        {"id": 10 + number, "file_name": f"{number}.jpg", "height": 64, "width": 80}
        for number in range(3)
    ]
    dataset, boxes = tmp_path / "dataset.json", tmp_path / "detector.json"
    categories = [{"id": 4, "name": "person"}, {"id": 5, "name": "dog"}]
    dataset.write_text(json.dumps({"images": images, "categories": categories}))
    given = [
        {"image_id": 12, "category_id": 4, "bbox": [8, 8, 32, 32], "score": 0.5},
        {"image_id": 10, "category_id": 5, "bbox": [8, 8, 32, 32], "score": 0.7},
    ]
    boxes.write_text(json.dumps(given))
    done = segment("--dataset", f"{dataset}@{photos}", "--boxes", boxes, "--json", "-")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [one.pop("segmentation")["size"] for one in found] == [[64, 80]] * 2
    assert found == [given[1], given[0]]


def test_the_mask_head_alone_is_measured(photos: Path, tmp_path: Path, opened: list[str]) -> None:
    dataset, kept = tmp_path / "dataset.json", tmp_path / "kept"
    outline = {"bbox": [8, 8, 32, 32], "segmentation": [[8, 8, 40, 8, 40, 40, 8, 40]], "area": 1024}
    truth = {
        "images": [{"id": 5, "file_name": "1.jpg", "width": 80, "height": 64}],
        "categories": [{"id": 3, "name": "person"}],
        "annotations": [{"id": 1, "image_id": 5, "category_id": 3, "iscrowd": 0} | outline],
    }
    dataset.write_text(json.dumps(truth))
    command = ("eval", "--dataset", f"{dataset}@{photos}", "--ground-truth-boxes", "--json", "-")
    done = invoke(*command, "--output", kept, *SYNTHETIC)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["box"]["AP"] == pytest.approx(1)
    assert opened == ["masks"]
    made_by = json.loads((kept / "metrics.json").read_text())["made_by"]
    assert made_by["ground_truth_boxes"] is True


def test_what_predict_finds_can_be_segmented(photos: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    photo = photos / "1.jpg"
    command = ("--json", results, "--max-detections", "3")
    assert invoke("predict", photo, *command, *SYNTHETIC).exit_code == 0
    done = segment(photo, "--boxes", results, "--json", "-")
    assert done.exit_code == 0, done.output
    again, before = json.loads(done.stdout), json.loads(results.read_text())
    assert len(before) == 3
    for one, other in zip(again, before, strict=True):
        assert one["score"] == other["score"]
        masks = [decode_rle(result["segmentation"]) for result in (one, other)]
        assert (masks[0] != masks[1]).mean() < 0.002  # boxes in files have three decimals


def test_one_bad_image_does_not_stop_the_others(photos: Path, boxes: Path, tmp_path: Path) -> None:
    (photos / "0.jpg").write_bytes((photos / "0.jpg").read_bytes()[:300])
    results = tmp_path / "results.json"
    done = segment(photos, "--boxes", boxes, "--json", results)
    assert done.exit_code == 1
    assert "0.jpg is truncated" in done.stderr
    assert "error: 1 of 3 images could not be segmented; the results have" in done.stderr
    assert [one["image_id"] for one in json.loads(results.read_text())] == ["1.jpg", "1.jpg"]
    done = segment(photos, "--boxes", boxes, "--json", tmp_path / "other.json", "--strict")
    assert done.exit_code == 1 and not (tmp_path / "other.json").exists()
    boxes.write_text(CSV + "2.jpg,1,2,3,4,person,\n")
    done = segment(photos, "--boxes", boxes, "--json", results, "--resume")
    assert "cannot be resumed: its boxes differ" in done.stderr


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1.jpg,9,9,5,50,person,", r"boxes.csv, line 6: it ends before it begins"),
        ("1.jpg,9,9,nan,50,person,", r"boxes.csv, line 6: its corners must be finite"),
        ("1.jpg,9,9,50,50,person,2", r"boxes.csv, line 6: a score must be from 0 to 1, got 2"),
    ],
)
def test_a_bad_box_is_named_before_any_work(
    photos: Path, boxes: Path, line: str, message: str, opened: list[str]
) -> None:
    boxes.write_text(CSV + line + "\n")
    done = segment(photos, "--boxes", boxes, "--json", "-")
    assert (done.exit_code, done.stdout, opened) == (1, "", [])
    (error,) = done.stderr.splitlines()
    assert message in error


def test_a_detector_that_found_nothing(photos: Path, boxes: Path, tmp_path: Path) -> None:
    boxes.write_text("file,x1,y1,x2,y2,label\n")
    drawn = tmp_path / "drawn"
    done = segment(photos / "1.jpg", "--boxes", boxes, "--json", "-", "--output", drawn)
    assert (done.exit_code, json.loads(done.stdout)) == (0, [])
    assert (drawn / "1.png").is_file()


def test_too_many_boxes_name_their_image(photos: Path, boxes: Path) -> None:
    boxes.write_text("1.jpg,1,2,3,4\n" * 1001)
    done = segment(photos / "1.jpg", "--boxes", boxes, "--json", "-")
    assert done.exit_code == 1
    assert "1.jpg: an image may have up to 1000 boxes, got 1001" in done.stderr


def test_labels_that_a_model_of_several_classes_lacks(
    photos: Path, boxes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = synthetic_model(maskrcnn_small(2).with_classes(("cat", "dog")))
    monkeypatch.setattr(PredictorChoice, "open", lambda *_: other)
    done = segment(photos, "--boxes", boxes, "--json", "-")
    assert done.exit_code == 1
    message = "boxes.csv, line 2: the label 'person' is no class of the model (cat, dog)"
    assert message in done.stderr
    boxes.write_text("1.jpg,1,2,30,40,dog\n1.jpg,1,2,30,40,1")
    done = segment(photos / "1.jpg", "--boxes", boxes, "--json", "-")
    assert [one["category_name"] for one in json.loads(done.stdout)] == ["dog", "cat"]


def test_wrong_usage(photos: Path, boxes: Path, tmp_path: Path) -> None:
    before = boxes.read_text()
    for arguments, message in (
        (("--boxes", boxes, "--json", "-"), "give either IMAGE"),
        ((photos, "--boxes", boxes), "give --output DIR, --json PATH or both"),
        ((photos, "--boxes", boxes, "--json", boxes), "is an input of this command"),
        ((photos, "--boxes", boxes, "--json", "-", "--max-detections", "5"), "--score-threshold"),
        ((photos, "--json", "-"), "--boxes"),
    ):
        done = segment(*arguments)
        assert done.exit_code == 2 and message in done.stderr, done.stderr
    done = segment(photos, "--boxes", boxes, "--output", photos, "--json", photos / "1.jpg")
    assert done.exit_code == 2 and boxes.read_text() == before


@pytest.mark.parametrize(
    ("command", "graph", "outputs", "message"),
    [
        (
            "segment",
            GRAPH,
            "detections",
            "takes no boxes: use it with predict, or export its model",
        ),
        ("predict", BOX_GRAPH, "masks", "detects nothing itself: use it with segment, or export"),
    ],
)
def test_artifacts_of_the_other_kind(
    photos: Path, boxes: Path, tmp_path: Path, command: str, graph: str, outputs: str, message: str
) -> None:
    pytest.importorskip("onnxruntime")
    model = onnx.parser.parse_model(graph)
    onnx.helper.set_model_props(model, {METADATA_KEY: make_metadata(outputs=outputs).to_json()})
    path = tmp_path / "toy.onnx"
    path.write_bytes(sealed(model.SerializeToString()))
    more = ("--boxes", boxes) if command == "segment" else ()
    done = invoke(command, photos, *more, "--json", "-", "--artifact", path)
    assert done.exit_code == 1 and done.stdout == ""
    (error,) = done.stderr.splitlines()
    assert message in error
