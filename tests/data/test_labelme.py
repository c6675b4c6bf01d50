"""LabelMe folders: their shapes as instances, and what is wrong with those that are refused."""

import base64
import json
import logging

import numpy as np
import pytest

from refinemask.data.open import open_dataset
from refinemask.errors import RefineMaskError
from refinemask.evaluation.measure import measure_file
from tests.data.foreign_files import (
    HEIGHT,
    WIDTH,
    labelme,
    mask_shape,
    perfect_results,
    shape,
    write_image,
    write_labelme,
)

SQUARE = [[10, 10], [30, 10], [30, 30], [10, 30]]
DISC = np.pad(np.ones((4, 6), np.uint8), 1) * 255


def only_mask(root, *shapes):
    (mask,) = open_dataset(str(write_labelme(root, list(shapes))))[0].masks
    return mask.to_bitmap(HEIGHT, WIDTH)


def test_shapes_are_instances_of_sorted_labels(tmp_path):
    shapes = [shape("tree", SQUARE), shape("car", [[50, 40], [60, 50]], "rectangle")]
    dataset = open_dataset(str(write_labelme(tmp_path, shapes)))
    assert dataset.class_names == ("car", "tree")
    assert dataset.category_ids == (1, 2)
    assert dataset.image_ids == ("a.png",)
    sample = dataset[0]
    np.testing.assert_array_equal(sample.boxes, [[10, 10, 30, 30], [50, 40, 60, 50]])
    np.testing.assert_array_equal(sample.labels, [1, 0])
    assert [mask.to_bitmap(HEIGHT, WIDTH).sum() for mask in sample.masks] == [400, 100]
    assert [a["area"] for a in dataset.ground_truth["annotations"]] == [400, 100]


def test_rectangles_in_any_direction(tmp_path):
    assert only_mask(tmp_path, shape("a", [[60, 20], [50, 40]], "rectangle"))[20:40, 50:60].all()


@pytest.mark.parametrize("kind", ["polygon", "rotation", "oriented_rectangle", None])
def test_kinds_of_polygons(tmp_path, kind):
    assert only_mask(tmp_path, shape("a", SQUARE, kind)).sum() == 400


@pytest.mark.parametrize("radius", [3, 25])
def test_circles(tmp_path, radius):
    found = only_mask(tmp_path, shape("a", [[48, 32], [48, 32 + radius]], "circle"))
    assert found.sum() == pytest.approx(np.pi * radius**2, rel=0.03)


def test_masks_are_placed_at_their_corner(tmp_path):
    found = only_mask(tmp_path, mask_shape("a", DISC, 7, 5))
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[6:10, 8:14] = 1
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("x", "y"), [(-3, -2), (WIDTH - 3, HEIGHT - 3), (-3, HEIGHT - 2)])
def test_masks_beyond_the_image_are_cut(tmp_path, x, y):
    found = only_mask(tmp_path, mask_shape("a", DISC, x, y))
    canvas = np.zeros((HEIGHT + 40, WIDTH + 40), np.uint8)
    canvas[20 + y : 26 + y, 20 + x : 28 + x] = DISC > 0
    np.testing.assert_array_equal(found, canvas[20 : 20 + HEIGHT, 20 : 20 + WIDTH])


def test_a_group_is_one_instance(tmp_path):
    other = [[50, 10], [60, 10], [60, 20], [50, 20]]
    shapes = [shape("a", SQUARE, group_id=1), shape("b", other), shape("a", other, group_id=1)]
    dataset = open_dataset(str(write_labelme(tmp_path, shapes)))
    sample = dataset[0]
    np.testing.assert_array_equal(sample.labels, [0, 1])
    np.testing.assert_array_equal(sample.boxes[0], [10, 10, 60, 30])
    assert sample.masks[0].to_bitmap(HEIGHT, WIDTH).sum() == 500


