"""YOLO datasets: their splits, labels and sizes, and what is wrong with those that are refused."""

import json
import logging
import zlib

import cv2
import numpy as np
import pytest

from refinemask.data.image_sizes import image_sizes
from refinemask.data.open import open_dataset
from refinemask.errors import RefineMaskError
from refinemask.evaluation.measure import measure_file
from tests.data.foreign_files import (
    HEIGHT,
    SQUARE,
    TRIANGLE,
    WIDTH,
    YAML,
    perfect_results,
    write_image,
    write_yolo,
)


def test_outlines_are_scaled_to_the_image(tmp_path):
    dataset = open_dataset(f"{write_yolo(tmp_path)}:val")
    assert dataset.class_names == ("person", "no")
    assert dataset.category_ids == (0, 1)
    assert dataset.image_ids == ("a.png", "b.png")
    assert dataset.image_path(0) == tmp_path / "images" / "val" / "a.png"
    sample = dataset[0]
    np.testing.assert_allclose(
        sample.boxes, [[24.0, 16, 72, 48], [9.6, 6.4, 38.4, 38.4]], rtol=1e-6
    )
    np.testing.assert_array_equal(sample.labels, [0, 1])
    assert sample.masks[0].to_bitmap(HEIGHT, WIDTH).sum() == 48 * 32
    assert len(dataset[1].boxes) == 0
    assert dataset.ground_truth["annotations"][1]["area"] == pytest.approx(28.8 * 32 / 2)


@pytest.mark.parametrize(
    "name", ["data.yaml:train", ":train", "images/train", "{}/data.yaml:train"]
)
def test_what_a_split_is_called(tmp_path, monkeypatch, name):
    write_yolo(tmp_path)
    monkeypatch.chdir(tmp_path)
    spec = f"{tmp_path}{name}" if name.startswith(":") else name.format(tmp_path)
    dataset = open_dataset(spec)
    assert dataset.image_path(0).parent == tmp_path / "images" / "train"


def test_the_only_split_needs_no_name(tmp_path):
    yaml = write_yolo(tmp_path, yaml="train: images/train\nnames: [person, no]\nnc: 2\n")
    assert open_dataset(str(yaml)).image_ids == ("a.png", "b.png")


@pytest.mark.parametrize("spec", ["{}", "{}:test"])
def test_a_split_must_be_chosen_among_those_there_are(tmp_path, spec):
    yaml = write_yolo(tmp_path)
    with pytest.raises(RefineMaskError, match=rf"give {yaml}:train, {yaml}:val"):
        open_dataset(spec.format(yaml))


@pytest.mark.parametrize(
    "lines",
    [
        "path: {root}\ntrain: images/train",
        "path: {name}\ntrain: images/train",
        "path: ../datasets/elsewhere\ntrain: images/train",
        "train: ../images/train",
        "path: ''\ntrain: [images/train]",
        "train: list.txt",
        "path: {root}\ntrain: [list.txt]",
        "train: images\\train",
    ],
)
def test_where_the_images_of_a_split_are(tmp_path, lines):
    root = tmp_path / "set"
    names = "names: [person, no]"
    text = f"{lines.format(root=root, name=root.name)}\n{names}\n"
    yaml = write_yolo(root, yaml=text)
    (root / "list.txt").write_text("./images/train/a.png\n\nimages/train/b.png\n")
    dataset = open_dataset(f"{yaml}:train")
    assert dataset.image_ids == ("a.png", "b.png")
    assert len(dataset[0].masks) == 2


def test_splits_with_their_own_images_and_labels(tmp_path):
    """As Roboflow exports them; ids tell images of equal name apart."""
    for split in ("train", "valid"):
        write_image(tmp_path / split / "images" / "a.png")
        (tmp_path / split / "labels").mkdir()
        (tmp_path / split / "labels" / "a.txt").write_text(SQUARE)
    yaml = tmp_path / "data.yaml"
    yaml.write_text("train: [../train/images, ../valid/images]\nval: ../valid/images\nnames: [x]")
    assert open_dataset(f"{yaml}:val").image_ids == ("a.png",)
    assert open_dataset(f"{yaml}:train").image_ids == ("train/images/a.png", "valid/images/a.png")
    assert len(open_dataset(str(tmp_path / "valid"))[0].masks) == 1


