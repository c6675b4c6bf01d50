"""Cityscapes as its users have it: the download itself, mmdetection's and Detectron's JSON."""

import os

import cv2
import numpy as np
import pytest
import torch

from refinemask.configs.classes import CITYSCAPES_CATEGORY_IDS, CITYSCAPES_CLASSES
from refinemask.data.batches import Batches
from refinemask.data.dataset import InstanceMaps
from refinemask.data.masks import BitmapMask
from refinemask.data.open import open_dataset
from refinemask.data.transforms import TrainTransform
from refinemask.errors import RefineMaskError
from refinemask.evaluation import coco_metrics
from refinemask.inference.rle import decode_rle
from refinemask.training import train
from refinemask.training.mask_targets import mask_targets
from tests.data.cityscapes_files import (
    Frame,
    as_detectron,
    as_mmdetection,
    make_frames,
    write_download,
    write_json,
)
from tests.training.runs import options


@pytest.fixture(scope="module")
def frames(shared):
    return make_frames(shared)


@pytest.fixture
def maps(frames, tmp_path):
    """Write the split `train` and return the folder of its maps."""
    return write_download(frames, tmp_path)


@pytest.fixture
def from_json(maps, frames, tmp_path):
    name = "annotations/instancesonly_filtered_gtFine_train.json"
    return write_json(as_mmdetection(frames), tmp_path / name)


def open_maps(spec):
    dataset = open_dataset(str(spec))
    assert isinstance(dataset, InstanceMaps)
    return dataset


def bitmaps(sample):
    assert all(isinstance(mask, BitmapMask) for mask in sample.masks)
    return [mask.bitmap for mask in sample.masks]


def test_folder_of_maps(maps, frames):
    dataset = open_maps(maps)
    assert (len(dataset), dataset.image_ids, dataset.protocol) == (2, (1, 2), "cityscapes")
    assert dataset.class_names == CITYSCAPES_CLASSES
    assert dataset.category_ids == CITYSCAPES_CATEGORY_IDS
    aachen = frames[1]
    assert dataset.image_path(0).name == f"{aachen.stem}_leftImg8bit.png"
    assert dataset.instance_map_path(0).name == f"{aachen.stem}_gtFine_instanceIds.png"
    np.testing.assert_array_equal(dataset.load_image(0), aachen.image)