def test_a_group_of_polygon_and_mask(tmp_path):
    found = only_mask(
        tmp_path, shape("a", SQUARE, group_id=0), mask_shape("a", DISC, 50, 40, group_id=0)
    )
    assert found[10:30, 10:30].all()
    assert found.sum() == 424


def test_shapes_without_an_area_are_counted(tmp_path, caplog):
    shapes = [shape("a", SQUARE), shape("b", [[1, 1]], "point"), shape("b", SQUARE, "linestrip")]
    with caplog.at_level(logging.WARNING):
        dataset = open_dataset(str(write_labelme(tmp_path, shapes)))
    assert dataset.class_names == ("a",)
    assert "left out: 1 of type linestrip, 1 of type point" in caplog.text


@pytest.mark.parametrize(
    ("image", "folder"),
    [
        ("a.png", "."),
        (r"..\images\a.png", "../images"),
        ("../images/a.png", "../images"),
        (r"C:\Users\me\a.png", "."),
        ("/home/somebody/a.png", "."),
        ("photos/a.png", "."),
    ],
)
def test_where_images_are(tmp_path, image, folder):
    labels = tmp_path / "labels"
    write_image(labels / folder / "a.png")
    labels.mkdir(exist_ok=True)
    (labels / "a.json").write_text(json.dumps(labelme([shape("a", SQUARE)], image)))
    assert open_dataset(str(labels)).load_image(0).shape == (HEIGHT, WIDTH, 3)


def test_named_images_folder(tmp_path):
    write_labelme(tmp_path / "labels", [shape("a", SQUARE)])
    (tmp_path / "labels" / "a.png").rename(tmp_path / "a.png")
    with pytest.raises(RefineMaskError, match="LABELME_DIR@IMAGES_DIR"):
        open_dataset(str(tmp_path / "labels"))
    assert len(open_dataset(f"{tmp_path / 'labels'}@{tmp_path}")[0].masks) == 1
    assert len(open_dataset(str(tmp_path / "labels"), with_images=False)) == 1


def test_folders_below(tmp_path):
    for name in ("one", "two"):
        write_labelme(tmp_path / name, [shape(name, SQUARE)])
    dataset = open_dataset(str(tmp_path))
    assert dataset.image_ids == ("one/a.png", "two/a.png")
    assert dataset.class_names == ("one", "two")


def test_a_size_that_is_not_recorded_is_that_of_the_image(tmp_path):
    write_labelme(tmp_path, [shape("a", SQUARE)], imageHeight=None, imageWidth=None)
    assert open_dataset(str(tmp_path))[0].image.shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("image", ["b.png", "\0", "", "x" * 1000])
def test_an_image_that_is_not_there_has_no_size(tmp_path, image):
    write_labelme(tmp_path, [shape("a", SQUARE)], image, imageHeight=None, imageWidth=None)
    with pytest.raises(RefineMaskError, match=r"a\.json records no `imageHeight`"):
        open_dataset(str(tmp_path), with_images=False)


