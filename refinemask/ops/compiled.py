"""The operators of librefinemask_torch.so, where it was built (plugins/torch).

They compute what the references beside this file do, several times faster, on the CPU and on CUDA
devices. `Detector.run`, and so predictions and evaluations, uses them; the references remain what
every export is compared with.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

import torch
from torch import Tensor

from refinemask.errors import RefineMaskError
from refinemask.inference import native
from refinemask.ops.levels import assign_levels

_NAMESPACE = "refinemask_compiled"
_TYPES = {
    "cpu": (torch.float32, torch.float16),
    "cuda": (torch.float32, torch.float16, torch.bfloat16),
}
_used: ContextVar[bool] = ContextVar("compiled_operators", default=False)


@cache
def operators() -> Any | None:
    """Return the namespace of the operators, or None where the library was not built.

    Raises:
        RefineMaskError: it does not load, was built for another version of the package, or PyTorch
            refuses its operators.
    """
    path = native.library("torch")
    if path is None:
        return None
    library = native.load("torch", path)
    register = library.refinemask_torch_register
    register.restype = ctypes.c_char_p
    reason = register()
    if reason is not None:
        raise RefineMaskError(
            f"PyTorch {torch.__version__} refuses the operators of {path}: "
            f"{reason.decode(errors='replace')}; {native.BUILD}"
        )
    _complete()
    return getattr(torch.ops, _NAMESPACE)


@contextmanager
def compiled_operators() -> Iterator[None]:
    """Let the operators of this package be the compiled ones inside, where there are any."""
    before = _used.set(True)
    try:
        yield
    finally:
        _used.reset(before)


def chosen(features: Tensor) -> Any | None:
    """Return the namespace of the operators if they are to be used, and take these features."""
    if not _used.get() or features.dtype not in _TYPES.get(features.device.type, ()):
        return None
    found = operators()
    if found is None or features.device.type == "cpu":
        return found
    has_cuda = torch._C._dispatch_has_kernel_for_dispatch_key(f"{_NAMESPACE}::batched_nms", "CUDA")
    return found if has_cuda else None


def _complete() -> None:
    """Add what PyTorch has to know of the operators beyond how to compute them."""
    for name, fake in (
        ("batched_nms", _selection),
        ("boundary_refine", _like_fine),
        ("multiscale_roi_align", _pooled),
        ("paste_masks", _canvases),
        ("nonzero_places", _places),
        ("gather_tiles", _tiles),
        ("scatter_tiles", _maps),
        ("conv_at_places", _values),
    ):
        torch.library.register_fake(f"{_NAMESPACE}::{name}", fake)
    torch.library.register_autograd(
        f"{_NAMESPACE}::multiscale_roi_align", _feature_gradients, setup_context=_keep_inputs
    )


def _selection(boxes: Tensor, scores: Tensor, *_: object) -> Tensor:
    count = torch.library.get_ctx().new_dynamic_size(min=0)
    return boxes.new_empty((count, 3), dtype=torch.int64)


def _like_fine(coarse_logits: Tensor, fine_logits: Tensor, *_: object) -> Tensor:
    return torch.empty_like(fine_logits, memory_format=torch.contiguous_format)


def _pooled(rois: Tensor, features: list[Tensor], output_size: int, *_: object) -> Tensor:
    return features[0].new_empty(rois.shape[0], features[0].shape[1], output_size, output_size)


def _canvases(masks: Tensor, boxes: Tensor, size: list[int], *_: object) -> Tensor:
    return masks.new_empty((masks.shape[0], *size), dtype=torch.uint8)


def _places(mask: Tensor) -> Tensor:
    count = torch.library.get_ctx().new_dynamic_size(min=0)
    return mask.new_empty((count, 3), dtype=torch.int64)


def _tiles(maps: Tensor, places: Tensor, height: int, width: int, margin: int) -> Tensor:
    sides = (height + 2 * margin, width + 2 * margin)
    return maps.new_empty(places.shape[0], maps.shape[1], *sides)


def _maps(tiles: Tensor, places: Tensor, like: Tensor) -> Tensor:
    return tiles.new_empty(like.shape[0], tiles.shape[1], *like.shape[2:])


def _values(maps: Tensor, places: Tensor, weight: Tensor, *_: object) -> Tensor:
    return maps.new_empty(places.shape[0], weight.shape[0])


def _keep_inputs(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    rois, features, *ctx.options = inputs
    ctx.shapes = [feature.shape for feature in features]
    ctx.save_for_backward(rois)


def _feature_gradients(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    """Return the gradients of the features; RoIs have none, as in torchvision."""
    (rois,) = ctx.saved_tensors
    size, strides, sampling_ratio, _, aligned, epsilon_after_log = ctx.options
    levels = assign_levels(rois[:, 1:], len(strides), bool(epsilon_after_log))
    gradients = []
    for level, (shape, stride) in enumerate(zip(ctx.shapes, strides, strict=True)):
        inside = levels == level
        of_level = torch.ops.torchvision._roi_align_backward(
            gradient[inside].float(),
            rois[inside],
            1 / stride,
            size,
            size,
            *shape,
            sampling_ratio,
            bool(aligned),
        )
        gradients.append(of_level.to(gradient.dtype))
    return (None, gradients, *[None] * len(ctx.options))
