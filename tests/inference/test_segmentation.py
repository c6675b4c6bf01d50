"""Boxes of a file with the images and the classes that they are of."""

import logging
from pathlib import Path

import pytest

from refinemask.errors import RefineMaskError
from refinemask.inference.prediction import Source
from refinemask.inference.segmentation import BoxEntry, label_boxes, match_images


def model(*names, ids=()):
    return names, ids or tuple(range(1, len(names) + 1))


def entry(image="a.jpg", name=None, category_id=None):
    return BoxEntry("boxes.csv, line 2", image, (1, 2, 3, 4), name, category_id, 1.0)


def source(path, image_id=None):
    path = Path(path)
    return Source(path, image_id or path.name, lambda: pytest.fail("read"), None)


@pytest.mark.parametrize(
    "image", ["a.jpg", "photos/a.jpg", "/data/photos/a.jpg", r"C:\pictures\a.jpg", "./a.jpg"]
)
def test_images_by_the_end_of_their_path(image):
    sources = [source("/data/photos/b.jpg"), source("/data/photos/a.jpg")]
    assert list(match_images([entry(image)], sources)) == [sources[1].key]


def test_images_of_one_name_by_their_folder():
    sources = [source("x/a.jpg", "x/a.jpg"), source("y/a.jpg", "y/a.jpg")]
    assert list(match_images([entry("/somewhere/y/a.jpg")], sources)) == [sources[1].key]
    with pytest.raises(RefineMaskError, match=r"'a\.jpg' is none of those given"):
        match_images([entry("a.jpg")], sources)


def test_images_by_id(caplog):
    sources = [source("a.jpg", 5), source("b.jpg", 6)]
    given = [entry(6), entry("a.jpg"), entry(6)]
    assert match_images(given, sources) == {"b.jpg": [given[0], given[2]], "a.jpg": [given[1]]}
    assert not caplog.records


def test_boxes_of_other_images_are_left_out_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        match_images([entry("a.jpg"), entry("x.jpg"), entry("x.jpg")], [source("a.jpg")])
    assert caplog.messages == [
        "left out the boxes of 1 image that is not given, such as 'x.jpg' (boxes.csv, line 2)"
    ]


def test_ids_without_a_dataset():
    with pytest.raises(RefineMaskError, match=r"line 2: the image 139 is none .*; --dataset SPEC"):
        match_images([entry(139)], [source("000000000139.jpg")])


ANIMALS = model("cat", "dog", ids=(17, 18))


@pytest.mark.parametrize(
    ("classes", "dataset", "given", "expected"),
    [
        (ANIMALS, None, ("dog", None), (1, 18, "dog")),
        (ANIMALS, None, ("18", None), (1, 18, "dog")),
        (ANIMALS, None, (None, 17), (0, 17, "cat")),
        (ANIMALS, None, ("dog", 5), (1, 5, "dog")),  # the ids of another dataset
        (ANIMALS, {1: "dog", 2: "cat"}, (None, 2), (0, 2, "cat")),
        (ANIMALS, {1: "dog", 2: "cat"}, ("dog", None), (1, 1, "dog")),
        (model("person"), None, (None, None), (0, 1, "person")),
        (model("person"), None, ("horse", None), (0, 1, "horse")),
        (model("person"), None, (None, 19), (0, 19, None)),
        (model("person"), {19: "horse"}, (None, 19), (0, 19, "horse")),
        (model("1", "2"), None, ("2", None), (1, 2, "2")),
        (model("class 0", "class 1"), None, (None, 2), (1, 2, None)),
    ],
)
def test_classes_and_categories(classes, dataset, given, expected):
    (found,) = label_boxes([entry("a.jpg", *given)], classes[0], classes[1], dataset)
    assert (found.label, found.category_id, found.category_name) == expected


@pytest.mark.parametrize(
    ("classes", "dataset", "given", "message"),
    [
        (
            ANIMALS,
            None,
            ("horse", None),
            r"the label 'horse' is no class of the model \(cat, dog\)",
        ),
        (ANIMALS, None, ("horse", 17), "the label 'horse' is no class of the model"),
        (ANIMALS, None, (None, 1), "the label category id 1 is no class of the model"),
        (ANIMALS, None, (None, None), "the box has no label, and the model has 2 classes"),
        (ANIMALS, {1: "dog"}, (None, 17), "the label category id 17 is no class of the model"),
        (ANIMALS, {1: "dog"}, ("cat", None), r"the label 'cat' is no class of the dataset \(dog\)"),
    ],
)
def test_unknown_classes(classes, dataset, given, message):
    with pytest.raises(RefineMaskError, match=f"^boxes.csv, line 2: {message}"):
        label_boxes([entry("a.jpg", *given)], classes[0], classes[1], dataset)
