"""Images of other libraries: what becomes an array, and what is refused."""

from types import SimpleNamespace

import numpy as np
import pytest

from refinemask.errors import RefineMaskError
from refinemask.inference.arrays import as_image


def foreign(**attributes):
    """Return an object of a type with these attributes and nothing else of an array."""
    return type("Foreign", (), attributes)()


def test_arrays_are_left_alone(photo):
    assert as_image(photo) is photo


@pytest.mark.parametrize("names", [["__array_interface__"], ["__dlpack__", "__dlpack_device__"]])
def test_protocols(photo, names):
    found = as_image(foreign(**{name: getattr(photo, name) for name in names}))
    np.testing.assert_array_equal(found, photo)
    assert np.shares_memory(found, photo)


def test_tensors(photo):
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(photo)
    np.testing.assert_array_equal(as_image(tensor), photo)
    np.testing.assert_array_equal(as_image(tensor.flip(1)), photo[:, ::-1])
    with pytest.raises(RefineMaskError, match=r"got uint8 \(3, 40, 60\); move its channels"):
        as_image(tensor.permute(2, 0, 1))
    with pytest.raises(RefineMaskError, match=r"got float32 .*; scale its values"):
        as_image(tensor.float())
    with pytest.raises(RefineMaskError, match=r"Tensor cannot be read .*\.detach\(\)\.cpu\(\)"):
        as_image(tensor.float().requires_grad_())
    with pytest.raises(RefineMaskError, match="Tensor cannot be read as an array"):
        as_image(tensor.to("meta"))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1"])
def test_pillow(photo, mode):
    pillow = pytest.importorskip("PIL.Image")
    image = pillow.fromarray(photo).convert(mode)
    np.testing.assert_array_equal(as_image(image), np.asarray(image.convert("RGB")))


def test_pillow_of_more_than_8_bits():
    pillow = pytest.importorskip("PIL.Image")
    with pytest.raises(RefineMaskError, match=r"one of the modes 1, L, .* got 'I;16'; convert it"):
        as_image(pillow.fromarray(np.zeros((4, 5), np.uint16)))


@pytest.mark.parametrize("image", ["photo.jpg", None, [[1, 2, 3]], SimpleNamespace(shape=(1, 1))])
def test_what_is_not_an_image(image):
    with pytest.raises(RefineMaskError, match=rf"must be an array, .* got {type(image).__name__}"):
        as_image(image)
