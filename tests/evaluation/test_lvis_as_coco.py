"""AP*: LVIS reduced to the classes of COCO."""

import copy
import json
from types import SimpleNamespace
from typing import Any

import pytest

from refinemask.configs.classes import COCO_CLASSES
from refinemask.errors import RefineMaskError
from refinemask.evaluation import LvisAsCoco
from refinemask.evaluation.lvis_as_coco import SYNSETS, reduce_to_coco

URL = "http://images.cocodataset.org"
TRUTH: dict[str, Any] = {
    "images": [
        {
            "id": 5,
            "coco_url": f"{URL}/val2017/5.jpg",
            "neg_category_ids": [1, 3],
            "not_exhaustive_category_ids": [2],
        },
        {
            "id": 6,
            "coco_url": f"{URL}/train2017/6.jpg",
            "neg_category_ids": [],
            "not_exhaustive_category_ids": [],
        },
    ],
    "categories": [
        {"id": 1, "name": "zebra", "synset": "zebra.n.01", "frequency": "f"},
        {"id": 2, "name": "cow", "synset": "beef.n.01", "frequency": "c"},
        {"id": 3, "name": "acorn", "synset": "acorn.n.01", "frequency": "r"},
    ],
    "annotations": [
        {"id": 1, "image_id": 5, "category_id": 2},
        {"id": 2, "image_id": 5, "category_id": 3},
        {"id": 3, "image_id": 6, "category_id": 1},
    ],
}


def dataset(truth=TRUTH, protocol="lvis"):
    return SimpleNamespace(
        protocol=protocol,
        ground_truth=truth,
        image_ids=tuple(image["id"] for image in truth["images"]),
        load_image=lambda index: truth["images"][index]["id"],
    )


def test_reduction_by_hand():
    before = copy.deepcopy(TRUTH)
    found = reduce_to_coco(TRUTH)
    assert before == TRUTH
    (image,) = found["images"]
    assert (image["id"], image["neg_category_ids"]) == (5, [24])
    assert image["not_exhaustive_category_ids"] == [21]
    assert [(c["id"], c["name"], c["frequency"]) for c in found["categories"]] == [
        (21, "cow", "c"),
        (24, "zebra", "f"),
    ]
    assert found["annotations"] == [{"id": 1, "image_id": 5, "category_id": 21}]


def test_images_of_the_training_set_are_left_out(caplog):
    truth = copy.deepcopy(TRUTH)
    truth["images"].reverse()
    reduced = LvisAsCoco(dataset(truth))
    assert reduced.image_ids == (5,)
    assert reduced.load_image(0) == 5
    assert "left out 1 of COCO's training images" in caplog.text


def test_chosen_classes():
    reduced = LvisAsCoco(dataset(), ["zebra"])
    assert (reduced.class_names, reduced.category_ids) == (("zebra",), (24,))
    with pytest.raises(
        RefineMaskError, match=r"no class of COCO called 'acorn'; it has cow, zebra"
    ):
        LvisAsCoco(dataset(), ["acorn"])


def test_other_datasets_are_refused():
    with pytest.raises(RefineMaskError, match=r"--lvis-as-coco needs annotations of LVIS"):
        LvisAsCoco(dataset(protocol="coco"))
    truth = copy.deepcopy(TRUTH)
    truth["images"] = truth["images"][1:]
    with pytest.raises(RefineMaskError, match=r"COCO's training set only"):
        LvisAsCoco(dataset(truth))
    truth = copy.deepcopy(TRUTH)
    truth["categories"] = truth["categories"][2:]
    with pytest.raises(RefineMaskError, match=r"no category of the file has the synset"):
        reduce_to_coco(truth)
    del truth["categories"][0]["synset"]
    with pytest.raises(RefineMaskError, match=r"'acorn' has no synset"):
        reduce_to_coco(truth)


def test_every_class_of_coco_has_a_synset_of_its_own():
    assert tuple(SYNSETS) == COCO_CLASSES
    assert len(set(SYNSETS.values())) == 80


def test_synsets_of_lvis(shared):
    """LVIS v0.5 has all but two of them; the table agrees with LVIS's own."""
    folder = shared / "data" / "eval_golden"
    truth = json.loads((folder / "lvis_val_100.json").read_text())
    present = {category["synset"] for category in truth["categories"]}
    assert {name for name, synset in SYNSETS.items() if synset not in present} == {
        "hot dog",
        "oven",
    }
    official = json.loads((folder / "coco_to_synset.json").read_text())
    assert {name: official[name]["synset"] for name in SYNSETS} == SYNSETS
    reduced = reduce_to_coco(truth)
    assert len(reduced["categories"]) == 78
    assert len(reduced["images"]) == 100
    assert len(reduced["annotations"]) > 100