def test_embedded_images_are_not_read(tmp_path):
    write_labelme(tmp_path, [shape("a", SQUARE)], imageData="no base64")
    assert len(open_dataset(str(tmp_path))) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": None}, r"a\.json, shapes\[1\]: `label` must be"),
        ({"shape_type": "star"}, r"shapes\[1\]: the `shape_type` 'star' is unknown"),
        ({"shape_type": ["polygon"]}, r"shapes\[1\]: the `shape_type` .* is unknown"),
        ({"points": [[1, 2], [3, 4]]}, r"shapes\[1\]: a polygon must have at least three points"),
        ({"points": []}, r"shapes\[1\]: `points` must be"),
        ({"points": None}, r"shapes\[1\]: `points` must be"),
        ({"points": [1, 2, 3, 4]}, r"shapes\[1\]: `points` must be"),
        ({"points": [[1, 2], [3, "4"], [5, 6]]}, r"shapes\[1\]: `points` must be"),
        ({"points": [[1, 2], [3, float("nan")], [5, 6]]}, r"shapes\[1\]: `points` must be"),
        ({"points": [[1, 2], [3, 1e9], [5, 6]]}, r"shapes\[1\]: .* within 960 pixels"),
        ({"points": [[1, 2], [3, 10**400], [5, 6]]}, r"shapes\[1\]: `points` must be"),
        ({"shape_type": "circle"}, r"shapes\[1\]: a circle must have 2 points, got 4"),
        ({"shape_type": "rectangle", "points": SQUARE[:3]}, "must have 2 or 4 points"),
        ({"group_id": [1]}, r"shapes\[1\]: `group_id` must be"),
        (
            {"shape_type": "mask", "points": SQUARE[:2]},
            r"shapes\[1\]: `mask` is not a PNG; save it again",
        ),
        ({"shape_type": "mask", "points": SQUARE[:2], "mask": "é"}, "not a PNG in base64"),
        ({"shape_type": "mask", "points": SQUARE[:2], "mask": 5}, "not a PNG in base64"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_malformed_shape_is_named(tmp_path, change, message):
    write_labelme(tmp_path, [shape("a", SQUARE), shape("a", SQUARE) | change])
    with pytest.raises(RefineMaskError, match=message):
        open_dataset(str(tmp_path))


def test_a_mask_that_is_cut(tmp_path):
    content = mask_shape("a", DISC, 0, 0)
    whole = base64.b64decode(content["mask"])
    write_labelme(tmp_path, [content | {"mask": base64.b64encode(whole[:-20]).decode()}])
    with pytest.raises(RefineMaskError, match=r"shapes\[0\]: `mask` is truncated"):
        open_dataset(str(tmp_path))


def test_a_mask_larger_than_its_image(tmp_path):
    bitmap = np.ones((HEIGHT + 1, 3), np.uint8)
    write_labelme(tmp_path, [mask_shape("a", bitmap, 0, 0)])
    with pytest.raises(RefineMaskError, match="65 high and 3 wide, larger than its image"):
        open_dataset(str(tmp_path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"imageHeight": 10**9}, "more than 100000000"),
        ({"imageHeight": 64.5}, "must have positive integers"),
        ({"imageWidth": None}, "must have positive integers"),
        ({"imageWidth": 10**5, "imageHeight": 10**5}, "more than 100000000"),
    ],
)
def test_sizes_are_bounded(tmp_path, change, message):
    write_labelme(tmp_path, [shape("a", SQUARE)], **change)
    with pytest.raises(RefineMaskError, match=message):
        open_dataset(str(tmp_path))


@pytest.mark.parametrize(
    "text", ["{}", "[1]", "{", "[" * 100_000, '{"shapes": 1, "imagePath": ""}']
)
def test_a_file_of_another_kind_is_named(tmp_path, text):
    write_labelme(tmp_path, [shape("a", SQUARE)])
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(RefineMaskError, match=r"b\.json is not"):
        open_dataset(str(tmp_path))


def test_two_files_of_one_image(tmp_path):
    write_labelme(tmp_path, [shape("a", SQUARE)])
    (tmp_path / "b.json").write_text((tmp_path / "a.json").read_text())
    with pytest.raises(RefineMaskError, match=r"the id 'a\.png' twice"):
        open_dataset(str(tmp_path))


def test_no_shape_at_all(tmp_path):
    with pytest.raises(RefineMaskError, match="lists no categories"):
        open_dataset(str(write_labelme(tmp_path, [])))


def test_perfect_results_have_ap_1(tmp_path):
    shapes = [shape("a", SQUARE), mask_shape("b", DISC, 40, 30)]
    dataset = open_dataset(str(write_labelme(tmp_path, shapes)))
    (tmp_path / "results.json").write_text(json.dumps(perfect_results(dataset)))
    figures = measure_file(tmp_path / "results.json", dataset)
    assert [figures[kind]["AP"] for kind in ("box", "mask", "boundary")] == pytest.approx([1] * 3)
