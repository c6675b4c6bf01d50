"""The embedded dataset: deterministic, exact masks, the interface of every dataset."""

import numpy as np
import pytest

from refinemask.data.open import open_dataset
from refinemask.data.shapes.dataset import ShapesDataset
from refinemask.data.shapes.outlines import SHAPE_NAMES, draw_shape
from refinemask.data.shapes.scene import layout
from refinemask.errors import RefineMaskError
from refinemask.inference.rle import decode_rle

SIZE = (96, 128)


def test_spec_gives_count_and_seed():
    assert len(open_dataset("shapes")) == 256
    dataset = open_dataset("shapes:3:5")
    assert len(dataset) == 3
    assert dataset.load_image(0).shape == (384, 512, 3)
    assert dataset.class_names == SHAPE_NAMES
    np.testing.assert_array_equal(dataset.load_image(1), ShapesDataset(9, 5).load_image(1))


def test_image_depends_on_seed_and_index_alone():
    dataset = ShapesDataset(4, 0, SIZE)
    backwards = [dataset[i] for i in (3, 2, 1, 0)][::-1]
    for i, sample in enumerate(backwards):
        again = ShapesDataset(8, 0, SIZE)[i]
        np.testing.assert_array_equal(sample.image, again.image)
        np.testing.assert_array_equal(sample.boxes, again.boxes)
    assert np.any(backwards[0].image != backwards[1].image)
    assert np.any(backwards[0].image != ShapesDataset(4, 1, SIZE)[0].image)


def test_samples_and_ground_truth_agree():
    dataset = ShapesDataset(6, 0, SIZE)
    truth = dataset.ground_truth
    annotations = iter(truth["annotations"])
    assert [image["id"] for image in truth["images"]] == list(dataset.image_ids)
    for i in range(len(dataset)):
        sample = dataset[i]
        np.testing.assert_array_equal(sample.image, dataset.load_image(i))
        for mask, box, label in zip(sample.masks, sample.boxes, sample.labels, strict=True):
            annotation = next(annotations)
            assert annotation["image_id"] == sample.image_id
            assert annotation["category_id"] == dataset.category_ids[label]
            bitmap = mask.to_bitmap(*SIZE)
            assert annotation["area"] == bitmap.sum() > 0
            x, y, w, h = annotation["bbox"]
            np.testing.assert_array_equal(box, [x, y, x + w, y + h])
            np.testing.assert_array_equal(decode_rle(annotation["segmentation"]), bitmap)
    assert next(annotations, None) is None


def test_visible_parts_do_not_overlap_and_are_large_enough():
    for index in range(40):
        shapes = layout(0, index, SIZE)
        assert shapes
        assert np.sum([shape.visible for shape in shapes], axis=0).max() == 1
        for shape in shapes:
            assert shape.visible.sum() >= 0.5 * (shape.coverage >= 0.5).sum()
            assert (shape.coverage[shape.visible] >= 0.5).all()


def test_every_class_is_common():
    dataset = ShapesDataset(40, 0, SIZE)
    ids = [annotation["category_id"] for annotation in dataset.ground_truth["annotations"]]
    assert min(ids.count(category) for category in dataset.category_ids) >= 15


def test_shapes_fill_their_square_and_have_holes():
    for name in SHAPE_NAMES:
        for seed in range(8):
            coverage = draw_shape(name, 64, np.random.default_rng(seed))
            assert coverage.shape == (64, 64)
            assert coverage.max() == 1
            filled = (coverage >= 0.5).mean()
            assert 0.05 < filled < 0.62
    ring = draw_shape("ring", 64, np.random.default_rng(0))
    assert ring[32, 32] == 0


def test_classes_choose_what_is_annotated_but_not_what_is_drawn():
    everything, rings = ShapesDataset(12, 0, SIZE), ShapesDataset(12, 0, SIZE, ["ring"])
    np.testing.assert_array_equal(everything.load_image(2), rings.load_image(2))
    assert rings.category_ids == (2,)
    training = rings.for_training()
    assert 0 < len(training) < 12
    assert set(training.image_ids) == {a["image_id"] for a in rings.ground_truth["annotations"]}
    assert all(len(training[i].labels) for i in range(len(training)))


def test_training_set_without_instances():
    index = next(i for i in range(40) if all(s.name != "star" for s in layout(i, 0, SIZE)))
    with pytest.raises(RefineMaskError, match="star"):
        ShapesDataset(1, index, SIZE, ["star"]).for_training()


@pytest.mark.parametrize("spec", ["shapes:", "shapes:0", "shapes:x", "shapes:-1", "shapes:1:2:3"])
def test_bad_specifications(spec):
    with pytest.raises(RefineMaskError):
        open_dataset(spec)


@pytest.mark.parametrize("classes", [["circle"], [], ["star", "star"]])
def test_bad_classes(classes):
    with pytest.raises(RefineMaskError, match="star, ring, spiral, letter"):
        open_dataset("shapes", classes)
