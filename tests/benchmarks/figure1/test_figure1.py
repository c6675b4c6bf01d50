"""Figure 1: what is counted, what is drawn, and the command from end to end."""

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("matplotlib")

from refinemask.benchmarks.figure1.drawing import draw_chart, draw_crops
from refinemask.benchmarks.figure1.measure import Crop, measure, table
from refinemask.benchmarks.figure1.segmenters import Segmenter, open_segmenters, open_shared
from refinemask.checkpoints import load_model
from refinemask.cli.main import app
from refinemask.data.open import open_dataset
from refinemask.errors import RefineMaskError
from refinemask.inference.images import load_image
from refinemask.inference.rle import encode_rle

SIZE = (60, 80)  # a diagonal of 100 pixels
HALF = np.zeros(SIZE, bool)
HALF[:, :40] = True
SQUARE = np.zeros(SIZE, bool)
SQUARE[20:40, 30:50] = True


def write_dataset(root, *images, categories=("person",)):
    """Write a dataset; each image is a list of (mask, category, whether it is a crowd)."""
    content = {
        "images": [],
        "annotations": [],
        "categories": [{"id": n, "name": name} for n, name in enumerate(categories, 1)],
    }
    root.mkdir(exist_ok=True)
    for number, objects in enumerate(images, 1):
        name = f"{number}.png"
        pixels = np.random.default_rng(number).integers(0, 256, (*SIZE, 3), np.uint8)
        cv2.imwrite(str(root / name), pixels)
        height, width = SIZE
        content["images"].append(
            {"id": number, "file_name": name, "height": height, "width": width}
        )
        for mask, category, crowd in objects:
            content["annotations"].append(
                {
                    "id": len(content["annotations"]) + 1,
                    "image_id": number,
                    "category_id": categories.index(category) + 1,
                    "segmentation": encode_rle(mask),
                    "bbox": [0, 0, width, height],
                    "area": int(mask.sum()),
                    "iscrowd": int(crowd),
                }
            )
    path = root / "people.json"
    path.write_text(json.dumps(content))
    return str(path)


def segmenter(name, mask, classes=("person",)):
    """Return a model that finds `mask` in every image."""
    return Segmenter(name, f"{name}.safetensors", "instance", classes, lambda *_: mask)


def test_a_perfect_model_is_always_right_and_a_shifted_one_is_wrong_at_the_contour(tmp_path):
    dataset = open_dataset(write_dataset(tmp_path, [(HALF, "person", False)]))
    shifted = np.zeros(SIZE, bool)
    shifted[:, :41] = True
    models = [segmenter("exact", HALF), segmenter("shifted", shifted)]
    figures, _ = measure(models, dataset, width=0.02)
    exact, wrong = figures["models"]
    assert exact["boundary"]["accuracy"] == exact["non_boundary"]["iou"] == 1
    # The band has 2 columns on either side, of which the shifted model has one wrong.
    assert wrong["boundary"]["accuracy"] == 3 / 4
    assert wrong["boundary"]["iou"] == 2 / 3
    assert wrong["boundary"]["pixels"] == 4 * 60
    assert wrong["non_boundary"]["accuracy"] == 1
    assert figures["width_pixels"] == [2, 2, 2]
    assert figures["per_image"] == [
        {
            "image_id": 1,
            "boundary": {"exact": 1.0, "shifted": 0.75},
            "non_boundary": {"exact": 1.0, "shifted": 1.0},
        }
    ]
    by_width = {entry["width"]: entry["boundary"]["accuracy"] for entry in wrong["by_width"]}
    assert by_width == {0.005: 1 / 2, 0.01: 1 / 2, 0.02: 3 / 4, 0.04: 7 / 8}


def test_the_contour_is_that_of_the_union_and_pixels_of_images_are_pooled(tmp_path):
    other_half = ~HALF
    spec = write_dataset(
        tmp_path,
        [(HALF, "person", False), (other_half, "person", False)],  # all foreground: no contour
        [(HALF, "person", False)],
    )
    figures, _ = measure([segmenter("m", HALF)], open_dataset(spec))
    (model,) = figures["models"]
    assert model["boundary"]["pixels"] == 4 * 60
    assert model["boundary"]["accuracy"] == 1
    assert model["non_boundary"]["true_positive"] == 40 * 60 + 38 * 60
    assert model["non_boundary"]["false_negative"] == 40 * 60
    assert figures["per_image"][0]["boundary"] == {"m": -1.0}


