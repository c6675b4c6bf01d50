"""Opening COCO-format datasets, and what is wrong with those that cannot be opened."""

import json

import cv2
import numpy as np
import pytest

from refinemask.data.dataset import open_dataset
from refinemask.errors import RefineMaskError


def test_samples_have_contiguous_labels_and_clipped_boxes(coco_files):
    dataset = open_dataset(coco_files.write())
    assert dataset.class_names == ("dog", "cat")
    assert dataset.category_ids == (4, 2)
    assert dataset.image_ids == (7, 3, 9, 5)
    sample = dataset[0]
    assert (sample.image.shape, sample.image_id) == ((40, 60, 3), 7)
    np.testing.assert_array_equal(sample.boxes, [[10, 5, 30, 15], [30, 20, 60, 30]])
    np.testing.assert_array_equal(sample.labels, [0, 1])
    dtypes = [array.dtype.name for array in (sample.image, sample.boxes, sample.labels)]
    assert dtypes == ["uint8", "float32", "int64"]
    assert sample.masks[0].to_bitmap(40, 60).sum() == 200


def test_images_are_rgb(coco_files):
    spec = coco_files.write()
    red = np.full((40, 60, 3), (0, 0, 255), np.uint8)
    cv2.imwrite(str(coco_files.root / "images" / "a.png"), red)
    np.testing.assert_array_equal(open_dataset(spec).load_image(0)[0, 0], [255, 0, 0])


def test_classes_choose_and_order(coco_files):
    dataset = open_dataset(coco_files.write(), ["cat"])
    assert (dataset.class_names, dataset.category_ids) == (("cat",), (2,))
    np.testing.assert_array_equal(dataset[0].labels, [0])
    assert open_dataset(str(coco_files.annotations), ["cat", "dog"]).category_ids == (2, 4)


def test_ground_truth_keeps_crowds_and_all_images_of_the_classes(coco_files):
    truth = open_dataset(coco_files.write(), ["cat"]).ground_truth
    assert [image["id"] for image in truth["images"]] == [7, 3, 9, 5]
    assert truth["categories"] == [{"id": 2, "name": "cat"}]
    assert sorted(a["id"] for a in truth["annotations"]) == [2, 3, 4, 5, 6, 7, 8, 9]
    assert sum(a["iscrowd"] for a in truth["annotations"]) == 1


def test_training_leaves_out_small_images_and_unusable_instances(coco_files):
    dataset = open_dataset(coco_files.write())
    assert dataset.ground_truth["images"]
    training = dataset.for_training()
    assert training.image_ids == (7, 3)
    assert len(training[1].boxes) == 1  # without the crowd
    assert [image["id"] for image in training.ground_truth["images"]] == [7, 3]
    assert len(dataset) == 4


def test_image_without_instances_is_an_empty_sample(coco_files):
    sample = open_dataset(coco_files.write())[2]
    assert sample.boxes.shape == (0, 4)
    assert sample.masks == ()


@pytest.mark.parametrize("folder", ["images", "../images", "val", "../val", "."])
def test_default_images_folders(tmp_path, coco_files, folder):
    coco_files.write()
    (tmp_path / "images").rename(tmp_path / "moved")
    annotations = tmp_path / "data" / "annotations"
    annotations.mkdir(parents=True)
    coco_files.annotations.rename(annotations / "instances_val.json")
    target = annotations / folder
    target.mkdir(parents=True, exist_ok=True)
    for image in (tmp_path / "moved").iterdir():
        image.rename(target / image.name)
    assert open_dataset(str(annotations / "instances_val.json")).load_image(0).shape == (40, 60, 3)


def test_named_images_folder(tmp_path, coco_files):
    spec = coco_files.write()
    (tmp_path / "images").rename(tmp_path / "photos")
    assert open_dataset(f"{spec}@{tmp_path / 'photos'}").image_path(1).is_file()


def test_absent_optional_keys_are_completed(coco_files):
    first = coco_files.content["annotations"][0]
    del first["id"], first["area"], first["iscrowd"]
    truth = open_dataset(coco_files.write()).ground_truth
    assert truth["annotations"][0]["area"] == 200


@pytest.mark.parametrize("section", ["images", "annotations", "categories"])
def test_missing_section_is_named(coco_files, section):
    del coco_files.content[section]
    assert_refused(coco_files, f"`{section}` is missing")