def test_samples_are_the_instances_of_the_map(maps, frames):
    sample = open_dataset(str(maps))[0]
    instance_map = frames[1].instance_map
    wanted = [v for v in np.unique(instance_map) if v // 1000 in CITYSCAPES_CATEGORY_IDS]
    assert len(wanted) > 10
    assert sample.labels.tolist() == [CITYSCAPES_CATEGORY_IDS.index(v // 1000) for v in wanted]
    for value, bitmap, box in zip(wanted, bitmaps(sample), sample.boxes, strict=True):
        np.testing.assert_array_equal(bitmap, instance_map == value)
        x, y, w, h = cv2.boundingRect((instance_map == value).astype(np.uint8))
        np.testing.assert_array_equal(box, [x, y, x + w, y + h])


def test_groups_are_crowds(maps):
    """They are ignored where a detection meets them, and never trained on."""
    truth = open_dataset(str(maps)).ground_truth
    crowds = [a for a in truth["annotations"] if a["iscrowd"]]
    assert [(a["image_id"], a["category_id"]) for a in crowds] == [(1, 24), (2, 24)]
    in_group = {key: crowds[0][key] for key in ("image_id", "category_id", "segmentation", "bbox")}
    found = coco_metrics(truth, [in_group | {"score": 0.9}], ["mask"])["mask"]
    assert found["AR100"] == 0  # not found, but no false alarm either:
    others = [a | {"score": 0.5} for a in truth["annotations"] if not a["iscrowd"]]
    every = coco_metrics(truth, [in_group | {"score": 0.9}, *others], ["mask"])["mask"]
    assert every["AP"] == pytest.approx(1)


def test_file_of_mmdetection_is_the_same_dataset(maps, from_json):
    folder, file = open_maps(maps), open_maps(from_json)
    assert file.protocol == "cityscapes"
    assert (file.class_names, file.category_ids) == (folder.class_names, folder.category_ids)
    for index in range(2):
        for field in ("image", "boxes", "labels"):
            found, wanted = getattr(file[index], field), getattr(folder[index], field)
            np.testing.assert_array_equal(found, wanted)
        np.testing.assert_array_equal(bitmaps(file[index]), bitmaps(folder[index]))
        np.testing.assert_array_equal(file.image_labels(index), folder.image_labels(index))
        assert file.instance_map_path(index) == folder.instance_map_path(index)
    keys = ("category_id", "iscrowd", "bbox", "area", "segmentation")
    of_file, of_folder = (
        [{key: a[key] for key in keys} for a in dataset.ground_truth["annotations"]]
        for dataset in (file, folder)
    )
    assert of_file == of_folder


def test_file_of_detectron(maps, frames, tmp_path):
    """Ids by order of appearance, polygons, names without the city: the same labels."""
    content = as_detectron(frames)
    assert content["categories"][0]["name"] != "person"
    name = "annotations/instancesonly_filtered_gtFine_train.json"
    dataset = open_dataset(write_json(content, tmp_path / name))
    names = [n for n in CITYSCAPES_CLASSES if n in {c["name"] for c in content["categories"]}]
    assert dataset.class_names == tuple(names)
    assert [path.parent.name for path in map(dataset.image_path, range(2))] == ["ulm", "aachen"]
    areas = np.array([a["area"] for a in content["annotations"] if a["image_id"] == 0])
    found = np.array([bitmap.sum() for bitmap in bitmaps(dataset[0])])
    # Contours run through the centres of the outer pixels: half a pixel is missing all around.
    np.testing.assert_allclose(found[areas > 400], areas[areas > 400], rtol=0.15)


@pytest.mark.parametrize(
    "name",
    [
        "annotations/instancesonly_filtered_gtFine_train.json",  # as mmdetection has it
        "instancesonly_filtered_gtFine_train.json",  # where its converter writes by default
        "gtFine/cityscapes_train.json",
        "annotations/mine.json",
    ],
)
@pytest.mark.parametrize("prefix", ["", "train/", "leftImg8bit/train/"])
def test_layouts_of_files(maps, frames, tmp_path, name, prefix):
    content = as_mmdetection(frames)
    for image in content["images"]:
        image["file_name"] = prefix + image["file_name"]
    dataset = open_dataset(write_json(content, tmp_path / name))
    assert dataset.load_image(1).shape == frames[0].image.shape


@pytest.mark.parametrize("images", ["photos", "photos/leftImg8bit", "photos/leftImg8bit/train"])
def test_named_folder_of_a_file(maps, from_json, tmp_path, images):
    (tmp_path / "photos").mkdir()
    os.rename(tmp_path / "leftImg8bit", tmp_path / "photos/leftImg8bit")
    assert len(open_dataset(f"{from_json}@{tmp_path / images}")) == 2
    with pytest.raises(RefineMaskError, match="the folder of Cityscapes or its leftImg8bit"):
        open_dataset(from_json)


def test_named_folder_of_maps(maps, tmp_path, frames):
    """With cities in it, or with all images directly."""
    os.rename(tmp_path / "leftImg8bit/train", tmp_path / "photos")
    assert len(open_dataset(f"{maps}@{tmp_path / 'photos'}")) == 2
    for frame in frames:
        name = f"{frame.stem}_leftImg8bit.png"
        os.rename(tmp_path / "photos" / frame.city / name, tmp_path / "photos" / name)
    dataset = open_dataset(f"{maps}@{tmp_path / 'photos'}")
    np.testing.assert_array_equal(dataset.load_image(1), frames[0].image)
    with pytest.raises(RefineMaskError, match=r"ROOT/gtFine/SPLIT@IMAGES_DIR"):
        open_dataset(str(maps))


def test_one_city(maps):
    assert len(open_dataset(str(maps / "ulm"))) == 1


@pytest.mark.parametrize("inner", [".", ".."])
def test_root_needs_a_split(maps, inner):
    with pytest.raises(RefineMaskError, match=r"several splits .* give one .*gtFine/train"):
        open_dataset(str(maps.parent / inner))


def test_regions_of_a_map(tmp_path):
    """By hand: 4 rows, 5 columns; runs go down the columns and on into the next one."""
    instance_map = np.array(
        [
            [26000, 26000, 7, 24, 24],
            [26000, 26000, 7, 7, 24],
            [26000, 7, 26001, 7, 24001],
            [26000, 7, 7, 7, 24001],
        ],
        np.uint16,
    )
    frame = Frame("ulm", "ulm_0", np.zeros((4, 5, 3), np.uint8), instance_map)
    folder = write_download([frame], tmp_path)
    found = open_dataset(str(folder)).ground_truth["annotations"]
    keys = ("id", "image_id", "category_id", "iscrowd", "area", "bbox")
    assert [tuple(a[key] for key in keys) for a in found] == [
        (1, 1, 24, 1, 3, [3, 0, 2, 2]),
        (2, 1, 24, 0, 2, [4, 2, 1, 2]),
        (3, 1, 26, 0, 6, [0, 0, 2, 4]),
        (4, 1, 26, 0, 1, [2, 2, 1, 1]),
    ]
    for annotation, value in zip(found, (24, 24001, 26000, 26001), strict=True):
        np.testing.assert_array_equal(decode_rle(annotation["segmentation"]), instance_map == value)


def test_no_region_of_the_classes(tmp_path):
    """As in the maps of the test split, which say nothing."""
    blank = np.full((40, 40), 3, np.uint16)
    frame = Frame("ulm", "ulm_0", np.zeros((40, 40, 3), np.uint8), blank)
    folder = write_download([frame], tmp_path)
    dataset = open_dataset(str(folder))
    assert dataset.ground_truth["annotations"] == []
    assert len(dataset[0].boxes) == 0
    with pytest.raises(RefineMaskError, match="the test split has no annotations"):
        dataset.for_training()


def test_missing_image(maps, tmp_path, frames):
    (tmp_path / f"leftImg8bit/train/ulm/{frames[0].stem}_leftImg8bit.png").unlink()
    with pytest.raises(RefineMaskError, match=r"1 of the 2 images .* ulm/ulm_000000_000019_left"):
        open_dataset(str(maps))


def test_classes_choose(maps, frames):
    dataset = open_dataset(str(maps), ["car", "motorcycle"])
    assert (dataset.category_ids, dataset.class_names) == ((26, 32), ("car", "motorcycle"))
    assert dataset.image_labels(0).tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert {a["category_id"] for a in dataset.ground_truth["annotations"]} == {26, 32}
    only = open_dataset(str(maps), ["motorcycle"])
    assert only.for_training().image_ids == (1,)
    assert [image["id"] for image in only.for_training().ground_truth["images"]] == [1]
    assert len(only[1].masks) == 0
    with pytest.raises(RefineMaskError, match="no image to train on"):
        open_dataset(str(maps), ["train"]).for_training()


@pytest.mark.parametrize("classes", [["tree"], [], ["car", "car"]])
def test_classes_that_are_not_there(maps, classes):
    with pytest.raises(RefineMaskError, match="different names out of person, rider"):
        open_dataset(str(maps), classes)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.astype(np.uint8),
        lambda m: np.stack([m] * 3, -1),
        lambda m: np.full_like(m, 34000),
        None,
    ],
    ids=["8 bits", "colour", "no class", "damaged"],
)
def test_map_that_is_none(maps, frames, change):
    path = open_maps(maps).instance_map_path(1)
    if change is None:
        path.write_bytes(b"no picture")
    else:
        cv2.imwrite(str(path), change(frames[0].instance_map))
    with pytest.raises(RefineMaskError, match=f"{path.name} is not an instance map"):
        open_dataset(str(maps)).for_training()


def test_map_that_claims_to_be_huge(maps):
    path = open_maps(maps).instance_map_path(1)
    data = bytearray(path.read_bytes())
    data[16:24] = (30000).to_bytes(4, "big") * 2
    path.write_bytes(data)
    with pytest.raises(RefineMaskError, match="has 30000 x 30000 pixels, more than"):
        open_dataset(str(maps)).for_training()


def test_map_that_is_cut_or_claims_a_huge_chunk(maps):
    path = open_maps(maps).instance_map_path(1)
    whole = path.read_bytes()
    for data in (whole[:-30], whole[:33] + b"\xff\xff\xff\xf0tEXt" + whole[33:]):
        path.write_bytes(data)
        with pytest.raises(RefineMaskError, match=r"not an instance map .* it is truncated"):
            open_dataset(str(maps)).for_training()


def test_map_that_is_no_regular_file(maps):
    path = open_maps(maps).instance_map_path(1)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(RefineMaskError, match=f"{path.name} is not a regular file"):
        open_dataset(str(maps)).for_training()


def test_image_of_another_size(maps, frames):
    dataset = open_dataset(str(maps))
    cv2.imwrite(str(dataset.image_path(0)), frames[1].image[:100])
    for use in (dataset.load_image, dataset.__getitem__):
        with pytest.raises(RefineMaskError, match=r"is 100 high .* its map .* 427"):
            use(0)


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_batches_for_training(maps, from_json, kind):
    dataset = open_dataset(str(maps) if kind == "folder" else from_json).for_training()
    batch = Batches([dataset], 2, 0, TrainTransform((160,), 320))[0]
    assert len(batch.targets) == 2
    for target in batch.targets:
        everyone = torch.arange(len(target.boxes))
        cut = mask_targets(target.masks, target.boxes, everyone, 28, target.size)
        sides = target.boxes[:, 2:] - target.boxes[:, :2]
        areas = torch.tensor([int(mask.to_bitmap(*target.size).sum()) for mask in target.masks])
        large = sides.amin(1) > 8
        assert large.sum() > 3
        share = (areas / sides.prod(1))[large]
        torch.testing.assert_close(cut[large].mean((1, 2)), share, atol=0.05, rtol=0)


def test_training(maps, tmp_path):
    train(options(tmp_path / "run", datasets=(str(maps),), classes=None, iterations=1))
    assert (tmp_path / "run/model.safetensors").is_file()
