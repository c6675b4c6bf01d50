"""What is wrong with annotation files that cannot be opened: one clear error for each."""

import json
import os

import numpy as np
import pytest

from refinemask.data.coco_json import read_coco_json, unpacked
from refinemask.data.open import open_dataset
from refinemask.data.segmentations import as_polygon
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


@pytest.mark.parametrize("entry", ["x" * 10**6, True, None, [1], {}, 10**400])
def test_a_polygon_with_something_else_in_it(entry):
    """A text would get each number the room of its characters: here, 400 GB."""
    assert as_polygon([entry, *[1] * 100_000]) is None


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


@pytest.mark.parametrize("image_id", [12345, "7"])
def test_unknown_image_is_named(coco_files, image_id):
    coco_files.content["annotations"][0]["image_id"] = image_id
    assert_refused(coco_files, r"1 annotation of images .* first `image_id` is")


@pytest.mark.parametrize(("category_id", "hint"), [(77, "77;"), ("4", "'4'; .* are integers")])
def test_unknown_category_is_named(coco_files, category_id, hint):
    coco_files.content["annotations"][0]["category_id"] = category_id
    message = rf"1 annotation of categories .* first `category_id` is {hint}"
    assert_refused(coco_files, message)


@pytest.mark.parametrize("key", ["image_id", "category_id"])
@pytest.mark.parametrize("value", [[4], None, 7.5, True, float("nan"), 10**400], ids=str)
def test_references_are_integers(coco_files, key, value):
    coco_files.content["annotations"][1][key] = value
    assert_refused(coco_files, rf"annotations\[1\].{key}` must be an integer")


def test_whole_floats_are_integers(coco_files):
    for section in ("images", "annotations", "categories"):
        for entry in coco_files.content[section]:
            numbers = {k: v for k, v in entry.items() if type(v) is int and k != "area"}
            entry.update({key: float(value) for key, value in numbers.items()})
    dataset = open_dataset(coco_files.write_json())
    assert dataset.image_ids == (7, 3, 9, 5)
    assert dataset.category_ids == (4, 2)
    assert all(type(id_) is int for id_ in (*dataset.image_ids, *dataset.category_ids))
    assert len(dataset[0].boxes) == 2


@pytest.mark.parametrize(
    ("section", "key"), [("images", "file_name"), ("images", "id"), ("categories", "name")]
)
@pytest.mark.parametrize("name", ["\ud800", "a\0b"])
def test_names_that_are_no_text(coco_files, section, key, name):
    coco_files.content[section][0][key] = name
    coco_files.content["annotations"] = []
    assert_refused(coco_files, rf"`{section}\[0\]`: the name .*; rename it")


@pytest.mark.parametrize(
    "size", [(10**9, 10**9), (1, 10**8 + 1), (65536, 65536), (10**400, 1)], ids=lambda s: str(s)[:9]
)
def test_sizes_of_images_are_bounded(coco_files, size):
    coco_files.content["images"][2].update(zip(("height", "width"), size, strict=True))
    assert_refused(coco_files, r"images\[2\]` has .* pixels, more than 100000000; REFINEMASK_MAX")


def test_another_bound(coco_files, monkeypatch):
    monkeypatch.setenv("REFINEMASK_MAX_PIXELS", "2000")
    assert_refused(coco_files, r"images\[0\]` has 40 x 60 pixels, more than 2000")
    for wrong in ("0", "x", "-1", "1e8", str(2**31), ""):
        monkeypatch.setenv("REFINEMASK_MAX_PIXELS", wrong)
        assert_refused(coco_files, "REFINEMASK_MAX_PIXELS must be an integer from 1 to 2147483647")


@pytest.mark.parametrize("entry", ["file_name", "coco_url"])
def test_one_of_two_names_is_null(coco_files, entry):
    other = {"file_name": "coco_url", "coco_url": "file_name"}[entry]
    for image in coco_files.content["images"]:
        image.update({other: image["file_name"], entry: None})
    assert len(open_dataset(coco_files.write_json())) == 4


@pytest.mark.parametrize("path", ["/dev/zero", "fifo"])
def test_what_is_no_file(tmp_path, path):
    if path == "fifo":
        os.mkfifo(tmp_path / path)
    with pytest.raises(RefineMaskError, match=r"is not a file|nor an existing file"):
        read_coco_json(tmp_path / path)


def test_no_utf8(coco_files):
    coco_files.annotations.write_bytes(b'{"images": "\xff"}')
    with pytest.raises(RefineMaskError, match="is not JSON"):
        open_dataset(str(coco_files.annotations))


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


@pytest.mark.parametrize("value", ["4", 4.5, None, True, [4]])
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
    assert_refused(coco_files, r"images\[2\]` must have positive integers")


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
        ({"area": float("nan")}, "a finite number as `area`, got 'nan'"),
        ({"iscrowd": "no"}, "0 or 1 as `iscrowd`, got 'no'"),
        ({"id": [1]}, r"\[1\].id` must be an integer or text"),
        ({"segmentation": 5}, "a list of polygons or a run-length encoding .* got '5'"),
        ({"segmentation": None}, "a list of polygons or a run-length encoding .* got 'None'"),
        ({"segmentation": {"size": [40, 60]}}, "a list of polygons or a run-length encoding"),
        ({"segmentation": [5, 5, 9, 9, 5, 9]}, "not a flat list x1, y1"),
        ({"segmentation": [[[5, 5], [9, 9], [5, 9]]]}, r"as pairs \[\[x, y\], ...\]"),
        ({"segmentation": [[5, 5], [9, 9], [5, 9]]}, r"as pairs \[\[x, y\], ...\]"),
        ({"segmentation": [{"x": 1, "y": 2}]}, "not a flat list x1, y1"),
        ({"segmentation": [[10**400, 5, 9, 9, 5, 9]]}, "not a flat list x1, y1"),
        ({"segmentation": [[-500, 5, 500, 9] * 200]}, "outline is .* pixels long, more than 50000"),
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


@pytest.mark.parametrize("name", ["animals", "cat"])
@pytest.mark.parametrize("root", [{"supercategory": "none"}, {}])
def test_root_category_of_an_exporter(coco_files, name, root, caplog):
    """Some have it under the name of the only class."""
    categories = coco_files.content["categories"]
    if name == "cat":
        del categories[0]
        kept = [a for a in coco_files.content["annotations"] if a["category_id"] == 2]
        coco_files.content["annotations"] = kept
    for category in categories:
        category["supercategory"] = name
    coco_files.content["categories"] = [{"id": 0, "name": name, **root}, *categories]
    dataset = open_dataset(coco_files.write_json())
    assert dataset.class_names == (("cat",) if name == "cat" else ("dog", "cat"))
    assert f"left out the category '{name}' (id 0)" in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["annotations"][0].update(category_id=0),
        lambda content: content["categories"][1].update(supercategory="pets"),
        lambda content: content["categories"][0].update(supercategory="things"),
    ],
    ids=["used", "not of all", "not the root"],
)
def test_other_categories_are_kept(coco_files, change):
    categories = coco_files.content["categories"]
    for category in categories:
        category["supercategory"] = "animals"
    coco_files.content["categories"] = [{"id": 0, "name": "animals"}, *categories]
    change(coco_files.content)
    assert open_dataset(coco_files.write_json()).class_names == ("animals", "dog", "cat")


def test_one_category_is_no_root(coco_files):
    coco_files.content["categories"] = [{"id": 1, "name": "cat", "supercategory": "none"}]
    coco_files.content["annotations"] = []
    assert open_dataset(coco_files.write_json()).class_names == ("cat",)
