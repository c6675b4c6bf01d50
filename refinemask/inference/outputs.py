"""The outputs of a network, checked before anything is made of them (architecture 5.2).

A graph computes what its author wanted, and weights of a checkpoint may be anything: neither is
believed about how many detections there are, where they are, or what they are.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinemask.configs.config import ModelConfig
from refinemask.errors import RefineMaskError
from refinemask.inference.padded_outputs import PaddedArrays, unpad
from refinemask.inference.structures import RawArrays, RawOutputs

_ROUNDING = 1e-5
"""How far a runtime's sigmoid or softmax may lie outside of 0 to 1."""


def flat_outputs(outputs: RawArrays | PaddedArrays, source: str) -> RawArrays:
    """Return the outputs of an artifact in the flat form, whichever form it has.

    Args:
        outputs: what it returned.
        source: the file of the network, as the error names it.

    Raises:
        RefineMaskError: they are padded, and not of the types and shapes of each other.
    """
    if isinstance(outputs, RawOutputs):
        return outputs
    try:
        return unpad(outputs)
    except ValueError as error:
        raise _damaged(source, error) from error


def check_outputs(
    outputs: RawArrays, model: ModelConfig, source: str, images: tuple[int, ...]
) -> None:
    """Check the outputs for a batch of padded images.

    Args:
        outputs: what it returned.
        model: what the network is: its classes, and how many detections of which masks it makes.
        source: the file of the network, as the error names it.
        images: shape of the batch: (B, H, W, 3).

    Raises:
        RefineMaskError: they are not what the network may return.
    """
    with _naming(source):
        _check_arrays(outputs, model.mask_head.mask_size)
        _check_values(outputs, model, *images[:3])


def check_masks(masks: NDArray[np.float32], count: int, model: ModelConfig, source: str) -> None:
    """Check the masks of `count` given boxes; the other arguments are those of `check_outputs`.

    Raises:
        RefineMaskError: they are not what the network may return.
    """
    with _naming(source):
        _check_array("masks", masks, np.float32, (count, *[model.mask_head.mask_size] * 2))
        _check_range("masks", masks, 1, _ROUNDING)


@contextmanager
def _naming(source: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise _damaged(source, error) from error


def _damaged(source: str, error: ValueError) -> RefineMaskError:
    return RefineMaskError(
        f"{source} returned {error}; its weights or its graph are damaged; use another file"
    )


def _check_arrays(outputs: RawArrays, side: int) -> None:
    found = outputs.scores.shape[:1] or (0,)
    for name, dtype, shape in (
        ("boxes", np.float32, (*found, 4)),
        ("scores", np.float32, found),
        ("labels", np.int64, found),
        ("image_index", np.int64, found),
        ("masks", np.float32, (*found, side, side)),
    ):
        _check_array(name, getattr(outputs, name), dtype, shape)


def _check_array(
    name: str, values: NDArray[Any], dtype: type[np.generic], shape: tuple[int, ...]
) -> None:
    if values.dtype != dtype or values.shape != shape:
        raise ValueError(
            f"{name} of the type {values.dtype} and the shape {values.shape}, not "
            f"{np.dtype(dtype)} and {shape}"
        )


def _check_values(
    outputs: RawArrays, model: ModelConfig, batch: int, height: int, width: int
) -> None:
    found = len(outputs.scores)
    if found > batch * model.max_detections:
        raise ValueError(
            f"{found} detections in a batch of {batch}, and its limit is {model.max_detections} "
            "an image"
        )
    for name, values, most, slack in (
        ("x of boxes", outputs.boxes[:, 0::2], width, 1),  # in pixels
        ("y of boxes", outputs.boxes[:, 1::2], height, 1),
        ("scores", outputs.scores, 1, _ROUNDING),
        ("labels", outputs.labels, model.num_classes - 1, 0),
        ("image_index", outputs.image_index, batch - 1, 0),
        ("masks", outputs.masks, 1, _ROUNDING),
    ):
        _check_range(name, values, most, slack)
    if (outputs.boxes[:, :2] > outputs.boxes[:, 2:]).any():
        raise ValueError("boxes that end before they begin")
    if (np.diff(outputs.image_index) < 0).any():
        raise ValueError("detections that are not ordered by image")


def _check_range(name: str, values: NDArray[Any], most: float, slack: float) -> None:
    # Comparisons with NaN are false.
    if values.size and not (-slack <= values.min() and values.max() <= most + slack):
        raise ValueError(f"{name} from {values.min()} to {values.max()}, not from 0 to {most}")
