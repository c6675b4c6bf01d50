"""The account of what training and evaluation use of a dataset."""

import json

import numpy as np
import pytest

from refinemask.data.open import open_dataset
from refinemask.data.summary import (
    CROWD,
    EMPTY_MASK,
    IGNORED,
    INVISIBLE,
    NO_AREA,
    NO_MASK,
    OUTSIDE,
    SMALL_BOX,
    summarise_evaluation,
)
from refinemask.data.usable import box_problem
from refinemask.errors import RefineMaskError


def trained_on(coco_files):
    """Return the summary of the training data."""
    summary = open_dataset(coco_files.write()).for_training().summary
    assert summary is not None
    return summary


def test_every_reason_is_counted_with_an_example(coco_files):
    coco_files.content["images"].append(
        {"id": 11, "file_name": "none.png", "height": 40, "width": 40}
    )
    coco_files.content["annotations"][1]["segmentation"] = [[1, 2, 3, 4]]
    coco_files.content["annotations"][6]["ignore"] = 1
    summary = trained_on(coco_files)
    assert (summary.images, summary.all_images) == (2, 5)
    assert (summary.instances, summary.all_instances) == (2, 9)
    left_out = {reason: (one.count, one.example) for reason, one in summary.images_left_out.items()}
    assert left_out == {
        "without usable instances": (1, 9),
        "too small (< 32 pixels)": (1, 5),
        "without annotations": (1, 11),
    }
    reasons = {reason: one.example for reason, one in summary.instances_left_out.items()}
    expected = {EMPTY_MASK: 2, CROWD: 9, SMALL_BOX: 5, OUTSIDE: 6, IGNORED: 7, NO_MASK: 8}
    assert reasons == expected | {"in images that are left out": 4}
    assert json.loads(json.dumps(summary.to_dict()))["instances_left_out"][CROWD]["count"] == 1
    text = str(summary)
    assert "2 of 5 images, 2 of 9 instances" in text
    assert "boxes without a mask: 1 (annotation 8)" in text


def test_classes_without_instances_are_named(coco_files):
    coco_files.content["categories"] += [{"id": 8, "name": "bird"}]
    summary = trained_on(coco_files)
    assert summary.unused_classes == ("bird",)
    assert "classes without instances: bird" in str(summary)


def test_hint_where_everything_is_a_crowd(coco_files):
    for annotation in coco_files.content["annotations"]:
        annotation["iscrowd"] = 1
    dataset = open_dataset(coco_files.write())
    with pytest.raises(RefineMaskError, match=r"crowds: 8 .* CVAT, set `iscrowd` to 0"):
        dataset.for_training()


def test_a_few_crowds_are_no_reason_for_a_hint(coco_files):
    coco_files.content["annotations"] *= 1
    for number in range(20):
        copy = coco_files.content["annotations"][0] | {"id": 100 + number}
        coco_files.content["annotations"].append(copy)
    assert "CVAT" not in str(open_dataset(coco_files.write()).for_training().summary)


def test_images_without_instances_may_be_kept(coco_files):
    dataset = open_dataset(coco_files.write()).for_training(keep_empty=True)
    assert dataset.image_ids == (7, 3, 9)
    assert len(dataset[2].boxes) == 0
    assert dataset.summary is not None
    assert dataset.summary.images == 3


@pytest.mark.parametrize("classes", [None, ["star"]])
def test_shapes_keep_images(classes):
    dataset = open_dataset("shapes:8", classes)
    assert len(dataset.for_training(keep_empty=True)) == 8
    assert dataset.summary is None


def test_evaluation_counts_crowds_and_chosen_images(coco_files):
    truth = open_dataset(coco_files.write()).ground_truth
    summary = summarise_evaluation("set", truth, [3, 7])
    assert (summary.images, summary.instances, summary.all_instances) == (2, 3, 4)
    assert summary.instances_left_out[CROWD].example == 9
    assert str(summary).splitlines()[0] == "set: 2 of 2 images, 3 of 4 instances"


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((3999.99995, 50, 30, 100), INVISIBLE),
        ((-29.99995, 50, 30, 100), INVISIBLE),
        ((50, 299.99999, 100, 30), INVISIBLE),
        ((50, -29.999999, 100, 30), INVISIBLE),
        ((3999.9, 50, 30, 100), None),
        ((4000, 50, 30, 100), OUTSIDE),
        ((0, 0, 0.5, 100), SMALL_BOX),
        ((0, 0, 4000, 300), None),
        ((1e15, 0, 5, 5), OUTSIDE),
    ],
)
def test_visible_part_of_a_box(box, reason):
    assert box_problem(box, 300, 4000) == reason


@pytest.mark.parametrize("side", [64, 1000, 4000, 65535])
def test_what_is_visible_stays_so_when_it_is_resized_and_mirrored(side):
    """In float32, at any place and scale."""
    rng = np.random.default_rng(side)
    for start in rng.uniform(0, side, 300):
        width = float(5 * np.spacing(np.float32(side)))
        if box_problem((start, 0, max(width, 1), 50), 64, side):
            continue
        ends = np.array([start, min(start + max(width, 1), side)]).astype(np.float32)
        for scale in rng.uniform(0.01, 3, 20).astype(np.float32):
            resized = ends * scale
            new_side = np.float32(round(side * float(scale)))
            assert resized[1] > resized[0]
            assert new_side - resized[0] > new_side - resized[1]


def test_area_of_0(coco_files):
    summary = trained_on(coco_files)
    assert summary.instances_left_out[NO_AREA].example == 7
