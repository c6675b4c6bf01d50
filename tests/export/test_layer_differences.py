"""Layers of two runs, made by hand: what counts as parting, and what does not."""

import json

import numpy as np
import pytest

from refinemask.export.layer_differences import (
    LayerDifference,
    compare_layers,
    first_parted,
    joined_differences,
    layer_lines,
)
from refinemask.export.tolerances import BOX_TOLERANCE, MAP_TOLERANCE

RNG = np.random.default_rng(0)
PROPOSALS, DETECTIONS = 100, 60


def rois(count: int) -> np.ndarray:
    """Boxes 10 pixels apart."""
    corner = 10 * np.arange(count, dtype=np.float32)[:, None]
    return np.hstack([np.zeros_like(corner), corner, corner, corner + 8, corner + 8])


def run() -> dict[str, np.ndarray]:
    def values(*shape):
        return RNG.uniform(-1, 1, shape).astype(np.float32)

    return {
        "p2": values(1, 4, 8, 8),
        "proposals": rois(PROPOSALS),
        "class_logits": values(PROPOSALS, 6),
        "detections": rois(DETECTIONS),
        "labels": np.arange(DETECTIONS) % 5,
        "scores": np.linspace(0.9, 0.1, DETECTIONS, dtype=np.float32),
        "mask_logits_28": values(DETECTIONS, 1, 28, 28),
        "masks": RNG.uniform(0, 1, (DETECTIONS, 28, 28)).astype(np.float32),
    }


FIRST = run()


def copied() -> dict[str, np.ndarray]:
    return {name: values.copy() for name, values in FIRST.items()}


def of(layer: str, differences: list[LayerDifference]) -> LayerDifference:
    (found,) = (one for one in differences if one.layer == layer)
    return found


def test_equal_runs_part_nowhere():
    differences = compare_layers(FIRST, copied())
    assert [one.layer for one in differences] == [name for name in FIRST if name != "labels"]
    assert first_parted(differences) is None
    assert all((one.largest, one.differing, one.unmatched) == (0, 0, 0) for one in differences)


@pytest.mark.parametrize("layer", [name for name in FIRST if name != "labels"])
def test_the_first_layer_that_differs_is_named(layer):
    other = copied()
    later = False
    for name, values in other.items():
        later |= name == layer
        if later and name != "labels":
            values += 0.01
    assert first_parted(compare_layers(FIRST, other)) == layer


@pytest.mark.parametrize(
    ("layer", "small", "large"),
    [
        ("p2", 0.9 * MAP_TOLERANCE, 1.1 * MAP_TOLERANCE),
        ("proposals", 0.9 * BOX_TOLERANCE, 1.1 * BOX_TOLERANCE),
    ],
)
def test_rounding_is_allowed(layer, small, large):
    first, other = copied(), copied()
    first[layer].flat[0] = other[layer].flat[0] = 1.0  # the largest magnitude of p2
    for difference, parted in ((small, None), (large, layer)):
        other[layer][..., 1:] = first[layer][..., 1:] + np.float32(difference)
        found = compare_layers(first, other)
        assert first_parted(found) == parted
        assert of(layer, found).largest == pytest.approx(difference, rel=0.05)


def test_one_value_of_a_map_is_enough():
    other = copied()
    other["p2"][0, 2, 3, 4] += 0.01
    found = of("p2", compare_layers(FIRST, other))
    assert (found.parted, found.compared, found.differing) == (True, 256, 1)
    assert found.relative == pytest.approx(0.01 / np.abs(FIRST["p2"]).max(), rel=1e-3)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_counted_and_parts_where_one_run_alone_has_it(value):
    first, other = copied(), copied()
    other["class_logits"][3, 2] = value
    found = compare_layers(first, other)
    assert first_parted(found) == "class_logits"
    assert of("class_logits", found).not_finite == (0, 1)
    assert json.loads(json.dumps(of("class_logits", found).to_dict()))["largest"] is None
    first["class_logits"][3, 2] = value
    found = compare_layers(first, other)
    assert first_parted(found) is None
    assert of("class_logits", found).not_finite == (1, 1)


def test_rows_are_compared_of_the_same_rois_in_any_order():
    other = copied()
    order = RNG.permutation(PROPOSALS)
    for name in ("proposals", "class_logits"):
        other[name] = other[name][order]
    assert first_parted(compare_layers(FIRST, other)) is None
    assert of("class_logits", compare_layers(FIRST, other)).compared == PROPOSALS


def test_a_few_rois_of_one_run_alone_are_near_ties():
    other = copied()
    fewer = {name: other[name][1:] for name in ("proposals", "class_logits")}
    found = compare_layers(FIRST, other | fewer)
    assert (of("proposals", found).unmatched, first_parted(found)) == (1, None)
    other["proposals"][:2, 1:] += 5  # two of one run and two of the other
    found = compare_layers(FIRST, other)
    assert (of("proposals", found).unmatched, first_parted(found)) == (4, "proposals")


@pytest.mark.parametrize(
    ("layer", "place", "parted"),
    [
        ("class_logits", (1, 2), None),
        ("scores", 1, "scores"),
        ("detections", (1, 3), "detections"),
    ],
)
def test_a_row_that_differs_may_be_a_near_tie_but_no_box_or_score(layer, place, parted):
    other = copied()
    other[layer][place] += 0.01
    found = compare_layers(FIRST, other)
    assert (of(layer, found).differing, first_parted(found)) == (1, parted)


def test_boxes_of_another_label_or_image_are_others():
    other = copied()
    other["labels"] = other["labels"] + 1
    assert of("detections", compare_layers(FIRST, other)).unmatched == 2 * DETECTIONS
    other = copied()
    other["proposals"][:, 0] = 1
    assert of("proposals", compare_layers(FIRST, other)).unmatched == 2 * PROPOSALS


def test_a_mask_differs_by_more_than_a_thousandth_of_its_pixels():
    other = copied()
    other["masks"][:, 3, 4] = 1 - other["masks"][:, 3, 4]
    assert of("masks", compare_layers(FIRST, other)).differing > DETECTIONS // 2
    large = {"masks": np.zeros((DETECTIONS, 56, 56), np.float32)}
    other = {"masks": large["masks"].copy()}
    other["masks"][:, 0, :3] = 1  # of 3136
    assert of("masks", compare_layers(FIRST | large, FIRST | other)).differing == 0
    other["masks"][:, 0, :4] = 1
    assert of("masks", compare_layers(FIRST | large, FIRST | other)).differing == DETECTIONS


def test_no_rois_at_all():
    empty = {name: values[:0] if name not in ("p2",) else values for name, values in FIRST.items()}
    assert first_parted(compare_layers(empty, empty)) is None
    assert first_parted(compare_layers(FIRST, empty)) == "proposals"
    assert first_parted(compare_layers(empty, FIRST)) == "proposals"


def test_images_are_joined():
    other = copied()
    other["p2"][0, 0, 0, 0] += 0.5
    joined = joined_differences([compare_layers(FIRST, copied()), compare_layers(FIRST, other)])
    found = of("p2", joined)
    assert (found.compared, found.differing, found.parted) == (512, 1, True)
    assert found.largest == pytest.approx(0.5, rel=1e-3)
    lines = layer_lines(joined)
    assert lines[0].split()[:3] == ["layer", "largest", "relative"]
    assert [line.split()[0] for line in lines[1:]] == [one.layer for one in joined]
