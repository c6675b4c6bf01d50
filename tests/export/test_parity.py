"""The parity gate on detections made by hand: each tolerance fails by itself, near ties do not."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from refinemask.errors import GateFailed, RefineMaskError
from refinemask.export.comparison import compare
from refinemask.export.matching import match
from refinemask.export.near_ties import Candidates, joined
from refinemask.export.parity import GATE, ParityReport, check_decision, summarise
from refinemask.export.reference import Reference
from refinemask.export.tolerances import LOGIT_MARGIN
from refinemask.export.verify import split_batch
from refinemask.inference.processing import Prepared
from refinemask.inference.structures import RawArrays
from refinemask.models.refine_mask_head import refine_stages

SIZE = 64
PREPARED = Prepared(
    np.zeros((SIZE, SIZE, 3), np.uint8), (SIZE, SIZE), np.ones(4, np.float32), (SIZE, SIZE)
)


def outputs(count: int = 5) -> RawArrays:
    """Squares of 40 pixels, each with a mask whose left half is foreground."""
    corner = np.arange(count, dtype=np.float32)[:, None]
    masks = np.zeros((count, 28, 28), np.float32)
    masks[:, :, :14] = 1
    return RawArrays(
        np.hstack([corner, corner, corner + 40, corner + 40]),
        np.linspace(0.9, 0.5, count, dtype=np.float32),
        np.arange(count),
        np.zeros(count, np.int64),
        masks,
    )


def undecided(found: RawArrays, *index: int) -> Candidates:
    rows = list(index)
    return Candidates(
        found.boxes[rows], found.scores[rows], found.labels[rows], np.zeros(len(rows), bool)
    )


def reference(found: RawArrays, *doubtful: int) -> Reference:
    """Return the reference of a model without refinement; some detections are near ties."""
    count = len(found.scores)
    return Reference(found, undecided(found, *doubtful), [found.masks], np.zeros(count, bool))


def changed(name: str, index, value) -> RawArrays:
    result = outputs()
    getattr(result, name)[index] += value
    return result


def summary(other: RawArrays, *doubtful: int) -> ParityReport:
    return summarise([compare(reference(outputs(), *doubtful), other, PREPARED)])


def failures(result: ParityReport) -> list[str]:
    return [figure.name for figure in GATE if not figure.holds(getattr(result, figure.name))]


def half(found: RawArrays, expected: RawArrays | None = None) -> ParityReport:
    known = reference(outputs() if expected is None else expected)
    comparison = compare(known, found, PREPARED, precision="float16")
    return summarise([comparison], "float16")


def test_half_precision_is_judged_by_confident_detections():
    unsure = outputs()
    unsure.scores[:] = [0.9, 0.8, 0.31, 0.29, 0.1]
    moved, moved_unsure = outputs(), outputs()
    moved.scores[:] = moved_unsure.scores[:] = unsure.scores
    moved.boxes[2] += 20
    moved_unsure.boxes[3:] += 20
    assert half(moved_unsure, unsure).passed
    result = half(moved, unsure)
    assert (result.compared, result.unmatched, result.passed) == (3, 2, False)
    assert result.matched_share == pytest.approx(1 / 3)
    assert half(changed("scores", slice(None), 0.05)).passed
    assert half(changed("boxes", 0, 1)).unmatched == 0  # an IoU of 0.95
    assert json.loads(json.dumps(result.to_dict()))["matched_share"] == result.matched_share


def test_half_precision_needs_the_masks_of_the_model():
    eroded = outputs()
    eroded.masks[:, 0] = 0  # a row of 28
    result = half(eroded)
    assert (result.matched_share, result.passed) == (1, False)
    assert result.mask_iou == pytest.approx(27 / 28, abs=0.02)
    assert "mean IoU of pasted masks" in result.table()
    assert "near ties" not in result.table()


def test_half_precision_of_an_unsure_model_is_not_decided():
    unsure = outputs()
    unsure.scores[:] = 0.2
    part = compare(reference(unsure), unsure, PREPARED, precision="float16")
    with pytest.raises(RefineMaskError, match="confident of none of its 5 detections"):
        check_decision(summarise([part], "float16"), [part])


def test_equal_outputs_pass():
    result = summary(outputs())
    assert result == ParityReport(images=1, detections=5, compared=5)
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
    assert summary(changed(name, index, small)).passed
    result = summary(changed(name, index, large))
    assert failures(result) == [figure]
    assert getattr(result, figure) == pytest.approx(large, rel=0.02)


def test_one_pixel_in_ten_thousand_may_differ():
    assert summary(changed("masks", (0, 3, 3), 2e-3)).probability_share > 1 - 1 / 3000
    larger = np.repeat(np.repeat(outputs().masks, 4, 1), 4, 2)  # 62,720 pixels
    expected = outputs()._replace(masks=larger)
    other = outputs()._replace(masks=larger.copy())
    other.masks[0, 3, :6] += 2e-3
    assert summarise([compare(reference(expected), other, PREPARED)]).passed
    other.masks[0, 3, :7] += 2e-3
    result = summarise([compare(reference(expected), other, PREPARED)])
    assert failures(result) == ["probability_share"]


def test_masks_that_differ_in_the_image_fail():
    result = summary(changed("masks", (4, slice(None), 14), 1.0))
    assert set(failures(result)) == {"probability_share", "mask_iou"}
    assert result.mask_iou == pytest.approx(1 - 1 / 15 / 5, abs=0.004)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_fail(value):
    for name, index in (("boxes", (1, 2)), ("scores", 1), ("masks", (1, 2, 2))):
        result = summary(changed(name, index, value))
        assert not result.passed, name
        json.dumps(result.to_dict(), allow_nan=False)


def test_detections_of_another_label_or_place_do_not_match():
    for name, value in (("labels", 7), ("boxes", 1.0)):
        result = summary(changed(name, 3, value))
        assert result.unmatched == 2, name
        assert failures(result) == ["unmatched"]


def test_missing_and_extra_detections_are_unmatched():
    assert summary(outputs().map(lambda values: values[:4])).unmatched == 1
    assert summary(outputs(7)).unmatched == 2


def test_a_missing_or_extra_detection_that_is_a_near_tie_is_excused():
    fewer = outputs().map(lambda values: values[:4])
    result = summary(fewer, 4)
    assert (result.unmatched, result.near_tie_detections, result.passed) == (0, 1, True)
    assert summary(fewer, 3).unmatched == 1
    six = reference(outputs(6), 5)
    extra = dataclasses.replace(six, outputs=outputs(6).map(lambda values: values[:5]))
    comparison = compare(extra, outputs(6), PREPARED)
    assert (comparison.unmatched, comparison.near_tie_detections) == (0, 1)
    other_score = outputs(6)
    other_score.scores[5] -= 1e-4
    assert compare(extra, other_score, PREPARED).unmatched == 1


def test_detections_of_exchanged_proposals_are_excused_as_a_pair():
    other = outputs()
    other.boxes[2] += 0.01
    other.scores[2] += 1e-3
    assert failures(summary(other, 2)) == ["box_difference", "score_difference"]
    doubtful = joined([undecided(outputs(), 2), undecided(other, 2)])
    expected = dataclasses.replace(reference(outputs()), undecided=doubtful)
    result = summarise([compare(expected, other, PREPARED)])
    assert (result.passed, result.near_tie_detections) == (True, 2)


def test_a_mask_of_another_pyramid_level_is_excused_as_a_detection():
    ties = np.array([False, True, False, False, False])
    expected = dataclasses.replace(reference(outputs()), level_ties=ties)
    for detection, passed in ((1, True), (2, False)):
        other = changed("masks", (detection, slice(None), 14), 1.0)
        result = summarise([compare(expected, other, PREPARED)])
        assert (result.passed, result.near_tie_detections) == (passed, int(passed))


def refined(margin: float) -> tuple[Reference, RawArrays]:
    """Return a reference with one decisive logit `margin` above 0, and its opposite."""
    generator = torch.Generator().manual_seed(0)
    stages = [torch.randn((5, 1, s, s), generator=generator) + 4 for s in (14, 28, 56, 112)]
    stages[1][3, 0, 14, 14] = margin
    other = [stage.clone() for stage in stages]
    other[1][3, 0, 14, 14] *= -1

    def masks(values):
        return refine_stages(values)[-1][:, 0].sigmoid().numpy()

    expected = reference(outputs()._replace(masks=masks(stages)))
    coarse_to_fine = [stage[:, 0].numpy() for stage in stages]
    return dataclasses.replace(expected, stages=coarse_to_fine), outputs()._replace(
        masks=masks(other)
    )


def test_pixels_that_differ_by_a_near_tie_are_excused_and_counted():
    expected, other = refined(0.9 * LOGIT_MARGIN)
    differing = (np.abs(expected.outputs.masks - other.masks) > 1e-3).sum()
    result = summarise([compare(expected, other, PREPARED)])
    assert result.passed and result.probability_share == 1 and result.mask_iou == 1
    assert result.near_tie_pixels == differing > 10


def test_the_same_difference_beyond_the_margin_is_refused():
    result = summarise([compare(*refined(1.1 * LOGIT_MARGIN), PREPARED)])
    assert "probability_share" in failures(result)
    assert result.near_tie_pixels < 10  # those at the flipped logit itself are not near ties


def test_matching_is_one_to_one_and_ignores_the_order():
    twins = outputs().map(lambda values: values[[0, 0, 1]])
    pairs = match(twins, twins, undecided(twins)).pairs
    assert pairs[:, 0].tolist() == [0, 1, 2]
    assert sorted(pairs[:, 1].tolist()) == [0, 1, 2]
    backwards = outputs().map(lambda values: values[::-1])
    pairs = match(outputs(), backwards, undecided(backwards)).pairs
    assert pairs.tolist() == [[i, 4 - i] for i in range(5)]


def test_boxes_without_area_match_by_their_corners():
    expected = changed("boxes", (0, [2, 3]), -40.0)
    other = expected.map(np.copy)
    other.boxes[0, 2] += 1e-3
    assert compare(reference(expected), other, PREPARED).unmatched == 0


def decide(*parts) -> None:
    check_decision(summarise(parts), parts)


def test_fewer_than_five_detections_decide_nothing():
    four = compare(reference(outputs(4)), outputs(4), PREPARED)
    with pytest.raises(RefineMaskError, match=r"4 detections in 1 image of the model.*at least 5"):
        decide(four)
    with pytest.raises(RefineMaskError, match="at least 5"):
        decide(four, dataclasses.replace(four, batched=True))  # the same detections once more
    decide(four, compare(reference(outputs(1)), outputs(1), PREPARED))


NOTHING: dict[str, int] = {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"near_tie_detections": 2}, None),
        ({"near_tie_detections": 3}, r"a\.png decides nothing: 3 of 100 detections .* 2\.0%; give"),
        ({"near_tie_pixels": 100}, None),
        ({"near_tie_pixels": 101}, r"a\.png decides nothing: 101 of 100000 mask pixels .* 0\.1%"),
        ({"near_tie_pixels": 101, "batched": True}, r"a\.png in a batch decides nothing"),
    ],
)
def test_too_many_near_ties_decide_nothing(changes, message):
    parts = [
        dataclasses.replace(
            compare(reference(outputs()), outputs(), PREPARED, "a.png"),
            detections=100,
            pixels=100_000,
            pixels_within=100_000,
            **fields,
        )
        for fields in (NOTHING, changes)
    ]
    if message is None:
        decide(*parts)
        return
    with pytest.raises(RefineMaskError, match=message):
        decide(*parts)
    # What has failed has failed, whatever hangs on near ties.
    decide(*parts, dataclasses.replace(parts[0], unmatched=1))


def test_images_without_detections_are_compared():
    nothing = outputs(0)
    empty = compare(reference(nothing), nothing, PREPARED)
    assert (empty.detections, empty.unmatched, empty.mask_ious) == (0, 0, ())
    assert compare(reference(nothing), outputs(2), PREPARED).unmatched == 2
    assert compare(reference(outputs(2)), nothing, PREPARED).unmatched == 2
    both = summarise([empty, compare(reference(outputs()), outputs(), PREPARED)])
    assert (both.images, both.empty_images, both.passed) == (2, 1, True)


def test_a_batch_is_split_by_image():
    index = np.array([0, 0, 2, 2, 2])
    first, second, third = split_batch(outputs()._replace(image_index=index), 3)
    assert [len(part.scores) for part in (first, second, third)] == [2, 0, 3]
    assert third.labels.tolist() == [2, 3, 4]


@pytest.mark.parametrize("index", [[0, 0, 1, 1, 2], [0, 1, 0, 1, 1], [-1, 0, 0, 1, 1]])
def test_detections_of_no_image_or_in_disorder_are_refused(index):
    with pytest.raises(GateFailed, match="ordered by image and then by descending score"):
        split_batch(outputs()._replace(image_index=np.array(index)), 2)


def test_scores_in_disorder_are_refused():
    with pytest.raises(GateFailed, match="descending score"):
        split_batch(outputs()._replace(scores=np.array([0.9, 0.8, 0.85, 0.7, 0.6], np.float32)), 1)


def test_table_and_json():
    result = summary(changed("scores", 0, 1e-3))
    lines = result.table().splitlines()
    assert lines[0].split() == ["figure", "measured", "allowed", "verdict"]
    verdicts = [line.split()[-1] for line in lines[1:-1]]
    assert verdicts == ["passed", "0", "passed", "FAILED", "0", "passed", "0", "passed", "1"]
    assert "5 detections in 1 image" in lines[-1]
    values = json.loads(json.dumps(result.to_dict()))
    assert values["passed"] is False
    assert values["score_difference"] == pytest.approx(1e-3, rel=0.01)
    assert (values["near_tie_detections"], values["near_tie_pixels"]) == (0, 0)
    assert (values["probability_difference"], values["smallest_mask_iou"]) == (0, 1)
    assert (values["images"], values["detections"], values["unmatched"]) == (1, 5, 0)


def test_two_runs_are_compared_with_each_other():
    second = changed("scores", 2, 4e-5)
    third = changed("scores", 2, -4e-5)
    for found in (second, third):
        assert summarise([compare(reference(outputs()), found, PREPARED)]).passed
    apart = summarise([compare(reference(outputs()), third, PREPARED, expected=second)])
    assert failures(apart) == ["score_difference"]
    assert apart.score_difference == pytest.approx(8e-5, rel=0.02)


def test_near_ties_of_the_reference_excuse_either_of_two_runs():
    fewer = outputs().map(lambda values: values[[0, 1, 2, 4]])
    for found, expected in ((fewer, outputs()), (outputs(), fewer)):
        result = summarise([compare(reference(outputs(), 3), found, PREPARED, expected=expected)])
        assert (result.unmatched, result.near_tie_detections) == (0, 1)
        result = summarise([compare(reference(outputs()), found, PREPARED, expected=expected)])
        assert (result.unmatched, result.near_tie_detections) == (1, 0)


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0]])
def test_pixels_of_two_runs_are_excused_where_both_are_outcomes_of_the_reference(order):
    expected, other = refined(0.9 * LOGIT_MARGIN)
    other = other.map(lambda values: values[order])
    for pair in ((other, expected.outputs), (expected.outputs, other)):
        result = summarise([compare(expected, pair[0], PREPARED, expected=pair[1])])
        assert result.passed and result.near_tie_pixels > 10
        wrong = pair[1]._replace(masks=np.where(pair[1].masks > 0.5, 0.0, pair[1].masks))
        result = summarise([compare(expected, pair[0], PREPARED, expected=wrong)])
        assert "probability_share" in failures(result)


def test_masks_of_another_pyramid_level_are_excused_in_either_run():
    ties = np.array([False, True, False, False, False])
    known = dataclasses.replace(reference(outputs()), level_ties=ties)
    backwards = changed("masks", (1, slice(None), 14), 1.0).map(lambda values: values[::-1])
    for pair in ((backwards, outputs()), (outputs(), backwards)):
        result = summarise([compare(known, pair[0], PREPARED, expected=pair[1])])
        assert (result.passed, result.near_tie_detections) == (True, 1)