def test_crowds_count_nowhere_but_under_an_instance(tmp_path):
    crowd = np.zeros(SIZE, bool)
    crowd[:, 30:] = True
    spec = write_dataset(tmp_path, [(HALF, "person", False), (crowd, "person", True)])
    figures, _ = measure([segmenter("m", np.ones(SIZE, bool))], open_dataset(spec))
    (model,) = figures["models"]
    assert model["boundary"]["pixels"] == 2 * 60
    assert model["boundary"]["accuracy"] == model["non_boundary"]["accuracy"] == 1
    assert model["boundary"]["pixels"] + model["non_boundary"]["pixels"] == 40 * 60


def test_other_classes_are_background(tmp_path):
    spec = write_dataset(
        tmp_path,
        [(HALF, "person", False), (SQUARE, "dog", False)],
        categories=("dog", "person"),
    )
    model = segmenter("m", HALF)
    dataset = open_shared(spec, [model])
    assert dataset.class_names == ("person",)
    figures, _ = measure([model], dataset)
    assert figures["models"][0]["non_boundary"]["accuracy"] == 1


def test_crops_show_where_the_models_differ_most_at_outlines(tmp_path):
    spec = write_dataset(
        tmp_path,
        [(SQUARE, "person", False)],
        [(HALF, "person", False)],
        [],
    )
    models = [segmenter("a", HALF), segmenter("b", np.zeros(SIZE, bool))]
    figures, crops = measure(models, open_dataset(spec), crops=2)
    # Crops are 32 pixels wide. The left half of the square's band is disputed: 12 columns of 24
    # rows without the hole of 8 by 16; of the other contour 2 columns are.
    assert [(crop.image_id, crop.disputed) for crop in crops] == [(1, 12 * 24 - 8 * 16), (2, 64)]
    assert all(crop.image.shape == (32, 32, 3) for crop in crops)
    assert [mask.shape for mask in crops[1].masks] == [(32, 32)] * 3
    np.testing.assert_array_equal(crops[1].masks[0], crops[1].masks[1])
    left, top, right, bottom = figures["crops"][1]["box"]
    assert (right - left, bottom - top, figures["crops"][1]["image_id"]) == (32, 32, 2)
    np.testing.assert_array_equal(HALF[top:bottom, left:right], crops[1].masks[0])
    _, none = measure(models, open_dataset(spec), crops=0)
    assert none == []


@pytest.mark.parametrize("width", [0, -1, 2])
def test_a_width_out_of_its_range_is_an_error(tmp_path, width):
    dataset = open_dataset(write_dataset(tmp_path, [(HALF, "person", False)]))
    with pytest.raises(RefineMaskError, match=f"at most 1, got {width}"):
        measure([segmenter("m", HALF)], dataset, width=width)


def test_a_width_that_leaves_nothing_else_is_an_error(tmp_path):
    dataset = open_dataset(write_dataset(tmp_path, [(HALF, "person", False)]))
    with pytest.raises(RefineMaskError, match="choose a smaller one"):
        measure([segmenter("m", HALF)], dataset, width=1)


@pytest.mark.parametrize("images", [[], [[]], [[(HALF, "person", True)]]])
def test_a_dataset_without_instances_is_an_error(tmp_path, images):
    spec = write_dataset(tmp_path, *images)
    with pytest.raises(RefineMaskError, match=r"instance|image"):
        measure([segmenter("m", HALF)], open_dataset(spec))


def test_models_of_other_classes_are_an_error(tmp_path):
    spec = write_dataset(tmp_path, [(HALF, "person", False)])
    models = [segmenter("a", HALF), segmenter("b", HALF, classes=("dog",))]
    with pytest.raises(RefineMaskError, match="no class in common"):
        open_shared(spec, models)


def test_models_of_one_kind_are_numbered():
    names = [s.name for s in open_segmenters(["maskrcnn_small"] * 2, None, 0.5, "cpu")]
    assert names == ["Mask R-CNN 1", "Mask R-CNN 2"]


def test_the_epsilon_is_for_checkpoints_that_do_not_tell_it(monkeypatch, tmp_path):
    foreign = tmp_path / "foreign.pth"
    foreign.write_bytes(b"PK and no more")
    asked = []

    def load(path, device, bn_eps):
        asked.append((path, bn_eps))
        return load_model("maskrcnn_small")

    monkeypatch.setattr("refinemask.benchmarks.figure1.segmenters.load_model", load)
    models = ["refinemask_small", str(foreign)]
    open_segmenters(models, None, 0.5, "cpu", bn_eps=0.0)
    assert asked == [("refinemask_small", None), (str(foreign), 0.0)]


