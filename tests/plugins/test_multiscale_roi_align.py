"""MultiScaleRoIAlign in ONNX Runtime: by hand, and against torchvision's roi_align per level."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto

from refinemask.ops.multiscale_roi_align import multiscale_roi_align
from tests.plugins import operators
from tests.plugins.operators import roi_align
from tests.plugins.tolerances import close

STRIDES = (4, 8, 16, 32, 64)
EXACT = close("MultiScaleRoIAlign", "float32")


def ramp(height, width):
    """Return features that are their own column: interpolation gives back the position."""
    return np.broadcast_to(np.arange(width, dtype=np.float32), (1, 1, height, width)).copy()


def test_a_ramp_gives_the_positions_of_the_bins():
    rois = np.array([[0, 0, 0, 4, 4]], np.float32)
    for sampling_ratio in (0, 1, 2, 5):
        pooled = roi_align(
            rois, [ramp(6, 6)], output_size=2, strides=(1,), sampling_ratio=sampling_ratio
        )
        # Bins of two pixels around 1 and 3, the centre of column x being at x + 0.5. With five
        # samples the first, at -0.3, is moved to the border 0.
        first = 0.5 + (0.3 / 5 if sampling_ratio == 5 else 0)
        np.testing.assert_allclose(pooled, np.full((1, 1, 2, 2), [first, 2.5]), **EXACT)


def test_samples_outside_the_map_are_0_and_near_its_border_clamped():
    rois = np.array([[0, 2, 0, 6, 4]], np.float32)
    pooled = roi_align(rois, [ramp(4, 4)], output_size=2, strides=(1,))
    # Samples at columns 2 and 3, then at 4, where the border's 3 is taken, and 5, which is outside.
    np.testing.assert_allclose(pooled, np.full((1, 1, 2, 2), [2.5, 1.5]), **EXACT)


def test_the_level_follows_the_size():
    features = [np.full((1, 1, 64 >> level, 64 >> level), level, np.float32) for level in range(4)]
    sides = np.array([0.5, 111.9, 112, 223.9, 224, 447, 448, 500], np.float32)
    rois = np.zeros((len(sides), 5), np.float32)
    rois[:, 3:] = sides[:, None]
    levels = roi_align(rois, features)[:, 0, 0, 0]
    np.testing.assert_array_equal(levels, [0, 0, 1, 1, 2, 2, 3, 3])


edges = st.floats(-150, 450, width=32)
rois_of_two_images = st.lists(
    st.tuples(st.integers(0, 1), edges, edges, edges, edges).map(
        lambda roi: (roi[0], min(roi[1::2]), min(roi[2::2]), max(roi[1::2]), max(roi[2::2]))
    ),
    max_size=8,
)


@given(
    rows=rois_of_two_images,
    output_size=st.sampled_from([1, 2, 3, 7, 8, 9, 14, 28, 33]),
    sampling_ratio=st.integers(0, 3),
    aligned=st.booleans(),
    epsilon_after_log=st.booleans(),
    levels=st.integers(1, 5),
    channels=st.sampled_from([1, 2, 9]),
    size=st.sampled_from([(320, 384), (64, 64), (40, 300)]),
    half=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=80, deadline=None)
def test_matches_torchvision_per_level(
    rows,
    output_size,
    sampling_ratio,
    aligned,
    epsilon_after_log,
    levels,
    channels,
    size,
    half,
    seed,
):
    rng = np.random.default_rng(seed)
    dtype = np.float16 if half else np.float32
    features = [
        rng.standard_normal((2, channels, -(-size[0] // stride), -(-size[1] // stride))).astype(
            dtype
        )
        for stride in STRIDES[:levels]
    ]
    rois = np.array(rows, np.float32).reshape(-1, 5)
    found = roi_align(
        rois,
        features,
        output_size=output_size,
        sampling_ratio=sampling_ratio,
        strides=STRIDES[:levels],
        aligned=int(aligned),
        epsilon_after_log=int(epsilon_after_log),
    )
    expected = multiscale_roi_align(
        torch.from_numpy(rois),
        [torch.from_numpy(feature) for feature in features],
        output_size,
        STRIDES[:levels],
        sampling_ratio,
        aligned,
        epsilon_after_log,
    ).numpy()
    assert found.dtype == dtype and found.shape == expected.shape
    tolerance = close("MultiScaleRoIAlign", "float16" if half else "float32")
    np.testing.assert_allclose(found, expected, **tolerance)


inverted = np.array([[0, 30, 4, 10, 40], [0, 4, 40, 30, 8], [0, 30, 40, 6, 8]], np.float32)


def test_inverted_rois_take_no_samples():
    """There torchvision may throw: it reserves room for a negative number of samples."""
    features = [np.ones((1, 2, 16, 16), np.float32)]
    np.testing.assert_array_equal(
        roi_align(inverted, features, strides=(4,)), np.zeros((3, 2, 7, 7))
    )


def test_inverted_rois_with_a_fixed_number_of_samples_are_mirrored():
    features = np.random.default_rng(0).standard_normal((1, 2, 16, 16)).astype(np.float32)
    found = roi_align(inverted, [features], strides=(4,), sampling_ratio=2)
    expected = multiscale_roi_align(
        torch.from_numpy(inverted), [torch.from_numpy(features)], 7, (4,), 2
    )
    assert found.any()
    np.testing.assert_allclose(found, expected, **EXACT)


def test_a_realistic_pyramid(pyramid_and_rois):
    rois, features = pyramid_and_rois
    expected = multiscale_roi_align(
        torch.from_numpy(rois), [torch.from_numpy(feature) for feature in features], 14, STRIDES[:4]
    )
    np.testing.assert_allclose(roi_align(rois, features, output_size=14), expected, **EXACT)


@pytest.fixture(scope="module")
def pyramid_and_rois():
    rng = np.random.default_rng(0)
    features = [
        rng.standard_normal((2, 19, 320 // stride, 416 // stride)).astype(np.float32)
        for stride in STRIDES[:4]
    ]
    corners = np.sort(rng.uniform(-20, 440, (60, 2, 2)), axis=1).reshape(60, 4)
    image = rng.integers(0, 2, (60, 1))
    return np.concatenate((image, corners), 1).astype(np.float32), features


def test_infinities_stay_where_the_samples_are(pyramid_and_rois):
    """Tables multiply cells by 0 that no sample reads: an infinity there must not spread."""
    rois, features = pyramid_and_rois
    damaged = [feature.copy() for feature in features]
    damaged[0][:, ::3, 30, 40] = np.inf
    damaged[1][:, 1::3, 10, 10] = np.nan
    expected = multiscale_roi_align(
        torch.from_numpy(rois), [torch.from_numpy(feature) for feature in damaged], 14, STRIDES[:4]
    ).numpy()
    assert not np.isfinite(expected).all()
    np.testing.assert_allclose(roi_align(rois, damaged, output_size=14), expected, **EXACT)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_changes_nothing(pyramid_and_rois, threads):
    rois, features = pyramid_and_rois
    np.testing.assert_array_equal(
        roi_align(rois, features, threads=threads), roi_align(rois, features, threads=2)
    )


def test_one_session_serves_several_threads(pyramid_and_rois):
    rois, features = pyramid_and_rois
    expected = roi_align(rois, features)
    parts = [rois[start::4] for start in range(4)] * 6
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda part: roi_align(part, features), parts))
    for index, pooled in enumerate(found):
        np.testing.assert_array_equal(pooled, expected[index % 4 :: 4])


def test_no_rois_and_no_rank_declared():
    features = [np.zeros((2, 3, 8, 8), np.float32)]
    for ranked in (True, False):
        pooled = roi_align(np.zeros((0, 5), np.float32), features, strides=(4,), ranked=ranked)
        assert pooled.shape == (0, 3, 7, 7)


def test_float32_and_float16_in_one_graph():
    attributes = operators.ROI_ALIGN | {"strides": [4]}
    nodes = [
        operators.node("MultiScaleRoIAlign", ["rois", name], [f"{name}_pooled"], **attributes)
        for name in ("single", "half")
    ]
    single, half = np.dtype(np.float32), np.dtype(np.float16)
    opened = operators.open_session(
        operators.model(
            nodes,
            [("rois", single, 2), ("single", single, 4), ("half", half, 4)],
            {"single_pooled": TensorProto.FLOAT, "half_pooled": TensorProto.FLOAT16},
        )
    )
    features = np.random.default_rng(0).standard_normal((1, 2, 20, 30)).astype(np.float32)
    feeds: dict[str, NDArray[Any]] = {
        "rois": np.array([[0, 3, 4, 70, 60]], np.float32),
        "single": features,
        "half": features.astype(np.float16),
    }
    pooled, half_pooled = opened.run(feeds)
    assert half_pooled.dtype == np.float16
    np.testing.assert_allclose(half_pooled, pooled, atol=2e-3)


def test_shapes_are_known_before_running():
    inputs = operators.feature_inputs(
        np.zeros((0, 5), np.float32), [np.zeros((1, 1, 1, 1), np.float16)]
    )
    opened = operators.session(
        "MultiScaleRoIAlign",
        inputs,
        {"pooled": TensorProto.FLOAT16},
        **(operators.ROI_ALIGN | {"strides": (4,)}),
    )
    assert len(opened.output_shape()) == 4
    assert opened.output_shape()[2:] == [7, 7]
