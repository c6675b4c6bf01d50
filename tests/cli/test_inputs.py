"""No output replaces a file that a command reads."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from refinemask.checkpoints import save_checkpoint, synthetic_model
from refinemask.cli.main import app
from refinemask.configs import presets
from tests.artifact_bytes import model_bytes
from tests.data.foreign_files import (
    HEIGHT,
    SQUARE,
    WIDTH,
    shape,
    write_image,
    write_labelme,
    write_yolo,
)


def write_coco(root: Path) -> str:
    write_image(root / "a.png")
    box = {"bbox": [8, 8, 16, 16], "segmentation": [[8, 8, 24, 8, 24, 24, 8, 24]], "area": 256}
    content = {
        "images": [{"id": 1, "file_name": "a.png", "height": HEIGHT, "width": WIDTH}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0} | box],
        "categories": [{"id": 1, "name": "a"}],
    }
    (root / "a.json").write_text(json.dumps(content))
    return "a.json"


def write_labelme_folder(root: Path) -> str:
    write_labelme(root, [shape("a", [[8, 8], [40, 8], [40, 40], [8, 40]])])
    return "."


def write_yolo_split(root: Path) -> str:
    write_yolo(root, labels=(SQUARE,))
    return "data.yaml:val"


DATASETS = {
    "COCO": (write_coco, ["a.json", "a.png"]),
    "LabelMe": (write_labelme_folder, ["a.json", "a.png"]),
    "YOLO": (write_yolo_split, ["data.yaml", "images/val/a.png", "labels/val/a.txt"]),
}


def refused(folder: Path, *arguments: str) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in files}
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2, done.output
    assert "is an input of this command; write to another path" in done.stderr
    assert {path: path.read_bytes() for path in files} == before
    assert len([path for path in folder.rglob("*") if path.is_file()]) == len(files)


@pytest.mark.parametrize("kind", DATASETS)
def test_files_of_a_dataset(kind, tmp_path, monkeypatch):
    write, files = DATASETS[kind]
    spec = write(tmp_path)
    monkeypatch.chdir(tmp_path)
    for path in files:
        refused(tmp_path, "data", "check", spec, "--json", path)
        refused(tmp_path, "eval", "--dataset", spec, "--model", "maskrcnn_small", "--json", path)
        refused(tmp_path, "predict", "--dataset", spec, "--model", "maskrcnn_small", "--json", path)


def test_metrics_and_a_dataset_of_that_name(tmp_path):
    write_coco(tmp_path)
    dataset = (tmp_path / "a.json").rename(tmp_path / "metrics.json")
    model = ("--model", "maskrcnn_small")
    refused(tmp_path, "eval", "--dataset", str(dataset), *model, "--output", str(tmp_path))


def test_files_that_info_describes(tmp_path):
    checkpoint, artifact = tmp_path / "model.safetensors", tmp_path / "model.onnx"
    save_checkpoint(synthetic_model(presets.maskrcnn_small(2)), checkpoint)
    refused(tmp_path, "info", str(checkpoint), "--json", str(checkpoint))
    artifact.write_bytes(model_bytes())
    sidecar = tmp_path / "model.onnx.json"
    refused(tmp_path, "info", str(artifact), "--json", str(artifact))
    refused(tmp_path, "info", str(artifact), "--json", str(sidecar))


def test_a_result_may_replace_an_earlier_one(tmp_path):
    spec, result = str(tmp_path / write_coco(tmp_path)), tmp_path / "result.json"
    for _ in range(2):
        done = CliRunner().invoke(app, ["data", "check", spec, "--json", str(result)])
        assert done.exit_code == 0, done.output
    assert json.loads(result.read_text())["failures"] == []