@pytest.mark.parametrize(
    ("semantic", "message"),
    [
        ("nowhere.safetensors", "does not exist"),
        ("text.safetensors", "not a readable safetensors"),
        ("detector.safetensors", "give detectors with --model"),
    ],
)
def test_a_wrong_semantic_checkpoint_is_an_error(tmp_path, semantic, message):
    from refinemask.checkpoints.shipped import find_checkpoint

    (tmp_path / "text.safetensors").write_text("hello")
    (tmp_path / "detector.safetensors").symlink_to(find_checkpoint("maskrcnn_small"))
    with pytest.raises(RefineMaskError, match=message) as caught:
        open_segmenters([], tmp_path / semantic, 0.5, "cpu")
    assert "python -m refinemask.benchmarks.figure1.deeplab_training" in str(caught.value)


@pytest.fixture
def figures(tmp_path):
    """Figures of two models."""
    dataset = open_dataset(write_dataset(tmp_path, [(HALF, "person", False)]))
    models = [segmenter("Mask R-CNN", SQUARE), segmenter("RefineMask", HALF)]
    return {"dataset": "people.json", "score_threshold": 0.5} | measure(models, dataset)[0]


def test_the_chart_is_a_png_and_always_the_same(figures, tmp_path):
    for name in ("a.png", "b.png"):
        draw_chart(figures, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    picture = load_image(tmp_path / "a.png")
    assert picture.shape[1] > picture.shape[0] > 300
    # Bars in the colour of RefineMask, whose accuracy is 100 % in both regions.
    red = (picture == np.array([0xD1, 0x49, 0x5B], np.uint8)).all(-1)
    columns = np.flatnonzero(red.sum(0) > picture.shape[0] // 2)
    assert np.count_nonzero(np.diff(columns) > 1) == 1


def test_the_table_has_every_model_and_figure(figures):
    lines = table(figures).splitlines()
    assert lines[-1].split() == ["RefineMask", *["1.0000"] * 4, "RefineMask.safetensors"]
    assert lines[-2].startswith("Mask R-CNN ")


def test_crops_are_rows_of_equal_cells_under_titles():
    image = np.full((24, 24, 3), 200, np.uint8)
    crop = Crop(
        1,
        (0, 0, 24, 24),
        5,
        image,
        (SQUARE[20:44, 30:54], HALF[:24, 28:52], np.zeros((24, 24), bool)),
    )
    one, two = draw_crops([crop], ["a", "b"]), draw_crops([crop, crop], ["a", "b" * 100])
    assert one.shape[1] == two.shape[1]
    cell = (one.shape[1] + 6) // 4
    assert two.shape[0] - one.shape[0] == cell
    assert (one[-1, 0] == 200).all()  # the photograph as it is
    assert (one[-1, -1] == 200).all()  # nothing found
    # the ground truth's corner is filled
    assert (one[-cell + 12, cell + 6] != 200).any()


def test_the_command_writes_chart_crops_and_json(tmp_path):
    spec = write_dataset(tmp_path / "data", [(SQUARE, "person", False)], [(HALF, "person", False)])
    output = tmp_path / "out"
    arguments = ["figure1", "--dataset", spec, "--output", str(output), "--width", "0.03"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in output.iterdir()) == [
        "figure1.json",
        "figure1.png",
        "figure1_crops.jpg",
    ]
    result = json.loads((output / "figure1.json").read_text())
    assert [model["name"] for model in result["models"]] == ["Mask R-CNN", "RefineMask"]
    assert (result["width"], result["score_threshold"], result["images"]) == (0.03, 0.5, 2)
    assert result["dataset"] == "data/people.json"
    assert result["width_pixels"] == [3, 3, 3]
    assert [entry["width"] for entry in result["models"][0]["by_width"]] == [
        0.005,
        0.01,
        0.02,
        0.03,
        0.04,
    ]
    total = [
        model["boundary"]["pixels"] + model["non_boundary"]["pixels"] for model in result["models"]
    ]
    assert total == [2 * 60 * 80] * 2
    assert {"command", "versions", "machine"} <= result["setup"].keys()
    assert "Mask R-CNN" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("--width 0", 1, "more than 0 and at most 1, got 0.0"),
        ("--model nowhere.pt", 1, "nowhere.pt"),
        ("--semantic nowhere.safetensors", 1, "nowhere.safetensors does not exist"),
        ("--score-threshold 1.5", 2, "--score-threshold"),
        ("--crops -1", 2, "--crops"),
    ],
)
def test_the_command_fails_with_a_reason_and_leaves_nothing(tmp_path, arguments, code, message):
    spec = write_dataset(tmp_path / "data", [(SQUARE, "person", False)])
    output = tmp_path / "out"
    command = ["figure1", "--dataset", spec, "--output", str(output), *arguments.split()]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == code
    assert message in done.stderr
    assert not output.exists() or not list(output.iterdir())
