"""Which detections models share, how alike they are, and which region is enlarged."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from refinemask.benchmarks.report.agreement import boundary_iou, mask_iou, shared_objects
from refinemask.benchmarks.report.comparison import compare
from refinemask.benchmarks.report.disputed_region import disputed_region
from refinemask.inference.rle import encode_rle
from refinemask.inference.structures import Detections, MaskFormat, Rle


def detections(
    boxes: Sequence[Sequence[float]],
    labels: Sequence[int] | None = None,
    size: tuple[int, int] = (60, 80),
) -> Detections:
    """Return detections with full masks and falling scores."""
    count = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(count, 4),
        np.linspace(0.9, 0.6, count, dtype=np.float32),
        np.array(labels or [0] * count, np.int64),
        np.ones((count, 4, 4), np.float32),
        size,
    )


class Fixed:
    """A predictor that always finds the same."""

    class_names: tuple[str, ...] = ("person",)
    category_ids: tuple[int, ...] = (1,)

    def __init__(self, found: Detections) -> None:
        """Find `found`."""
        self.found = found

    def predict(
        self,
        image: NDArray[np.uint8],
        masks: MaskFormat = "bitmap",
        score_threshold: float = 0.0,
        max_detections: int | None = None,
    ) -> Detections:
        """Return what was given."""
        return self.found


LEFT, RIGHT, BELOW = [0, 0, 20, 20], [40, 0, 60, 20], [0, 40, 20, 60]


def masks_of(*boxes: Sequence[int]) -> list[Rle]:
    """Return encoded rectangles in an image of 60 × 80 pixels."""
    masks = np.zeros((len(boxes), 60, 80), bool)
    for mask, (left, top, right, bottom) in zip(masks, boxes, strict=True):
        mask[top:bottom, left:right] = True
    return [encode_rle(mask) for mask in masks]


def test_detections_are_paired_one_to_one() -> None:
    first = masks_of(LEFT, RIGHT, LEFT)
    second = masks_of(BELOW, [41, 0, 60, 20], [0, 1, 20, 20])
    assert shared_objects([first, second], [["person"] * 3] * 2) == [(0, 2), (1, 1)]
    assert shared_objects([first, []], [["person"] * 3, []]) == []


def test_classes_are_compared_by_name() -> None:
    masks = [masks_of(LEFT), masks_of(LEFT)]
    assert shared_objects(masks, [["cat"], ["dog"]]) == []
    assert shared_objects(masks, [["dog"], ["dog"]]) == [(0, 0)]


def test_labels_of_models_with_other_classes_are_translated() -> None:
    image = np.full((60, 80, 3), 100, np.uint8)
    first, second = Fixed(detections([LEFT], [0])), Fixed(detections([LEFT], [1]))
    first.class_names, second.class_names = ("dog",), ("cat", "dog")
    assert compare([first, second], image).shared == 1
    second.class_names = ("dog", "cat")
    assert compare([first, second], image).shared == 0


def test_an_object_is_shared_only_if_all_have_it() -> None:
    masks = [masks_of(LEFT, RIGHT), masks_of(RIGHT, LEFT), masks_of(RIGHT)]
    assert shared_objects(masks, [["person"] * 2, ["person"] * 2, ["person"]]) == [(1, 0, 0)]


def test_overlap_of_hand_made_masks() -> None:
    first, second = np.zeros((2, 100, 100), bool)
    first[10:50, 10:50] = True
    second[10:50, 20:50] = True
    masks = encode_rle(first), encode_rle(second)
    assert mask_iou(*masks) == pytest.approx(1200 / 1600)
    # The boundary is 3 pixels wide: 1600 - 34 * 34 and 1200 - 34 * 24 of which they share the
    # right edge and parts of the upper and lower ones.
    shared = 40 * 3 + 2 * 3 * 27
    assert boundary_iou(*masks) == pytest.approx(shared / (444 + 384 - shared))


def test_the_region_has_the_most_disputed_pixels() -> None:
    first = np.zeros((40, 60), bool)
    first[5:35, 5:55] = True
    second = first.copy()
    second[8:10, 8:10] = False
    second[20:30, 40:50] = False
    contrast = np.ones((40, 60), np.float32)
    assert disputed_region([first, second], contrast, (10, 10)) == (40, 20)
    contrast[15:] = 0.01
    left, top = disputed_region([first, second], contrast, (10, 10))
    assert 0 <= left <= 8
    assert 0 <= top <= 8


def test_the_region_of_equal_masks_has_the_most_contour() -> None:
    mask = np.zeros((40, 60), bool)
    mask[20:, 30:] = True
    contrast = np.ones((40, 60), np.float32)
    left, top = disputed_region([mask, mask], contrast, (8, 8))
    assert mask[top : top + 8, left : left + 8].any()
    assert disputed_region([mask[:4, :4]] * 2, contrast[:4, :4], (8, 8)) == (0, 0)


def test_shared_objects_have_one_colour_and_are_enlarged() -> None:
    image = np.full((60, 80, 3), 100, np.uint8)
    first, second = Fixed(detections([LEFT, RIGHT])), Fixed(detections([BELOW, RIGHT]))
    result = compare([first, second], image)
    assert (result.found, result.shared) == ((2, 2), 1)
    assert result.mask_ious == result.boundary_ious == (1.0,)
    assert result.pictures[0].shape == (480, 640, 3)
    colours = [picture[80, 400].tolist() for picture in result.pictures]
    assert colours[0] == colours[1] != [100, 100, 100]
    plain, *zooms = result.zooms
    assert (plain == 100).all()
    assert len(zooms) == 2
    assert (zooms[0] == zooms[1]).all()
    assert (zooms[0] != 100).any()


def test_without_a_shared_object_the_surest_is_enlarged() -> None:
    image = np.full((60, 80, 3), 100, np.uint8)
    result = compare([Fixed(detections([])), Fixed(detections([RIGHT]))], image)
    assert (result.found, result.shared, result.mask_ious) == ((0, 1), 0, ())
    assert len(result.zooms) == 3
    assert (result.zooms[1] == 100).all()
    assert (result.zooms[2] != 100).any()


@pytest.mark.parametrize("size", [(1, 1), (20, 20000), (20000, 20)])
def test_any_size_of_image(size: tuple[int, int]) -> None:
    image = np.zeros((*size, 3), np.uint8)
    nothing = compare([Fixed(detections([], size=size))], image)
    assert nothing.zooms == ()
    everything = detections([[0, 0, size[1], size[0]]], size=size)
    result = compare([Fixed(everything)] * 2, image)
    assert max(result.pictures[0].shape) == 640
    assert all(min(zoom.shape[:2]) >= 1 for zoom in result.zooms)
