"""Datasets that have other classes than the training data, or the same in another order."""

import json

import pytest

from refinemask.data.common_classes import open_for_training, open_in_common
from refinemask.data.open import open_dataset
from refinemask.errors import RefineMaskError


def test_classes_in_common_by_name(coco_files, caplog):
    spec = coco_files.write()
    dataset = open_in_common(spec, ("bird", "cat", "dog"))
    assert (dataset.class_names, dataset.category_ids) == (("cat", "dog"), (2, 4))
    assert "it lacks bird" in caplog.text
    caplog.clear()
    assert open_in_common(spec, ("cat",)).class_names == ("cat",)
    assert "left out: dog" in caplog.text
    caplog.clear()
    assert open_in_common(spec, ("dog", "cat")).class_names == ("dog", "cat")
    assert not caplog.records


def test_no_class_in_common(coco_files):
    with pytest.raises(
        RefineMaskError, match=r"no class in common .* it has dog, cat, the .* bird"
    ):
        open_in_common(coco_files.write(), ("bird",))


def test_labels_are_those_of_the_training_data(coco_files):
    dataset = open_for_training(coco_files.write(), ("bird", "cat", "dog")).for_training()
    assert dataset[0].labels.tolist() == dataset.image_labels(0).tolist() == [2, 1]
    assert dataset.image_ids == (7, 3)
    assert dataset.summary is not None
    assert dataset.image_path(1).name == "b.png"
    assert open_for_training(coco_files.write(), ("cat", "dog")).image_labels(0).tolist() == [1, 0]


@pytest.mark.parametrize("spec", ["coco", "shapes:4"])
def test_choosing_classes_again_is_as_opening_with_them(coco_files, spec):
    spec = coco_files.write() if spec == "coco" else spec
    every = open_dataset(spec)
    assert every.ground_truth["annotations"]
    chosen = every.class_names[1:2]
    again, opened = every.with_classes(chosen), open_dataset(spec, chosen)
    assert again.class_names == opened.class_names
    assert json.dumps(again.ground_truth) == json.dumps(opened.ground_truth)
    assert len(every.class_names) > 1
