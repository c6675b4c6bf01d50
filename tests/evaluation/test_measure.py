"""Which protocol measures what, results from a file, and `refinemask eval` from end to end."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from refinemask.cli.main import app
from refinemask.cli.selection import PredictorChoice
from refinemask.data.open import open_dataset
from refinemask.errors import RefineMaskError
from refinemask.evaluation import evaluate, format_table, measure_file
from refinemask.evaluation.prediction_log import FILE_NAME
from refinemask.inference.rle import encode_rle

SHAPES = "shapes:3"
SYNTHETIC = ("--preset", "maskrcnn_small", "--weights", "synthetic")


def invoke(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def shapes():
    return open_dataset(SHAPES)


def perfect(dataset) -> list[dict[str, Any]]:
    keys = ("image_id", "category_id", "bbox", "segmentation")
    return [
        {key: a[key] for key in keys} | {"score": 1.0} for a in dataset.ground_truth["annotations"]
    ]


@pytest.fixture
def results_file(tmp_path):
    def write(content):
        path = tmp_path / "results.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def test_results_of_a_file(shapes, results_file):
    found = measure_file(results_file(perfect(shapes)), shapes)
    assert found["images"] == 3
    assert [found[kind]["AP"] for kind in ("box", "mask", "boundary")] == pytest.approx([1, 1, 1])


def test_results_without_masks_are_measured_by_boxes(shapes, results_file):
    results = [{k: v for k, v in r.items() if k != "segmentation"} for r in perfect(shapes)]
    assert list(measure_file(results_file(results), shapes)) == ["images", "box"]


def test_limit_and_partial_results(shapes, results_file, caplog):
    path = results_file(perfect(shapes))
    assert measure_file(path, shapes, limit=2)["mask"]["AP"] == pytest.approx(1)
    assert not caplog.records
    first = shapes.image_ids[0]
    path = results_file([r for r in perfect(shapes) if r["image_id"] == first])
    assert measure_file(path, shapes)["mask"]["AR100"] < 1
    assert "results for 1 of 3 images" in caplog.text


def test_chosen_classes_leave_other_results_out(shapes, results_file):
    path = results_file(perfect(shapes))
    names = dict(zip(shapes.category_ids, shapes.class_names, strict=True))
    some = open_dataset(SHAPES, [names[perfect(shapes)[0]["category_id"]]])
    assert measure_file(path, some, classes_chosen=True)["mask"]["AP"] == pytest.approx(1)
    with pytest.raises(RefineMaskError, match=r"results\.json: result \d+ has the category"):
        measure_file(path, some)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is nested too deeply; a list of COCO results is expected"),
        (
            {"images": []},
            "is not a list of COCO results but of type dict; give annotations by --dataset",
        ),
        (
            [{"image_id": 99, "category_id": 1}],
            "results.json: result 0 is for image 99, .* another",
        ),
        ([{"image_id": 1, "category_id": 99}], "results.json: result 0 has the category 99"),
        ([3], "result 0 has no image_id"),
    ],
)
def test_wrong_files(content, message, shapes, results_file):
    with pytest.raises(RefineMaskError, match=message):
        measure_file(results_file(content), shapes)


@pytest.mark.parametrize("crowd", [False, True])
def test_nothing_to_measure(crowd, tmp_path, results_file):
    mask = encode_rle(np.ones((40, 50), bool))
    annotation = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 50, 40], "iscrowd": 1}
    content = {
        "images": [{"id": 1, "file_name": "a.png", "height": 40, "width": 50}],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [annotation | {"segmentation": mask}] if crowd else [],
    }
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(content))
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((40, 50, 3), np.uint8))
    reason = "set `iscrowd` to 0" if crowd else "have no annotation of person"
    for made_by in (("--results", results_file([])), ("--model", "maskrcnn_small")):
        done = invoke("eval", "--dataset", path, *made_by)
        assert done.exit_code == 1
        assert "there is nothing to measure" in done.stderr
        assert reason in done.stderr


def test_summary_of_the_dataset(results_file, shapes):
    done = invoke("eval", "--dataset", SHAPES, "--results", results_file(perfect(shapes)))
    assert "shapes:3: 3 of 3 images" in done.stderr
    done = invoke(
        "eval", "--dataset", SHAPES, "--results", results_file(perfect(shapes)), "--json", "-"
    )
    assert json.loads(done.stdout)["dataset"]["all_images"] == 3


def test_missing_file(shapes, tmp_path):
    with pytest.raises(RefineMaskError, match=r"cannot read results .* check the path"):
        measure_file(tmp_path / "none.json", shapes)


def lvis_file(folder: Path) -> Path:
    """Write an image and its annotations as LVIS v1 publishes them."""
    mask = np.zeros((40, 50), bool)
    mask[10:30, 15:35] = True
    content = {
        "images": [
            {
                "id": 5,
                "coco_url": "http://images.cocodataset.org/val2017/000000000005.jpg",
                "height": 40,
                "width": 50,
                "neg_category_ids": [2],
                "not_exhaustive_category_ids": [],
            }
        ],
        "categories": [
            {"id": 1, "name": "cow", "synset": "beef.n.01", "frequency": "f"},
            {"id": 2, "name": "acorn", "synset": "acorn.n.01", "frequency": "r"},
        ],
        "annotations": [
            {
                "id": 1,
                "image_id": 5,
                "category_id": 1,
                "bbox": [15, 10, 20, 20],
                "area": 400,
                "segmentation": encode_rle(mask),
            }
        ],
    }
    (folder / "val2017").mkdir()
    cv2.imwrite(str(folder / "val2017" / "000000000005.jpg"), np.zeros((40, 50, 3), np.uint8))
    path = folder / "lvis_v1_val.json"
    path.write_text(json.dumps(content))
    return path


class Oracle:
    """Detect what is annotated, under the labels of these classes."""

    def __init__(self, dataset, class_names):
        self.class_names = class_names
        self.category_ids = tuple(range(len(class_names)))
        self._annotations = dataset.ground_truth["annotations"]

    def predict(self, image, masks="bitmap", score_threshold=0.0, max_detections=None):
        from refinemask.inference.structures import Detections

        corners = [[x, y, x + w, y + h] for x, y, w, h in (a["bbox"] for a in self._annotations)]
        count = len(corners)
        return Detections(
            np.array(corners, np.float32).reshape(-1, 4),
            np.ones(count, np.float32),
            np.zeros(count, np.int64),
            [a["segmentation"] for a in self._annotations],
            image.shape[:2],
        )


def test_lvis_is_measured_by_its_own_protocol(tmp_path, caplog):
    pytest.importorskip("lvis", reason="the package lvis is not installed")
    dataset = open_dataset(str(lvis_file(tmp_path)))
    found = evaluate(Oracle(dataset, ("cow", "dog")), dataset)
    assert (found["protocol"], found["images"]) == ("lvis", 1)
    assert found["mask"]["APf"] == found["box"]["APf"] == pytest.approx(1)
    assert found["mask"]["APr"] == -1
    assert "to measure AP*, give --lvis-as-coco" in caplog.text
    assert format_table(found).splitlines()[0].split()[-3:] == ["APr", "APc", "APf"]
    by_coco = evaluate(Oracle(dataset, ("cow", "dog")), dataset, protocol="coco")
    assert list(by_coco) == ["images", "box", "mask", "boundary"]


def test_ap_star_from_the_command_line(tmp_path):
    pytest.importorskip("lvis", reason="the package lvis is not installed")
    path = lvis_file(tmp_path)
    (annotation,) = json.loads(path.read_text())["annotations"]
    results = tmp_path / "results.json"
    results.write_text(json.dumps([annotation | {"category_id": 21, "score": 0.9}]))
    done = invoke("eval", "--dataset", path, "--results", results, "--lvis-as-coco", "--json", "-")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["protocol"] == "lvis"
    assert found["mask"]["AP"] == pytest.approx(1)
    wrong = invoke("eval", "--dataset", SHAPES, "--results", results, "--lvis-as-coco")
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert wrong.stderr.startswith("error: --lvis-as-coco needs annotations of LVIS")


def test_results_need_no_images(tmp_path):
    """The annotations say all that is measured; a model needs the images."""
    path = lvis_file(tmp_path)
    shutil.rmtree(tmp_path / "val2017")
    (annotation,) = json.loads(path.read_text())["annotations"]
    results = tmp_path / "results.json"
    results.write_text(json.dumps([annotation | {"score": 0.9}]))
    measured = ("eval", "--dataset", path, "--protocol", "coco", "--json", "-")
    done = invoke(*measured, "--results", results)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["mask"]["AP"] == pytest.approx(1)
    missing = invoke(*measured, *SYNTHETIC)
    assert missing.exit_code == 1
    assert "1 of the 1 images" in missing.stderr


@pytest.fixture
def gtfine(tmp_path):
    """One frame of Cityscapes with a person, in the folders of the download."""
    stem = "ulm_000000_000019"
    instance_map = np.full((64, 96), 7, np.uint16)
    instance_map[10:50, 20:40] = 24000
    for kind, name, picture in (
        ("gtFine", "gtFine_instanceIds", instance_map),
        ("leftImg8bit", "leftImg8bit", np.zeros((64, 96, 3), np.uint8)),
    ):
        folder = tmp_path / kind / "val" / "ulm"
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / f"{stem}_{name}.png"), picture)
    return tmp_path / "gtFine" / "val"


def test_cityscapes_is_measured_by_its_own_protocol(gtfine):
    pytest.importorskip("cityscapesscripts", reason="cityscapesScripts is not installed")
    dataset = open_dataset(str(gtfine))
    found = evaluate(Oracle(dataset, ("person", "dog")), dataset)
    assert (found["protocol"], found["images"]) == ("cityscapes", 1)
    assert list(found["classes"]) == ["person"]
    assert found["mask"] == {"AP": pytest.approx(1), "AP50": pytest.approx(1)}
    assert [line.split()[0] for line in format_table(found).splitlines()[1:]] == ["mask", "person"]


def test_results_on_maps_are_checked_and_may_be_polygons(gtfine, results_file):
    pytest.importorskip("cityscapesscripts", reason="cityscapesScripts is not installed")
    dataset = open_dataset(str(gtfine))
    polygon: list[list[float]] = [[20, 10, 40, 10, 40, 50, 20, 50]]
    result = {"image_id": 1, "category_id": 24, "score": 1, "segmentation": polygon}
    assert measure_file(results_file([result]), dataset)["mask"]["AP"] == pytest.approx(1)
    polygon[0][2] = 1e9
    with pytest.raises(RefineMaskError, match="result 0 has a polygon with the coordinate 1000000"):
        measure_file(results_file([result]), dataset)


def test_results_on_maps_need_no_images(gtfine):
    shutil.rmtree(gtfine.parents[1] / "leftImg8bit")
    dataset = open_dataset(str(gtfine), with_images=False)
    assert dataset.ground_truth["images"][0]["file_name"] == "ulm_000000_000019_leftImg8bit.png"
    with pytest.raises(RefineMaskError, match="leftImg8bit"):
        open_dataset(str(gtfine))


def test_cityscapes_without_maps_is_measured_by_coco(caplog):
    mask = encode_rle(np.ones((8, 9), bool))
    person = {"id": 1, "image_id": 1, "category_id": 24, "bbox": [0, 0, 9, 8]}
    truth = {
        "images": [{"id": 1, "height": 8, "width": 9}],
        "annotations": [person | {"segmentation": mask}],
    }
    dataset = SimpleNamespace(
        protocol="cityscapes",
        class_names=("person",),
        category_ids=(24,),
        image_ids=(1,),
        ground_truth=truth | {"categories": [{"id": 24, "name": "person"}]},
        load_image=lambda index: np.zeros((8, 9, 3), np.uint8),
    )
    assert "boundary" in evaluate(Oracle(dataset, ("person",)), dataset)
    assert "without gtFine's instance maps: measuring by COCO's protocol" in caplog.text


def test_no_folder_is_left_where_nothing_was_predicted(tmp_path):
    """The synthetic preset has COCO's classes, the shapes have others."""
    done = invoke("eval", "--dataset", SHAPES, *SYNTHETIC, "--output", tmp_path / "out")
    assert done.exit_code == 1
    assert "no class in common" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_output_of_a_real_model(tmp_path, shared):
    folder = tmp_path / "out"
    spec = shared / "data" / "pennfudan" / "instances_val.json"
    command = ("eval", "--dataset", spec, "--model", "refinemask_small", "--limit", 2)
    plain = invoke(*command, "--json", "-")
    first = invoke(*command, "--output", folder)
    assert first.exit_code == 0, first.output
    kept = json.loads((folder / "metrics.json").read_text())
    expected = json.loads(plain.stdout)
    assert [kept[k] for k in ("images", "box", "mask", "boundary")] == [
        expected[k] for k in ("images", "box", "mask", "boundary")
    ]
    assert len(kept["made_by"]["model"]["checkpoint"]) == 64
    assert len((folder / FILE_NAME).read_text().splitlines()) == 3
    again = invoke(*command, "--output", folder)
    assert (again.exit_code, "--resume" in again.stderr) == (1, True)
    assert invoke(*command, "--output", folder, "--resume").exit_code == 0
    other = invoke(*command[:-1], 1, "--output", folder, "--resume")
    assert other.exit_code == 1
    assert "its dataset differ" in other.stderr


def test_another_epsilon_is_another_model():
    def identity(bn_eps):
        return PredictorChoice("refinemask_small", bn_eps=bn_eps).identity()

    assert identity(None) == identity(None)
    assert identity(None) != identity(0.0) != identity(1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--model a --results b", "got --model and --results"),
        ("--results b --output c", "--output requires a model or an artifact"),
        ("--model a --resume", "--resume requires --output DIR"),
        ("--model a --protocol voc", "voc"),
    ],
)
def test_wrong_usage(arguments, message):
    done = invoke("eval", "--dataset", SHAPES, *arguments.split())
    assert done.exit_code == 2, done.output
    assert message in done.stderr