def test_sizes_are_those_of_the_image_as_shown(tmp_path):
    """A photograph that a camera took upright is stored on its side."""
    yaml = write_yolo(tmp_path)
    path = tmp_path / "images" / "val" / "a.png"
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    path.unlink()
    _, jpeg = cv2.imencode(".jpg", image)
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    exif = b"\xff\xe1" + (len(tiff) + 8).to_bytes(2, "big") + b"Exif\0\0" + tiff
    data = jpeg.tobytes()
    path.with_suffix(".jpg").write_bytes(data[:2] + exif + data[2:])
    dataset = open_dataset(f"{yaml}:val")
    assert dataset.load_image(0).shape == (WIDTH, HEIGHT, 3)
    np.testing.assert_allclose(dataset[0].boxes[0], [16, 24, 48, 72])


def test_boxes_without_outlines_are_no_instances(tmp_path, caplog):
    yaml = write_yolo(tmp_path, labels=(SQUARE, "1 0.5 0.5 0.2 0.2"))
    with caplog.at_level(logging.WARNING):
        dataset = open_dataset(f"{yaml}:train")
    assert "1 of 2 objects are boxes without outlines" in caplog.text
    assert "a.txt:2" in caplog.text
    assert len(dataset[0].masks) == 1
    box = dataset.ground_truth["annotations"][1]["bbox"]
    np.testing.assert_allclose(box, [38.4, 25.6, 19.2, 12.8])


def test_a_detection_dataset_is_refused(tmp_path):
    yaml = write_yolo(tmp_path, labels=("0 0.5 0.5 0.2 0.2",))
    with pytest.raises(RefineMaskError, match="is a detection dataset"):
        open_dataset(f"{yaml}:train")


def test_copies_of_a_line_are_one_object(tmp_path):
    yaml = write_yolo(tmp_path, labels=(SQUARE, "", f"  {SQUARE}  "))
    assert len(open_dataset(f"{yaml}:train")[0].masks) == 1


def test_coordinates_a_little_outside_are_moved_to_the_edge(tmp_path):
    yaml = write_yolo(tmp_path, labels=("0 -0.001 0 1.0000001 0 1 1",))
    (annotation,) = open_dataset(f"{yaml}:val").ground_truth["annotations"]
    assert annotation["bbox"] == [0, 0, WIDTH, HEIGHT]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2 0.1 0.1 0.4 0.1 0.1 0.6", "the class 2 has no name"),
        ("-1 0.1 0.1 0.4 0.1 0.1 0.6", "whole number from 0, got -1"),
        ("0.5 0.1 0.1 0.4 0.1 0.1 0.6", "whole number from 0, got 0.5"),
        ("nan 0.1 0.1 0.4 0.1 0.1 0.6", "whole number from 0, got nan"),
        ("1e300 0.1 0.1 0.4 0.1 0.1 0.6", "whole number from 0"),
        ("0 0.1 0.1 0.4 0.1 0.1 60", "from 0 to 1, got 60"),
        ("0 0.1 0.1 0.4 0.1 0.1 nan", "from 0 to 1, got nan"),
        ("0 0.1 0.1 0.4 0.1 0.1 inf", "from 0 to 1, got inf"),
        ("0 0.1 0.1 0.4 0.1 0.1", "got 6 numbers"),
        ("0 0.1 0.1 0.4 0.1 0.1 0.2 0.3", "got 8 numbers"),
        ("0", "got 1 numbers"),
        ("person 0.1 0.1 0.4 0.1 0.1 0.6", "must consist of numbers, got 'person 0.1"),
    ],
)
def test_a_malformed_line_is_named(tmp_path, line, message):
    yaml = write_yolo(tmp_path, labels=(TRIANGLE, line))
    with pytest.raises(RefineMaskError, match=rf"labels/train/a\.txt:2: .*{message}"):
        open_dataset(f"{yaml}:train")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("names: [a\n", r"data\.yaml:\d: not YAML"),
        ("names: []\ntrain: images/train", "`names` must be a list"),
        ("names: person\ntrain: images/train", "`names` must be a list"),
        ("names: {a: b}\ntrain: images/train", "index in `names`"),
        ("names: [[a]]\ntrain: images/train", "name of class 0"),
        ("names: [a, a]\ntrain: images/train", "the name 'a' twice"),
        ("names: [a]\nnc: 2\ntrain: images/train", "`nc` must be"),
        ("names: [a]\ntrain: images/nothing", "`train` is 'images/nothing', which is neither"),
        ("names: [a]\ntrain: labels/train", "there are no images in `train`"),
        ("names: [a]\ntrain: [[a]]", "`train` is not a path"),
        ("names: [a]\ntrain: missing.txt", "neither"),
        ("names: [a]\ntrain: {a: b}", "`train` is not a path"),
        ("names: [a]\npath: [b]\ntrain: images/train", "`path` is not a text"),
        ("names: [a]", "it names none"),
        ("names:\n" + "[" * 3000, "not YAML"),
        ("names: &a [*a]\ntrain: images/train", "not YAML"),
        ("names: !!python/object/apply:os.system [ls]\ntrain: x", "neither in"),
        ("names: ['\\ud800']\ntrain: \"\\ud800\\0\"", "neither in"),
        ('names: ["\\ud800", b]\ntrain: images/train', "has half of a character"),
    ],
)
def test_a_malformed_description_is_refused(tmp_path, text, message):
    yaml = write_yolo(tmp_path, yaml=text)
    with pytest.raises(RefineMaskError, match=message):
        open_dataset(f"{yaml}:train")


