"""Files that people give by mistake are told what they are."""

import json

import pytest

from refinemask.data.open import open_dataset
from refinemask.errors import RefineMaskError

IMAGE = {"id": 139, "file_name": "000000000139.jpg", "height": 426, "width": 640}
PERSON = {"id": 1, "name": "person", "supercategory": "person"}
BOX = {"id": 5, "image_id": 139, "category_id": 1, "iscrowd": 0, "area": 9, "bbox": [1, 2, 3, 3]}
KINDS = {
    "panoptic": (
        {
            "images": [IMAGE],
            "categories": [PERSON | {"isthing": 1}],
            "annotations": [
                {
                    "image_id": 139,
                    "file_name": "000000000139.png",
                    "segments_info": [{"id": 3226956, "category_id": 1, "iscrowd": 0}],
                }
            ],
        },
        "panoptic annotation, .*instances_",
    ),
    "captions": (
        {"images": [IMAGE], "annotations": [{"id": 1, "image_id": 139, "caption": "A room."}]},
        "holds captions; give the instance annotations",
    ),
    "keypoints alone": (
        {
            "images": [IMAGE],
            "categories": [PERSON | {"keypoints": ["nose"], "skeleton": []}],
            "annotations": [BOX | {"keypoints": [2, 3, 2], "num_keypoints": 1}],
        },
        "holds keypoints without masks",
    ),
    "boxes alone": (
        {"images": [IMAGE], "categories": [PERSON], "annotations": [BOX]},
        "boxes without masks: `annotations.0.` lacks `segmentation`",
    ),
    "results": (
        [{"image_id": 139, "category_id": 1, "bbox": [1, 2, 3, 3], "score": 0.9}],
        "holds results .* not annotations",
    ),
    "test set": (
        {"images": [IMAGE], "categories": [PERSON], "info": {}},
        "without `annotations`, as for a test set; .* `refinemask predict --dataset`",
    ),
    "videos": (
        {"videos": [{"id": 1}], "categories": [PERSON], "annotations": [{"segmentations": []}]},
        "the objects of videos",
    ),
    "one Cityscapes image": (
        {"imgHeight": 1024, "imgWidth": 2048, "objects": []},
        "polygons of one Cityscapes image; give the folder: ROOT/gtFine/SPLIT",
    ),
    "one LabelMe image": (
        {"version": "5", "shapes": [], "imagePath": "a.jpg"},
        "one LabelMe image; give the folder",
    ),
}


@pytest.mark.parametrize(("content", "message"), KINDS.values(), ids=KINDS)
def test_file_of_another_kind(tmp_path, content, message):
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    with pytest.raises(RefineMaskError, match=message):
        open_dataset(str(tmp_path / "annotations.json"))


def test_keypoints_with_masks_are_instances(coco_files):
    """As in COCO's person_keypoints files."""
    for annotation in coco_files.content["annotations"]:
        annotation |= {"keypoints": [2, 3, 2], "num_keypoints": 1}
    assert len(open_dataset(coco_files.write())[0].masks) == 2


@pytest.mark.parametrize("name", ["000000000139.png", "000000000139.jpg", None])
def test_folder_of_something_else(tmp_path, name):
    """For example the PNG files of COCO-Stuff, or the photographs themselves."""
    if name:
        (tmp_path / name).touch()
    with pytest.raises(RefineMaskError, match=r"not one of gtFine .*instances_\*\.json"):
        open_dataset(str(tmp_path))
