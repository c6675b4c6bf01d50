"""Opening COCO-format datasets: classes, samples, where the images are."""

import json

import cv2
import numpy as np
import pytest

from refinemask.data.open import open_dataset
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
    np.testing.assert_array_equal(dataset.image_labels(0), [0, 1])
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


@pytest.mark.parametrize(
    "folder", ["images", "../images", "val", "../val", "images/val", "../images/val", "."]
)
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


def test_folder_that_has_the_images_goes_before_one_that_has_not(tmp_path, coco_files):
    spec = coco_files.write()
    (tmp_path / "images").rename(tmp_path / "val")
    (tmp_path / "images").mkdir()
    assert open_dataset(spec).image_path(0) == tmp_path / "val" / "a.png"


def test_named_images_folder(tmp_path, coco_files):
    spec = coco_files.write()
    (tmp_path / "images").rename(tmp_path / "photos")
    assert open_dataset(f"{spec}@{tmp_path / 'photos'}").image_path(1).is_file()


def test_absent_optional_keys_are_completed(coco_files):
    first = coco_files.content["annotations"][0]
    expected = dict(first) | {"id": 10}
    del first["id"], first["area"], first["iscrowd"]
    truth = open_dataset(coco_files.write()).ground_truth
    assert truth["annotations"][0] == expected


def test_ground_truth_is_what_the_file_says(coco_files):
    """The polygons, which are arrays inside, too: evaluators get it as JSON."""
    truth = open_dataset(coco_files.write()).ground_truth
    by_id = sorted(json.loads(json.dumps(truth))["annotations"], key=lambda a: a["id"])
    assert by_id == coco_files.content["annotations"]


def test_masks_beyond_the_image_are_cut(coco_files):
    """As pycocotools rasterises them; the second instance reaches 10 pixels beyond its image."""
    sample = open_dataset(coco_files.write())[0]
    mask = sample.masks[1].to_bitmap(40, 60)
    assert mask.shape == (40, 60)
    assert mask.sum() == mask[20:30, 30:60].sum() == 300


@pytest.mark.parametrize(
    "change",
    [
        {"iscrowd": 1},
        {"ignore": 1},
        {"area": 0},
        {"bbox": [4, 4, 0.5, 8]},
        {"bbox": [36, 4, 8, 8]},
        {"segmentation": []},
        {"segmentation": [[]]},
        {"segmentation": [[4, 4, 12, 12]]},
        {"segmentation": {"size": [48, 36], "counts": [48 * 36]}},
    ],
    ids=str,
)
def test_training_does_without_an_instance(coco_files, change):
    coco_files.content["annotations"][2].update(change)
    dataset = open_dataset(coco_files.write())
    assert len(dataset[1].masks) == len(dataset.image_labels(1)) == 0
    assert dataset.for_training().image_ids == (7,)


def test_a_polygon_too_many_leaves_the_others(coco_files):
    polygons = coco_files.content["annotations"][2]["segmentation"]
    polygons += [[4, 4, 12, 12], []]
    (mask,) = open_dataset(coco_files.write())[1].masks
    assert mask.to_bitmap(48, 36).sum() == 64


def test_run_lengths_that_do_not_add_up_name_the_annotation(coco_files):
    coco_files.content["annotations"][2]["segmentation"] = {"size": [48, 36], "counts": [5, 5]}
    dataset = open_dataset(coco_files.write())
    for use in (dataset.for_training, lambda: dataset[1]):
        with pytest.raises(RefineMaskError, match=r"annotation 3: the counts .* must add up"):
            use()


def test_missing_file(tmp_path):
    with pytest.raises(RefineMaskError, match=r"ANNOTATIONS\.json@IMAGES_DIR"):
        open_dataset(str(tmp_path / "none.json"))


@pytest.mark.parametrize("classes", [["bird"], [], ["cat", "cat"]])
def test_classes_that_are_not_there(coco_files, classes):
    with pytest.raises(RefineMaskError, match="it has dog, cat"):
        open_dataset(coco_files.write(), classes)


@pytest.mark.parametrize("name", ["set@home.json", "a@b/set.json"])
def test_at_sign_in_a_name(tmp_path, coco_files, name):
    coco_files.write()
    (tmp_path / name).parent.mkdir(exist_ok=True)
    coco_files.annotations.rename(tmp_path / name)
    assert len(open_dataset(str(tmp_path / name))) == 4
    assert len(open_dataset(f"{tmp_path / name}@{tmp_path / 'images'}")) == 4


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
