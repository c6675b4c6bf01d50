"""The boundary region and the counting of pixels, by hand and by definition."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refinemask.errors import RefineMaskError
from refinemask.evaluation.regions import Counts, boundary_region, count, region_distance


def bitmap(*rows):
    """Return a mask drawn with # for true."""
    return np.array([[character == "#" for character in row] for row in rows])


def test_the_band_of_a_square_lies_on_both_sides_of_its_contour():
    mask = bitmap(
        ".......",
        ".......",
        "..###..",
        "..###..",
        "..###..",
        ".......",
        ".......",
    )
    expected = bitmap(
        ".......",
        ".#####.",
        ".#####.",
        ".##.##.",
        ".#####.",
        ".#####.",
        ".......",
    )
    np.testing.assert_array_equal(boundary_region(mask, 1), expected)
    assert boundary_region(mask, 2).all()


@pytest.mark.parametrize(
    ("distance", "row"), [(1, "...##...."), (2, "..####..."), (4, "########.")]
)
def test_the_band_of_an_edge_is_twice_as_wide_as_the_distance(distance, row):
    mask = bitmap(*["####....."] * 5)
    np.testing.assert_array_equal(boundary_region(mask, distance), bitmap(*[row] * 5))


@pytest.mark.parametrize("value", [False, True])
def test_the_border_of_the_image_is_no_contour(value):
    assert not boundary_region(np.full((4, 5), value), 2).any()


@given(
    hnp.arrays(bool, st.tuples(st.integers(1, 8), st.integers(1, 8))),
    st.integers(1, 3),
)
def test_the_band_is_what_has_the_other_value_in_reach(mask, distance):
    height, width = mask.shape
    expected = np.zeros_like(mask)
    for y, x in np.ndindex(height, width):
        window = mask[
            max(y - distance, 0) : y + distance + 1, max(x - distance, 0) : x + distance + 1
        ]
        expected[y, x] = (window != mask[y, x]).any()
    np.testing.assert_array_equal(boundary_region(mask, distance), expected)


@pytest.mark.parametrize("distance", [0, -1])
def test_a_band_without_width_is_an_error(distance):
    with pytest.raises(RefineMaskError, match=f"at least 1 pixel, got {distance}"):
        boundary_region(np.zeros((3, 3), bool), distance)


@pytest.mark.parametrize(
    ("height", "width", "ratio", "distance"),
    [(300, 400, 0.02, 10), (30, 40, 0.001, 1), (3, 4, 1, 5)],
)
def test_the_distance_is_a_share_of_the_diagonal_and_at_least_a_pixel(
    height, width, ratio, distance
):
    assert region_distance(height, width, ratio) == distance


@pytest.mark.parametrize("ratio", [0, -0.1, 1.01, math.nan, math.inf])
def test_a_share_out_of_its_range_is_an_error(ratio):
    with pytest.raises(RefineMaskError, match="more than 0 and at most 1, got"):
        region_distance(300, 400, ratio)


def test_pixels_are_counted_inside_the_region_only():
    truth = bitmap("##..", "##..")
    found = bitmap("#.#.", "##.#")
    region = bitmap("####", ".##.")
    counts = count(found, truth, region)
    assert counts == Counts(2, 1, 1, 2)
    assert counts.pixels == 6
    assert counts.accuracy == 4 / 6
    assert counts.iou == 2 / 4


def test_counts_add_up_and_regions_share_out_the_image():
    rng = np.random.default_rng(0)
    truth, found = rng.random((2, 20, 30)) < 0.4
    region = boundary_region(truth, 1)
    whole = np.ones_like(region)
    assert count(found, truth, region) + count(found, truth, ~region) == count(found, truth, whole)


def test_nothing_counted_is_undefined():
    assert Counts().accuracy == -1
    assert Counts(true_negative=3).iou == -1
    assert Counts(true_negative=3).accuracy == 1


def test_the_json_has_the_figures_and_the_counts():
    assert Counts(3, 1, 2, 4).to_dict() == {
        "accuracy": 0.7,
        "iou": 0.5,
        "pixels": 10,
        "true_positive": 3,
        "false_positive": 1,
        "false_negative": 2,
        "true_negative": 4,
    }
