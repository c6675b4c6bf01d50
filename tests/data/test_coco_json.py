"""What is wrong with annotation files that cannot be opened: one clear error for each."""

import json

import numpy as np
import pytest

from refinemask.data.coco_json import read_coco_json, unpacked
from refinemask.data.open import open_dataset
from refinemask.errors import RefineMaskError


@pytest.fixture
def coco_files(coco_files):
    """Write the images before a test makes the file such that they could not be."""
    coco_files.write()
    return coco_files


def assert_refused(coco_files, message):
    coco_files.annotations.write_text(json.dumps(coco_files.content))
    with pytest.raises(RefineMaskError, match=message):
        open_dataset(str(coco_files.annotations))


def test_polygons_are_packed_and_unpacked(coco_files):
    polygon = [[10.25, 5, 30, 5, 30, 15.5, 10, 15], [1, 1, 2, 2, 1, 2]]
    coco_files.content["annotations"][0]["segmentation"] = polygon
    coco_files.write()
    first, *_, crowd = read_coco_json(coco_files.annotations)["annotations"]
    assert all(part.dtype == np.float64 for part in first["segmentation"])
    assert unpacked(first) == coco_files.content["annotations"][0]
    assert unpacked(crowd) == coco_files.content["annotations"][-1]


def test_byte_order_mark(coco_files):
    coco_files.write()
    coco_files.annotations.write_text(json.dumps(coco_files.content), encoding="utf-8-sig")
    assert len(open_dataset(str(coco_files.annotations))) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("\ufffd", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("3", "of type int at its top level"),
        ("[]", "a list at its top level"),
    ],
    ids=["open", "text", "deep", "number", "list"],
)
def test_file_that_is_no_coco_file(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(RefineMaskError, match=message):
        open_dataset(str(tmp_path / "a.json"))


@pytest.mark.parametrize("section", ["images", "categories"])
def test_missing_section_is_named(coco_files, section):
    del coco_files.content[section]
    assert_refused(coco_files, f"`{section}` is missing")


@pytest.mark.parametrize("section", ["images", "categories"])
def test_empty_section(coco_files, section):
    coco_files.content |= {"annotations": [], section: []}
    assert_refused(coco_files, f"lists no {section}")


@pytest.mark.parametrize(
    ("section", "key"),
    [("images", "height"), ("annotations", "bbox"), ("categories", "name")],
)
def test_missing_key_is_named(coco_files, section, key):
    del coco_files.content[section][1][key]
    assert_refused(coco_files, rf"`{section}\[1\]` lacks `{key}`")


def test_missing_file_name(coco_files):
    del coco_files.content["images"][1]["file_name"]
    assert_refused(coco_files, r"`images\[1\]` lacks `file_name`")


@pytest.mark.parametrize("image_id", [12345, "7", [7], None, 7.5])
def test_unknown_image_is_named(coco_files, image_id):
    coco_files.content["annotations"][0]["image_id"] = image_id
    assert_refused(coco_files, r"1 annotations reference images .* first `image_id` is")


@pytest.mark.parametrize("category_id", [77, "4", [4], None])
def test_unknown_category_is_named(coco_files, category_id):
    coco_files.content["annotations"][0]["category_id"] = category_id
    assert_refused(coco_files, r"1 annotations reference categories .* first `category_id` is")


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        ("images", {"id": 7}, "the id 7 twice in `images`"),
        ("annotations", {"id": 1}, "the id 1 twice in `annotations`"),
        ("categories", {"id": 4}, "the id 4 twice in `categories`"),
        ("categories", {"name": "dog"}, "the name 'dog' twice in `categories`"),
    ],
)
def test_repeated_id(coco_files, section, change, message):
    coco_files.content[section][1].update(change)
    assert_refused(coco_files, message)


@pytest.mark.parametrize("value", ["4", 4.0, None, True, [4]])
def test_ids_of_categories_are_integers(coco_files, value):
    coco_files.content["categories"][0]["id"] = value
    assert_refused(coco_files, r"categories\[0\]` must have an integer `id`")


@pytest.mark.parametrize("value", [1.5, None, True, [7]])
def test_ids_of_images_are_integers_or_text(coco_files, value):
    coco_files.content["images"][0]["id"] = value
    assert_refused(coco_files, r"images\[0\].id` must be an integer or text")


def test_text_as_ids_of_images(coco_files):
    for entry in (*coco_files.content["images"], *coco_files.content["annotations"]):
        key = "image_id" if "image_id" in entry else "id"
        entry[key] = f"photo {entry[key]}"
    dataset = open_dataset(coco_files.write())
    assert dataset.image_ids[0] == dataset[0].image_id == "photo 7"
    assert len(dataset[0].boxes) == 2


@pytest.mark.parametrize("size", [0, -3, 40.5, "40", None, True])
def test_sizes_of_images_are_positive_integers(coco_files, size):
    coco_files.content["images"][2]["width"] = size
    assert_refused(coco_files, r"height and width of `images\[2\]` must be")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bbox": [1, 2, 3]}, "finite numbers x, y, width, height as `bbox`"),
        ({"bbox": 5}, "as `bbox`, got '5'"),
        ({"bbox": None}, "as `bbox`, got 'None'"),
        ({"bbox": [1, 2, 3, "4"]}, "as `bbox`"),
        ({"bbox": [1, 2, float("nan"), 4]}, "as `bbox`, got .*nan"),
        ({"bbox": [1, 2, float("inf"), 4]}, "as `bbox`, got .*inf"),
        ({"bbox": [1, 2, 10**400, 4]}, "as `bbox`, got .*1000"),
        ({"area": "big"}, "a finite number as `area`, got 'big'"),
        ({"area": float("nan")}, "a finite number as `area`, got nan"),
        ({"iscrowd": "no"}, "0 or 1 as `iscrowd`, got 'no'"),
        ({"id": [1]}, r"\[1\].id` must be an integer or text"),
        ({"segmentation": 5}, "a list of polygons or a run-length encoding .* got '5'"),
        ({"segmentation": None}, "a list of polygons or a run-length encoding .* got 'None'"),
        ({"segmentation": {"size": [40, 60]}}, "a list of polygons or a run-length encoding"),
        ({"segmentation": [5, 5, 9, 9, 5, 9]}, "not a flat list x1, y1"),
        ({"segmentation": [[[5, 5], [9, 9], [5, 9]]]}, "not a flat list x1, y1"),
        ({"segmentation": [[5, 5, 9, 9, 5]]}, "not a flat list x1, y1"),
        ({"segmentation": [["a", 5, 9, 9, 5, 9]]}, "not a flat list x1, y1"),
        ({"segmentation": [[5, 5, 9, 9, 5, float("nan")]]}, "the coordinate nan"),
        ({"segmentation": [[5, 5, 9, 9, 5, 1e9]]}, "coordinate 1000000000.0; .* within 600 pixels"),
        ({"segmentation": {"size": [60, 40], "counts": [2400]}}, r"size \[60, 40\] in an image"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_malformed_annotation_is_named(coco_files, change, message):
    coco_files.content["annotations"][1].update(change)
    assert_refused(coco_files, rf"annotations.*{message}")
