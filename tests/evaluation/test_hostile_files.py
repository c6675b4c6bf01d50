"""Annotations and results with values of any kind in any place: an error of ours, or a result."""

import copy
import json
import random
from typing import Any

import cv2
import numpy as np
import pytest

from refinemask.data.open import open_dataset
from refinemask.errors import RefineMaskError
from refinemask.evaluation import LvisAsCoco, measure_file, summarise
from refinemask.inference.rle import encode_rle

MASK = np.zeros((40, 50), bool)
MASK[10:30, 15:35] = True
BOX = [15, 10, 20, 20]
POLYGON = [[15, 10, 35, 10, 35, 30, 15, 30]]
ANNOTATION = {"image_id": 5, "category_id": 1, "bbox": BOX, "area": 400, "iscrowd": 0}
TRUTH: dict[str, Any] = {
    "images": [{"id": 5, "file_name": "a.png", "coco_url": None, "height": 40, "width": 50}],
    "categories": [
        {
            "id": 1,
            "name": "cow",
            "synset": "beef.n.01",
            "frequency": "f",
            "supercategory": "animal",
        },
        {"id": 2, "name": "acorn", "synset": "acorn.n.01", "frequency": "r"},
    ],
    "annotations": [
        ANNOTATION | {"id": 1, "segmentation": encode_rle(MASK)},
        ANNOTATION | {"id": 2, "segmentation": POLYGON},
        ANNOTATION | {"id": 3, "segmentation": {"size": [40, 50], "counts": [0, 2000]}},
    ],
}
RESULTS: list[dict[str, Any]] = [
    {"image_id": 5, "category_id": 1, "bbox": BOX, "score": 0.9, "segmentation": encode_rle(MASK)},
    {"image_id": "a.png", "category_name": "cow", "score": 0.9, "segmentation": POLYGON},
]
VALUES: list[Any] = [
    *(None, True, 0, -1, 1.0, 1.5, 2**31, 2**63, 10**400, float("nan"), float("inf"), -1e300),
    *("", "x", "\ud800", "a\0b", "../x", "0PPPPPP4", [], [[]], [1], {}, {"a": 1}, [None], [[[]]]),
    *([[1, 2], [3, 4], [5, 6]], [[1e9] * 6], [[float("nan")] * 6], [0, 2**64]),
    *({"size": [40, 50], "counts": "zz"}, {"size": [2**40, 2**40], "counts": "0PPPPPP4"}),
]


def places(value, path=()):
    """Yield the way to every part of a JSON value."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield (*path, key)
            yield from places(value[key], (*path, key))


def changed(value, rng):
    """Put another value in one place, or take it out."""
    value = copy.deepcopy(value)
    *way, last = rng.choice(list(places(value)))
    part = value
    for key in way:
        part = part[key]
    if rng.random() < 0.2:
        del part[last]
    else:
        part[last] = copy.deepcopy(rng.choice(VALUES))
    return value


@pytest.mark.parametrize("lvis", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_any_value_in_any_place(tmp_path, seed, lvis):
    rng = random.Random(seed)
    truth = copy.deepcopy(TRUTH)
    if lvis:
        truth["images"][0] |= {"neg_category_ids": [2], "not_exhaustive_category_ids": []}
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((40, 50, 3), np.uint8))
    for _ in range(4):
        pair = (
            (changed(truth, rng), RESULTS) if rng.random() < 0.6 else (truth, changed(RESULTS, rng))
        )
        for name, content in zip(("truth.json", "results.json"), pair, strict=True):
            (tmp_path / name).write_text(json.dumps(content))
        try:
            dataset = open_dataset(str(tmp_path / "truth.json"))
        except RefineMaskError as error:
            assert "\n" not in str(error)
            continue
        for use in (
            lambda dataset: dataset[0],
            lambda dataset: dataset.for_training(),
            lambda dataset: str(summarise("truth", dataset)),
            lambda dataset: measure_file(tmp_path / "results.json", dataset, protocol="coco"),
            LvisAsCoco,
        ):
            try:
                use(dataset)
            except RefineMaskError as error:
                assert "\n" not in str(error)
