"""The compiled libraries of `plugins/`: where they are, and calls into our own (NumPy only).

A library is looked for in `refinemask/lib`, where setup.py puts it, and those with CUDA kernels in
the package refinemask-plugins-cu13 too; or only in the folder that the environment variable
REFINEMASK_LIBRARY_DIR names. Everything works without `runtime`, more slowly; the others are what
runs fused artifacts.
"""

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from refinemask.errors import RefineMaskError
from refinemask.version import __version__

Kind = Literal["runtime", "ort", "ort_cuda", "openvino", "torch", "trt", "trt_auto", "deepstream"]
"""C functions, which `processing` calls; operators of ONNX Runtime's CPU provider, of its CUDA
provider, of OpenVINO and of PyTorch, of which the last two must be imported before; plugins of
TensorRT, and the same for programs that only load libraries; what NVIDIA DeepStream calls."""

STEMS: dict[Kind, str] = {
    "runtime": "refinemask",
    "ort": "refinemask_ort",
    "ort_cuda": "refinemask_ort_cuda",
    "openvino": "refinemask_openvino",
    "torch": "refinemask_torch",
    "trt": "refinemask_trt",
    "trt_auto": "refinemask_trt_auto",
    "deepstream": "refinemask_deepstream",
}
"""What the names of a library and of its version function begin with, after "lib"."""

PLUGINS: dict[Kind, str] = dict.fromkeys(("ort_cuda", "trt", "trt_auto"), "refinemask-plugins-cu13")
"""The package that has a library where this one is installed from its wheel."""

BUILD_COMMAND = "REFINEMASK_NATIVE=1 pip install --no-build-isolation -e ."
BUILD = (
    f"build it in a checkout with: {BUILD_COMMAND} "
    "(or: cmake -S plugins --preset release && cmake --build build/release)"
)


def folder() -> Path:
    """Return the folder in which libraries are looked for."""
    named = os.environ.get("REFINEMASK_LIBRARY_DIR")
    return Path(named) if named else Path(__file__).resolve().parents[1] / "lib"


def library(kind: Kind) -> Path | None:
    """Return the path of a library, or None where it is neither built nor installed."""
    path = folder() / f"lib{STEMS[kind]}.so"
    if not path.is_file() and kind in PLUGINS and "REFINEMASK_LIBRARY_DIR" not in os.environ:
        path = _installed(kind)[0] or path
    return path if path.is_file() else None


def _installed(kind: Kind) -> tuple[Path | None, str | None]:
    """Return the path that a library has in its package of `PLUGINS`, and the package's version."""
    from importlib.metadata import PackageNotFoundError, distribution  # slow, and rarely needed

    try:
        package = distribution(PLUGINS[kind])
    except PackageNotFoundError:
        return None, None
    module = PLUGINS[kind].replace("-", "_")
    return Path(str(package.locate_file(f"{module}/lib/lib{STEMS[kind]}.so"))), package.version


def require(kind: Kind, purpose: str) -> Path:
    """Return the path of a library that was built for this version of the package.

    Raises:
        RefineMaskError: it is missing, does not load, or was built for another version. The error
            starts with `purpose`, what the library is needed for.
    """
    path = find(kind, purpose)
    load(kind, path)
    return path


def find(kind: Kind, purpose: str) -> Path:
    """Return the path of a library without loading it, for a host that must do that itself.

    Raises:
        RefineMaskError: it is missing, as `require` says it, or in a package of another version.
    """
    path = library(kind)
    if path is None:
        raise RefineMaskError(
            f"{purpose} needs lib{STEMS[kind]}.so, which is missing; {_remedy(kind)}"
        )
    if path.parent != folder():
        _check_version(kind, path, _installed(kind)[1])
    return path


def _check_version(kind: Kind, path: Path, built_for: str | None) -> None:
    if built_for != __version__:
        raise RefineMaskError(
            f"{path} was built for refinemask {built_for}, and this is {__version__}; "
            f"{_remedy(kind)}"
        )


