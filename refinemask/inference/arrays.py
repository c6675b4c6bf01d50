"""Images of other libraries as arrays (NumPy only)."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from refinemask.errors import RefineMaskError

ImageLike: TypeAlias = Any
"""A uint8 RGB image (H, W, 3): an array, or what `as_image` makes one of."""

_PIL_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX"})
"""Modes of 8 bits that become RGB as `load_image` makes it; an alpha channel is dropped."""


def as_image(image: ImageLike) -> NDArray[np.uint8]:
    """Return an image of another library as a uint8 RGB array (H, W, 3), without a copy if it can.

    Takes images of Pillow, whose EXIF orientation is not applied, and anything in the memory of the
    CPU with `__dlpack__`, `__array_interface__` or `__array__`, such as tensors of PyTorch.

    Raises:
        RefineMaskError: it is none of these, is in the memory of a GPU, or has another type or
            shape.
    """
    if isinstance(image, np.ndarray):
        array = image
    elif type(image).__module__.partition(".")[0] == "PIL":
        array = _from_pillow(image)
    else:
        array = _from_protocols(image)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
        raise RefineMaskError(
            "an image must be a uint8 RGB array of shape (height, width, 3), "
            f"got {array.dtype} {array.shape}; {_advice(array)}"
        )
    return array


def _from_pillow(image: Any) -> NDArray[Any]:
    mode = getattr(image, "mode", None)
    if mode not in _PIL_MODES:
        raise RefineMaskError(
            f"an image of Pillow must have one of the modes {', '.join(sorted(_PIL_MODES))}, got "
            f"{mode!r}; convert it to RGB, or read the file with refinemask.load_image"
        )
    return np.asarray(image if mode == "RGB" else image.convert("RGB"))


def _from_protocols(image: Any) -> NDArray[Any]:
    protocols = ("__dlpack__", "__array_interface__", "__array__")
    if not any(hasattr(image, name) for name in protocols):
        raise RefineMaskError(
            f"an image must be an array, an image of Pillow, or have {', '.join(protocols)}, got "
            f"{type(image).__name__}; read files with refinemask.load_image"
        )
    try:
        return np.from_dlpack(image) if hasattr(image, "__dlpack__") else np.asarray(image)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        raise RefineMaskError(
            f"an image of the type {type(image).__name__} cannot be read as an array ({error}); "
            "copy it to the CPU first, for a tensor of PyTorch with .detach().cpu()"
        ) from error


def _advice(array: NDArray[Any]) -> str:
    if array.ndim == 3 and array.shape[0] == 3 and array.shape[2] != 3:
        return "move its channels to the end, for example by .permute(1, 2, 0) or np.moveaxis"
    if array.dtype.kind == "f":
        return "scale its values to 0 to 255 and convert them to uint8"
    return "read files with refinemask.load_image"