@pytest.mark.parametrize(
    ("section", "key"),
    [("images", "height"), ("annotations", "bbox"), ("categories", "name")],
)
def test_missing_key_is_named(coco_files, section, key):
    del coco_files.content[section][1][key]
    assert_refused(coco_files, rf"`{section}\[1\]` lacks `{key}`")


def test_unknown_image_is_named(coco_files):
    coco_files.content["annotations"][0]["image_id"] = 12345
    assert_refused(coco_files, "12345")


def test_unknown_category_is_named(coco_files):
    coco_files.content["annotations"][0]["category_id"] = 77
    assert_refused(coco_files, "`category_id` is 77")


def test_repeated_image_id(coco_files):
    coco_files.content["images"][1]["id"] = 7
    assert_refused(coco_files, "twice in `images`")


@pytest.mark.parametrize("box", [[1, 2, 3], 5, [1, 2, 3, "4"], [1, 2, float("nan"), 4]])
def test_box_that_is_none(coco_files, box):
    coco_files.content["annotations"][0]["bbox"] = box
    assert_refused(coco_files, r"annotations\[0\].bbox")


@pytest.mark.parametrize(
    ("text", "message"), [("{", "not JSON"), ("[]", "top level is a list"), ("\ufffd", "not JSON")]
)
def test_file_that_is_no_coco_file(coco_files, text, message):
    coco_files.write()
    coco_files.annotations.write_text(text)
    with pytest.raises(RefineMaskError, match=message):
        open_dataset(str(coco_files.annotations))


def test_missing_file(tmp_path):
    with pytest.raises(RefineMaskError, match=r"ANNOTATIONS\.json@IMAGES_DIR"):
        open_dataset(str(tmp_path / "none.json"))


@pytest.mark.parametrize("classes", [["bird"], [], ["cat", "cat"]])
def test_classes_that_are_not_there(coco_files, classes):
    with pytest.raises(RefineMaskError, match="it has dog, cat"):
        open_dataset(coco_files.write(), classes)


def test_missing_images_folder(coco_files, tmp_path):
    with pytest.raises(RefineMaskError, match="does not exist"):
        open_dataset(f"{coco_files.write()}@{tmp_path / 'nowhere'}")


def test_missing_images_are_counted(coco_files):
    spec = coco_files.write()
    for name in ("b.png", "empty.png"):
        (coco_files.root / "images" / name).unlink()
    with pytest.raises(RefineMaskError, match=r"2 of the 4 images .* first is b\.png"):
        open_dataset(spec)


def test_image_of_another_size(coco_files):
    coco_files.write()
    coco_files.content["images"][0] |= {"height": 60, "width": 40}
    dataset = open_dataset(coco_files.write())
    with pytest.raises(RefineMaskError, match=r"40 high and 60 wide.* says 60 and 40"):
        dataset.load_image(0)


def test_no_image_to_train_on(coco_files):
    coco_files.content["annotations"] = []
    dataset = open_dataset(coco_files.write())
    with pytest.raises(RefineMaskError, match="no image to train on"):
        dataset.for_training()


def test_segmentation_that_is_none_names_the_annotation(coco_files):
    coco_files.content["annotations"][0]["segmentation"] = 5
    dataset = open_dataset(coco_files.write())
    with pytest.raises(RefineMaskError, match="annotation 1: a segmentation must"):
        dataset[0]


def assert_refused(coco_files, message):
    coco_files.annotations.write_text(json.dumps(coco_files.content))
    with pytest.raises(RefineMaskError, match=message):
        open_dataset(str(coco_files.annotations))


@pytest.mark.parametrize(
    ("name", "images", "instances"),
    [
        ("pennfudan/instances_train.json", 105, 248),
        ("pennfudan/instances_val.json", 25, 68),
        ("coco_mini/annotations/instances_train2017.json", 470, 3866),
        ("coco_mini/annotations/instances_val2017.json", 206, 1786),
    ],
)
def test_real_datasets(shared, name, images, instances):
    dataset = open_dataset(str(shared / "data" / name))
    assert len(dataset) == images
    assert len(dataset.ground_truth["annotations"]) == instances
    sample = dataset.for_training()[0]
    for mask, box in zip(sample.masks, sample.boxes, strict=True):
        rows, columns = mask.to_bitmap(*sample.image.shape[:2]).nonzero()
        extent = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        # Spikes thinner than a pixel, of which COCO has some, belong to the box alone.
        assert (np.array([-1, -1, 1, 1]) * (extent - box) < 1.5).all()
        np.testing.assert_allclose(extent, box, atol=8)