def _remedy(kind: Kind) -> str:
    package = PLUGINS.get(kind)
    return f"install {package}=={__version__}, or {BUILD}" if package else BUILD


@dataclass(frozen=True)
class Kernels:
    """The functions of librefinemask.so, on NumPy arrays."""

    library: ctypes.CDLL

    def paste_masks(
        self, probs: NDArray[np.float32], boxes: NDArray[np.float32], height: int, width: int
    ) -> NDArray[np.bool_]:
        """Paste masks (N, M, M) from their boxes (N, 4) into images: bool (N, H, W)."""
        probs, boxes = _float32(probs), _float32(boxes)
        _check_shapes(probs, boxes)
        bitmaps = np.empty((len(probs), height, width), bool)
        if bitmaps.size and self.library.refinemask_paste_masks(
            probs.ctypes.data,
            boxes.ctypes.data,
            len(probs),
            probs.shape[-1],
            height,
            width,
            THRESHOLD,
            bitmaps.ctypes.data,
        ):
            raise _refused(probs.shape, height, width)
        return bitmaps

    def paste_rle(
        self, probs: NDArray[np.float32], box: NDArray[np.float32], height: int, width: int
    ) -> str:
        """Return the `counts` of a pasted mask (M, M), as `pasting.paste_rle` does."""
        probs, box = _float32(probs), _float32(box)
        _check_shapes(probs[None], box[None])
        arguments = probs.ctypes.data, probs.shape[-1], box.ctypes.data, height, width, THRESHOLD
        counts = _read_text(self.library.refinemask_paste_rle, *arguments)
        if counts is None:
            raise _refused(probs.shape, height, width)
        return counts

    def encode_rle(self, mask: NDArray[np.bool_]) -> str:
        """Return the `counts` of a mask (H, W), as `rle.encode_rle` does."""
        mask = np.ascontiguousarray(mask, bool)
        counts = _read_text(self.library.refinemask_encode_rle, mask.ctypes.data, *mask.shape)
        if counts is None:
            raise RefineMaskError(
                f"cannot encode a mask of shape {mask.shape}: memory ran out, or a side is longer "
                "than 16,777,216"
            )
        return counts

    def resize(self, image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
        """Resize an image, uint8 (H, W, 3) or (H, W), as `processing.resize` does."""
        pixels = _with_whole_rows(image)
        resized = np.empty((height, width, *image.shape[2:]), np.uint8)
        if self.library.refinemask_resize(*_view(pixels), *_view(resized)):
            raise RefineMaskError(
                f"cannot resize an image of shape {image.shape} to {height} x {width} pixels: "
                "memory ran out, or a side is not 1 to 16,777,216 pixels long"
            )
        return resized

    def prepare(
        self,
        image: NDArray[np.uint8],
        padded: tuple[int, int],
        short_side: int,
        long_side: int,
        divisor: int,
        canvas: tuple[int | None, int | None],
    ) -> NDArray[np.uint8]:
        """Resize and pad an image, uint8 (H, W, 3), as `processing.prepare` does.

        `padded` is the (height, width) that follows from the other arguments.
        """
        pixels = _with_whole_rows(image)
        prepared = np.empty((*padded, 3), np.uint8)
        sides = short_side, long_side, divisor, canvas[0] or 0, canvas[1] or 0
        if self.library.refinemask_prepare(*_view(pixels), *sides, *_view(prepared)):
            raise RefineMaskError(
                f"cannot resize an image of shape {image.shape} to {short_side} and {long_side} "
                f"pixels and pad it to {padded[0]} x {padded[1]}: memory ran out, or a side is "
                "not 1 to 16,777,216 pixels long"
            )
        return prepared


THRESHOLD = 0.5
"""Pixels of at least this probability belong to the object (numerics 9)."""

_FIRST_LENGTH = 1 << 14
"""Room for the run lengths of an ordinary mask; those of a larger one are asked for again."""


def kernels() -> Kernels | None:
    """Return the compiled kernels, or None where librefinemask.so was not built.

    Raises:
        RefineMaskError: the library does not load or was built for another version.
    """
    path = library("runtime")
    return None if path is None else Kernels(load("runtime", path))


@lru_cache
def load(kind: Kind, path: Path) -> ctypes.CDLL:
    """Load a library and return its functions.

    Raises:
        RefineMaskError: it does not load, or was built for another version of the package.
    """
    try:
        opened = ctypes.CDLL(str(path))
        built_for = opened[f"{STEMS[kind]}_version"]
        built_for.restype = ctypes.c_char_p
        if kind == "runtime":
            _declare(opened)
    except (OSError, AttributeError) as error:
        raise RefineMaskError(f"cannot load {path}: {error}; {_remedy(kind)}") from error
    _check_version(kind, path, built_for().decode("utf-8"))
    return opened


def _declare(opened: ctypes.CDLL) -> None:
    pointer, size, number = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32
    threshold = ctypes.c_float
    view = (pointer, size, size, size, number)
    text = (pointer, size)
    functions: dict[str, tuple[Any, list[Any]]] = {
        "paste_masks": (number, [pointer, pointer, size, number, size, size, threshold, pointer]),
        "paste_rle": (size, [pointer, number, pointer, size, size, threshold, *text]),
        "encode_rle": (size, [pointer, size, size, *text]),
        "resize": (number, [*view, *view]),
        "prepare": (number, [*view, *[size] * 5, *view]),
    }
    for name, (result, arguments) in functions.items():
        function = getattr(opened, f"refinemask_{name}")
        function.restype, function.argtypes = result, arguments


def _read_text(function: Callable[..., int], *arguments: Any) -> str | None:
    """Return the text that a C function writes, or None where it refuses its arguments."""
    capacity = _FIRST_LENGTH
    while True:
        text = ctypes.create_string_buffer(capacity)
        length = function(*arguments, text, capacity)
        if length < 0:
            return None
        if length <= capacity:
            return text.raw[:length].decode("ascii")
        capacity = length


def _float32(array: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(array, np.float32)


def _check_shapes(masks: NDArray[np.float32], boxes: NDArray[np.float32]) -> None:
    square = masks.ndim == 3 and masks.shape[1] == masks.shape[2] > 0
    if not square or boxes.shape != (len(masks), 4):
        raise RefineMaskError(
            f"masks must be of shape (N, M, M) and boxes (N, 4), got {masks.shape} and "
            f"{boxes.shape}"
        )


_RGB, _GREY = 0, 4
"""Values of PixelFormat in `plugins/image/image.h`."""


def _view(image: NDArray[np.uint8]) -> tuple[int, int, int, int, int]:
    """Return data, width, height, stride and format of an image, as C functions take it."""
    height, width = image.shape[:2]
    return image.ctypes.data, width, height, image.strides[0], _RGB if image.ndim == 3 else _GREY


def _with_whole_rows(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image, or a copy, whose rows are without gaps and follow each other.

    Raises:
        RefineMaskError: it is not a uint8 array of shape (H, W, 3) or (H, W).
    """
    if image.dtype != np.uint8 or image.ndim < 2 or image.shape[2:] not in ((), (3,)):
        raise RefineMaskError(
            "an image must be a uint8 array of shape (height, width, 3) or (height, width), "
            f"got {image.dtype} {image.shape}"
        )
    row = image[:1]
    if row.flags.c_contiguous and image.strides[0] >= row.nbytes:
        return image
    return image.copy()


def _refused(masks: tuple[int, ...], height: int, width: int) -> RefineMaskError:
    return RefineMaskError(
        f"cannot paste masks of shape {masks} into images of {height} x {width} pixels: memory ran "
        "out, or a side is longer than 16,777,216 (a mask's: 4,096); use smaller images"
    )
