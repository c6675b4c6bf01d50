"""The compiled kernels of images against OpenCV and NumPy.

Under the sanitizers (`make sanitize`) the same tests call a library built with them.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refinemask.errors import RefineMaskError
from refinemask.inference import native, processing
from tests.inference.native_library import needs_library, with_numpy


def picture(height: int, width: int, *channels: int, seed: int = 0) -> Any:
    """Return a random image; half of them are of black and white, where rounding shows most."""
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, (height, width, *channels), np.uint8)
    return np.where(image < 128, 0, 255).astype(np.uint8) if seed % 2 else image


SIDE = st.integers(1, 300)


@needs_library
@settings(max_examples=400)
@given(
    size=st.tuples(SIDE, SIDE),
    new=st.tuples(SIDE, SIDE),
    channels=st.sampled_from([(), (3,)]),
    seed=st.integers(0, 2**32 - 1),
)
def test_resizing_equals_opencv(size, new, channels, seed):
    image = picture(*size, *channels, seed=seed)
    found = processing.resize(image, *new)
    np.testing.assert_array_equal(found, with_numpy(processing.resize, image, *new))


@needs_library
@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize(
    ("size", "new"),
    [
        ((3000, 4000), (1000, 1333)),
        ((480, 640), (800, 1067)),
        ((1600, 2666), (800, 1333)),  # a half
        ((480, 640), (480, 640)),
        ((480, 640), (480, 641)),
        ((1, 21737), (1, 30720)),  # coordinates whose rounding depends on how they are computed
        ((46289, 1), (9728, 3)),
        ((1, 1), (700, 1100)),
        ((700, 1100), (1, 1)),
        ((5000, 1), (801, 1)),
    ],
)
def test_resizing_ordinary_and_extreme_sizes_equals_opencv(size, new, channels):
    for seed in (0, 1):
        image = picture(*size, *channels, seed=seed)
        found = processing.resize(image, *new)
        np.testing.assert_array_equal(found, with_numpy(processing.resize, image, *new))


@needs_library
@pytest.mark.parametrize(
    "view",
    [
        lambda image: image[10:50, 5:61],
        lambda image: image[::2],
        lambda image: image[::-1],
        lambda image: image[:, ::-1],
        lambda image: image[..., ::-1],
        lambda image: image[:1],
        lambda image: image[:1, ::2],
        lambda image: image[:1][::-1],
        np.asfortranarray,
    ],
)
def test_resizing_parts_and_mirrored_images_equals_opencv(view):
    image = view(picture(60, 70, 3))
    expected = with_numpy(processing.resize, image, 33, 91)
    np.testing.assert_array_equal(processing.resize(image, 33, 91), expected)


@needs_library
def test_resizing_refuses_what_it_cannot_do():
    kernels = native.kernels()
    assert kernels is not None
    with pytest.raises(RefineMaskError, match=r"must be a uint8 array .* got float64 \(5, 6, 3\)"):
        kernels.resize(np.zeros((5, 6, 3)), 5, 5)  # type: ignore[arg-type]
    with pytest.raises(RefineMaskError, match=r"got uint8 \(5, 6, 4\)"):
        kernels.resize(np.zeros((5, 6, 4), np.uint8), 5, 5)
    with pytest.raises(RefineMaskError, match=r"shape \(5, 0, 3\) to 5 x 5 pixels"):
        kernels.resize(np.zeros((5, 0, 3), np.uint8), 5, 5)
    with pytest.raises(RefineMaskError, match=r"to 0 x 5 pixels: memory ran out, or a side is not"):
        kernels.resize(np.zeros((5, 6, 3), np.uint8), 0, 5)


def assert_prepared_as_with_opencv(image, *arguments):
    found = processing.prepare(image, *arguments)
    expected = with_numpy(processing.prepare, image, *arguments)
    np.testing.assert_array_equal(found.image, expected.image)
    assert found.size == expected.size


@needs_library
@settings(max_examples=300)
@given(
    size=st.tuples(SIDE, SIDE),
    sides=st.tuples(st.integers(1, 200), st.integers(1, 250)),
    divisor=st.integers(1, 64),
    canvas=st.tuples(*[st.none() | st.integers(1, 200)] * 2),
    seed=st.integers(0, 2**32 - 1),
)
def test_preparing_equals_opencv(size, sides, divisor, canvas, seed):
    image = picture(*size, 3, seed=seed)
    assert_prepared_as_with_opencv(image, *sides, divisor, canvas)


@needs_library
@pytest.mark.parametrize("size", [(480, 640), (1200, 600), (1, 1), (20, 20000), (3001, 2003)])
def test_preparing_for_networks_equals_opencv(size):
    image = picture(*size, 3)
    assert_prepared_as_with_opencv(image, 800, 1333)
    assert_prepared_as_with_opencv(image[::-1], 384, 512, 32, (384, 512))


@needs_library
def test_preparing_refuses_what_it_cannot_do():
    kernels = native.kernels()
    assert kernels is not None
    image = picture(5, 6, 3)
    with pytest.raises(
        RefineMaskError, match=r"\(5, 6, 3\) to 0 and 9 pixels and pad it to 32 x 32"
    ):
        kernels.prepare(image, (32, 32), 0, 9, 32, (None, None))
    with pytest.raises(RefineMaskError, match="a side is not 1 to 16,777,216 pixels long"):
        kernels.prepare(image, (32, 64), 8, 9, 32, (None, None))
