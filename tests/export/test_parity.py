"""The parity gate on detections made by hand: each tolerance fails by itself."""

import json

import numpy as np
import pytest

from refinemask.errors import RefineMaskError
from refinemask.export.parity import GATE, ParityReport, compare, match, summarise
from refinemask.inference.processing import Prepared
from refinemask.inference.structures import RawArrays

SIZE = 64
PREPARED = Prepared(
    np.zeros((SIZE, SIZE, 3), np.uint8), (SIZE, SIZE), np.ones(4, np.float32), (SIZE, SIZE)
)


def outputs(count: int = 5):
    """Squares of 40 pixels, each with a mask whose left half is foreground."""
    corner = np.arange(count, dtype=np.float32)[:, None]
    masks = np.zeros((count, 28, 28), np.float32)
    masks[:, :, :14] = 1
    return RawArrays(
        boxes=np.hstack([corner, corner, corner + 40, corner + 40]),
        scores=np.linspace(0.9, 0.5, count, dtype=np.float32),
        labels=np.arange(count),
        image_index=np.zeros(count, np.int64),
        masks=masks,
    )


def changed(name: str, index, value):
    result = outputs()
    getattr(result, name)[index] += value
    return result


def report(other) -> ParityReport:
    return summarise([compare(outputs(), other, PREPARED)])


def failures(result: ParityReport) -> list[str]:
    return [figure.name for figure in GATE if not figure.holds(getattr(result, figure.name))]


def test_equal_outputs_pass():
    result = report(outputs())
    assert result == ParityReport(images=1, detections=5)
    assert result.passed
    assert failures(result) == []


@pytest.mark.parametrize(
    ("name", "index", "small", "large", "figure"),
    [
        ("boxes", (2, 0), 1.5e-3, 2.5e-3, "box_difference"),
        ("scores", 2, 4e-5, 6e-5, "score_difference"),
    ],
)
def test_tolerances(name, index, small, large, figure):
    assert report(changed(name, index, small)).passed
    result = report(changed(name, index, large))
    assert failures(result) == [figure]
    assert getattr(result, figure) == pytest.approx(large, rel=0.02)


def test_one_pixel_in_ten_thousand_may_differ():
    assert report(changed("masks", (0, 3, 3), 2e-3)).probability_share > 1 - 1 / 3000
    masks = np.repeat(np.repeat(outputs().masks, 4, 1), 4, 2)  # 62,720 pixels
    reference, other = (outputs()._replace(masks=masks.copy()) for _ in range(2))
    other.masks[0, 3, :6] += 2e-3
    assert summarise([compare(reference, other, PREPARED)]).passed
    other.masks[0, 3, :7] += 2e-3
    assert failures(summarise([compare(reference, other, PREPARED)])) == ["probability_share"]


def test_masks_that_differ_in_the_image_fail():
    result = report(changed("masks", (4, slice(None), 14), 1.0))
    assert set(failures(result)) == {"probability_share", "mask_iou"}
    assert result.mask_iou == pytest.approx(1 - 1 / 15 / 5, abs=0.004)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_fail(value):
    for name, index in (("boxes", (1, 2)), ("scores", 1), ("masks", (1, 2, 2))):
        result = report(changed(name, index, value))
        assert not result.passed, name
        json.dumps(result.to_dict(), allow_nan=False)


def test_detections_of_another_label_image_or_place_do_not_match():
    for name, value in (("labels", 7), ("image_index", 1), ("boxes", 1.0)):
        result = report(changed(name, 3, value))
        assert result.unmatched == 2, name
        assert failures(result) == ["unmatched"]


def test_missing_and_extra_detections_are_unmatched():
    fewer = outputs().map(lambda values: values[:4])
    assert report(fewer).unmatched == 1
    assert report(outputs(7)).unmatched == 2


def test_matching_is_one_to_one_and_ignores_the_order():
    twins = outputs().map(lambda values: values[[0, 0, 1]])
    pairs = match(twins, twins)
    assert pairs[:, 0].tolist() == [0, 1, 2]
    assert sorted(pairs[:, 1].tolist()) == [0, 1, 2]
    backwards = outputs().map(lambda values: values[::-1])
    assert match(outputs(), backwards).tolist() == [[i, 4 - i] for i in range(5)]


def test_boxes_without_area_match_by_their_corners():
    reference = changed("boxes", (0, [2, 3]), -40.0)
    other = reference.map(np.copy)
    other.boxes[0, 2] += 1e-3
    assert summarise([compare(reference, other, PREPARED)]).unmatched == 0


def test_fewer_than_five_detections_decide_nothing():
    four = outputs(4)
    with pytest.raises(RefineMaskError, match=r"4 detections in 1 image of the model.*at least 5"):
        summarise([compare(four, four, PREPARED)])
    summarise([compare(four, four, PREPARED), compare(outputs(1), outputs(1), PREPARED)])


def test_images_without_detections_are_compared():
    nothing = outputs(0)
    empty = compare(nothing, nothing, PREPARED)
    assert (empty.detections, empty.unmatched, empty.mask_ious) == (0, 0, ())
    assert compare(nothing, outputs(2), PREPARED).unmatched == 2
    assert compare(outputs(2), nothing, PREPARED).unmatched == 2


def test_table_and_json():
    result = report(changed("scores", 0, 1e-3))
    lines = result.table().splitlines()
    assert lines[0].split() == ["figure", "measured", "allowed", "verdict"]
    verdicts = [line.split()[-1] for line in lines[1:-1]]
    assert verdicts == ["passed", "passed", "FAILED", "0", "passed", "passed", "1"]
    assert "5 detections in 1 image" in lines[-1]
    values = json.loads(json.dumps(result.to_dict()))
    assert values["passed"] is False
    assert values["score_difference"] == pytest.approx(1e-3, rel=0.01)
    assert (values["probability_difference"], values["smallest_mask_iou"]) == (0, 1)
    assert (values["images"], values["detections"], values["unmatched"]) == (1, 5, 0)
