"""Tiles cover an image, and what they find is merged: whole objects to the pixel."""

import cv2
import numpy as np
import pytest

from refinemask.errors import RefineMaskError
from refinemask.inference.pasting import rle_masks
from refinemask.inference.processing import with_masks
from refinemask.inference.rle import decode_rle
from refinemask.inference.structures import Detections
from refinemask.inference.tiles import predict_tiles, tiles_of

TILE, OVERLAP = 100, 0.3
SHAPE = np.ones((28, 28), np.float32)
SHAPE[10:16, 8:14] = 0  # a hole that is not in the middle


def find_blobs(image):
    """Find bright blobs: the score is the red of their middle, the class green."""
    count, _, extents, _ = cv2.connectedComponentsWithStats((image[..., 0] > 0).astype(np.uint8))
    boxes = extents[1:, :4].astype(np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    middles = ((boxes[:, :2] + boxes[:, 2:]) / 2).astype(int)
    values = image[middles[:, 1], middles[:, 0]]
    scores = (values[:, 0] / 255).astype(np.float32)
    order = np.argsort(-scores, kind="stable")
    probs = np.repeat(SHAPE[None], count - 1, 0)
    labels = values[:, 1].astype(np.int64)
    return Detections(boxes[order], scores[order], labels[order], probs, image.shape[:2])


def scene(*blobs, size=(240, 170)):
    """Draw rectangles (left, top, right, bottom, score, class); the score is out of 255."""
    image = np.zeros((*size, 3), np.uint8)
    for left, top, right, bottom, score, label in blobs:
        image[top:bottom, left:right, :2] = score, label
    return image


def merged(image, predict=find_blobs, masks="rle", **options):
    return predict_tiles(predict, image, TILE, OVERLAP, masks, **options)


@pytest.mark.parametrize("size", [(240, 170), (100, 100), (33, 1000), (101, 99), (1, 1)])
@pytest.mark.parametrize("overlap", [0, 0.2, 0.5, 0.97])
def test_tiles_cover_the_image_and_overlap(size, overlap):
    tiles = tiles_of(size[0], size[1], TILE, overlap)
    assert tiles[0][:2] == (0, 0)
    assert tiles[-1][2:] == (size[1], size[0])
    for tile in tiles:
        assert (tile.right - tile.left, tile.bottom - tile.top) == (
            min(TILE, size[1]),
            min(TILE, size[0]),
        )
    for starts in ({tile.left for tile in tiles}, {tile.top for tile in tiles}):
        steps = np.diff(sorted(starts))
        assert (steps <= TILE * (1 - overlap)).all()
        assert len(steps) == 0 or steps.max() - steps.min() <= 1


def test_tiles_by_hand():
    assert tiles_of(100, 180, 100, 0.2) == [(0, 0, 100, 100), (80, 0, 180, 100)]
    assert [tile.left for tile in tiles_of(100, 181, 100, 0.2)] == [0, 40, 81]


def test_a_whole_object_is_that_of_its_tile_alone():
    """Wherever it lies: inside of one tile only, or seen whole or in part by others, too."""
    for left in range(0, 135, 7):
        for top in range(0, 205, 13):
            blob = (left, top, left + 27, top + 23, 200, 3)
            image = scene(blob)
            found = merged(image)
            assert found.scores.tolist() == [np.float32(200 / 255)]
            assert found.labels.tolist() == [3]
            masks = []
            for tile in tiles_of(240, 170, TILE, OVERLAP):
                part = image[tile.top : tile.bottom, tile.left : tile.right]
                alone = find_blobs(part)
                if len(alone) and (alone.boxes[0, 2:] - alone.boxes[0, :2]).tolist() == [27, 23]:
                    corner = np.array([tile.left, tile.top] * 2, np.float32)
                    np.testing.assert_array_equal(found.boxes, alone.boxes + corner)
                    mask = np.zeros(image.shape[:2], bool)
                    mask[tile.top : tile.bottom, tile.left : tile.right] = decode_rle(
                        rle_masks(alone)[0]
                    )
                    masks.append(mask)
            assert any((decode_rle(found.masks[0]) == mask).all() for mask in masks)


@pytest.mark.parametrize("masks", ["bitmap", "rle", "probs"])
def test_formats(masks):
    found = merged(scene((80, 60, 110, 90, 200, 3), (10, 10, 40, 50, 250, 1)), masks=masks)
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)
    assert found.labels.tolist() == [1, 3]
    assert found.image_size == (240, 170)
    expected = merged(scene((80, 60, 110, 90, 200, 3), (10, 10, 40, 50, 250, 1)))
    assert rle_masks(found) == expected.masks
    empty = merged(scene(), masks=masks)
    assert len(empty) == len(empty.masks) == 0
    bitmaps = with_masks(merged(scene(), masks="probs"), "bitmap").masks
    assert np.asarray(bitmaps).shape == (0, 240, 170)