def test_a_list_names_the_line_of_a_missing_image(tmp_path):
    yaml = write_yolo(tmp_path, yaml="train: list.txt\nnames: [a, b]")
    (tmp_path / "list.txt").write_text("images/train/a.png\nimages/train/z.png\n")
    with pytest.raises(RefineMaskError, match=r"list\.txt:2: the image 'images/train/z\.png'"):
        open_dataset(str(yaml))


def test_no_labels_at_all(tmp_path):
    yaml = write_yolo(tmp_path)
    (tmp_path / "labels" / "val" / "a.txt").unlink()
    with pytest.raises(RefineMaskError, match=r"none of the 2 images has a label file; .*a\.txt"):
        open_dataset(f"{yaml}:val")


def test_an_image_that_is_none(tmp_path):
    yaml = write_yolo(tmp_path)
    (tmp_path / "images" / "val" / "b.png").write_text("not an image")
    with pytest.raises(RefineMaskError, match=r"cannot decode .*b\.png"):
        open_dataset(f"{yaml}:val")


def test_an_image_that_claims_too_many_pixels(tmp_path):
    yaml = write_yolo(tmp_path)
    path = tmp_path / "images" / "val" / "b.png"
    data = bytearray(path.read_bytes())
    data[16:24] = (11_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    path.write_bytes(data)
    with pytest.raises(RefineMaskError, match="11000 x 11000 pixels"):
        open_dataset(f"{yaml}:val")


def test_a_folder_of_images_is_not_given(tmp_path):
    with pytest.raises(RefineMaskError, match="leave out @"):
        open_dataset(f"{write_yolo(tmp_path)}@{tmp_path / 'images'}")
    with pytest.raises(RefineMaskError, match="leave out :val"):
        open_dataset(f"{tmp_path / 'images' / 'val'}:val")


def test_a_split_of_something_else(tmp_path):
    with pytest.raises(RefineMaskError, match="is not a YOLO dataset"):
        open_dataset(f"{tmp_path}:val")


def test_perfect_results_have_ap_1(tmp_path):
    dataset = open_dataset(f"{write_yolo(tmp_path)}:val", with_images=False)
    (tmp_path / "results.json").write_text(json.dumps(perfect_results(dataset)))
    figures = measure_file(tmp_path / "results.json", dataset)
    assert [figures[kind]["AP"] for kind in ("box", "mask", "boundary")] == pytest.approx([1] * 3)


def test_names_as_yaml_would_not_read_them(tmp_path):
    yaml = write_yolo(tmp_path, yaml=YAML.replace("person", "1"))
    assert open_dataset(f"{yaml}:val").class_names == ("1", "no")


def test_sizes_of_every_format(tmp_path):
    sides = {".bmp": 40, ".jpg": 41, ".png": 42, ".tiff": 43, ".webp": 44}
    for suffix, height in sides.items():
        write_image(tmp_path / f"a{suffix}", height)
    paths = sorted(tmp_path.iterdir())
    assert image_sizes(paths) == [(height, WIDTH) for height in sides.values()]


def test_a_list_that_is_another_file_is_not_shown(tmp_path):
    write_yolo(tmp_path, yaml="path: .\nval: secret\nnames: [a, b]\n")
    (tmp_path / "secret").write_text("password\n")
    with pytest.raises(RefineMaskError, match=r"nor a list of them in a \.txt file") as error:
        open_dataset(str(tmp_path / "data.yaml:val"))
    assert "password" not in str(error.value)


def test_the_limit_of_pillow_does_not_decide(tmp_path, monkeypatch):
    pillow = pytest.importorskip("PIL.Image")
    monkeypatch.setattr(pillow, "MAX_IMAGE_PIXELS", 100)  # an error from twice as many on
    write_image(tmp_path / "a.png", 40)
    assert image_sizes([tmp_path / "a.png"]) == [(40, WIDTH)]
    monkeypatch.setenv("REFINEMASK_MAX_PIXELS", "1000")
    with pytest.raises(RefineMaskError, match=r"a\.png has .* pixels, and at most 1000 are read"):
        image_sizes([tmp_path / "a.png"])