def test_a_piece_never_replaces_the_object():
    """The right tile sees only a part, of a higher score; the left one sees all."""
    image = scene((30, 10, 95, 60, 100, 0))
    image[35, 82, 0] = 255  # the middle of what the second tile sees
    (_, second) = tiles_of(240, 170, TILE, OVERLAP)[:2]
    assert find_blobs(image[:100, second.left :]).scores.tolist() == [1]
    found = merged(image)
    assert found.boxes.tolist() == [[30, 10, 95, 60]]
    assert found.scores.tolist() == [np.float32(100 / 255)]


def test_an_object_larger_than_the_overlap_stays_as_pieces():
    found = merged(scene((20, 10, 150, 60, 200, 0)))
    assert sorted(found.boxes.tolist()) == [[20, 10, 100, 60], [70, 10, 150, 60]]


def test_the_higher_score_is_kept_of_two():
    def predict(part):
        found = find_blobs(part)
        return Detections(found.boxes, found.scores - np.float32(part[0, 0, 2] / 255), *rest(found))

    def rest(found):
        return found.labels, found.masks, found.image_size

    image = scene((75, 20, 95, 40, 200, 0), size=(100, 170))
    image[0, 0, 2] = 50  # the first tile gives lower scores
    assert merged(image, predict).scores.tolist() == [np.float32(200 / 255)]
    image[0, 0, 2], image[0, 70, 2] = 0, 50
    assert merged(image, predict).scores.tolist() == [np.float32(200 / 255)]


def test_classes_and_detections_of_one_tile_are_left_alone():
    def twice(part):
        """Two equal detections in each tile, of which each class is that of the tile's column."""
        found = find_blobs(part)
        both = np.repeat(np.arange(len(found)), 2)
        label = np.full(len(both), part[0, 0, 2])
        return Detections(
            found.boxes[both], found.scores[both], label, found.masks[both], found.image_size
        )

    image = scene((75, 20, 95, 40, 200, 0), size=(100, 170))
    assert len(merged(image, twice)) == 2  # of the same class: one tile's are left out
    image[0, 0, 2] = 1
    assert sorted(merged(image, twice).labels.tolist()) == [0, 0, 1, 1]


def test_most_detections_of_the_image():
    image = scene(*((10, top, 30, top + 20, top + 20, 0) for top in range(0, 200, 40)))
    assert len(merged(image)) == 5
    found = merged(image, max_detections=2)
    np.testing.assert_allclose(found.scores * 255, [180, 140])
    assert len(merged(image, max_detections=0)) == 0


def test_an_image_without_a_longer_side_is_one_tile():
    image = scene((10, 10, 40, 50, 250, 1), size=(60, 100))
    seen = []

    def predict(part):
        seen.append(part.shape)
        return find_blobs(part)

    found = merged(image, predict, masks="probs")
    assert seen == [image.shape]
    for field in ("boxes", "scores", "labels", "masks"):
        np.testing.assert_array_equal(getattr(found, field), getattr(find_blobs(image), field))


def test_a_very_large_image_needs_no_bitmaps():
    """400 million pixels, of which those of the image itself are the only ones in memory."""
    pixel = np.zeros((1, 1, 3), np.uint8)
    image = np.broadcast_to(pixel, (20_000, 20_000, 3))
    probs = np.repeat(SHAPE[None], 4, 0)

    def predict(part):
        """Find some objects, of which edges cut some."""
        corners = np.random.default_rng(len(seen)).uniform(0, 980, (4, 2))
        seen.append(part.shape)
        boxes = np.concatenate([corners, np.minimum(corners + 60, 1024)], 1).astype(np.float32)
        scores = np.linspace(1, 0.1, 4, dtype=np.float32)
        return Detections(boxes, scores, np.zeros(4, np.int64), probs, part.shape[:2])

    seen: list[tuple[int, ...]] = []
    found = predict_tiles(predict, image, 1024, 0.2, "rle")
    assert set(seen) == {(1024, 1024, 3)}
    assert 0.9 * 4 * len(seen) < len(found) < 4 * len(seen)
    assert found.boxes.max() > 19_900


@pytest.mark.parametrize(
    ("tile", "overlap", "message"),
    [
        (31, 0.2, "tile must be .* >= 32, got 31"),
        (100.5, 0.2, "tile must be .* got 100.5"),
        ((100, 200), 0.2, r"tile must be the side of a square .* got \(100, 200\)"),
        (100, 1, "overlap must be .* below 1, got 1"),
        (100, -0.1, "overlap must be .* got -0.1"),
        (100, float("nan"), "overlap must be .* got nan"),
    ],
)
def test_bad_tiles(tile, overlap, message):
    with pytest.raises(RefineMaskError, match=message):
        predict_tiles(find_blobs, scene(), tile, overlap)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"masks": "polygon"}, "unknown mask format 'polygon'"),
        ({"max_detections": -1}, "max_detections must be >= 0, got -1"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(RefineMaskError, match=message):
        merged(scene(), **options)
    with pytest.raises(RefineMaskError, match="must be an array of shape"):
        merged(scene()[:0])
