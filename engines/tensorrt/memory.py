"""Memory of a GPU, and of the host where the GPU reads and writes it fast; freed by itself."""

import ctypes
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinemask.engines.tensorrt.gpu import check, cuda_runtime

ALIGNMENT = 256
"""Bytes; what TensorRT asks for, and CUDA gives."""


class Buffer:
    """Memory that grows and is kept for the next run, on the GPU or pinned on the host."""

    def __init__(self, pinned: bool = False) -> None:
        self._cuda = cuda_runtime()
        self._pinned = pinned
        self.address = 0
        self.size = 0

    def reserve(self, size: int) -> int:
        """Return the address of at least `size` bytes, of which the content is lost if it grows.

        Raises:
            RefineMaskError: memory runs out.
        """
        size = max(size, ALIGNMENT)  # TensorRT wants an address for empty tensors too
        if size > self.size:
            self.free()
            place = "host" if self._pinned else "GPU"
            allocate = self._cuda.cudaMallocHost if self._pinned else self._cuda.cudaMalloc
            self.address = int(check(allocate(size), f"{size} bytes of memory of the {place}"))
            self.size = size
        return self.address

    def view(self, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
        """Return pinned memory as an array, valid until the buffer grows or is freed."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        self.reserve(size)
        raw = (ctypes.c_uint8 * size).from_address(self.address)
        return np.ctypeslib.as_array(raw).view(dtype).reshape(shape)

    def free(self) -> None:
        """Free the memory."""
        if self.address:
            (self._cuda.cudaFreeHost if self._pinned else self._cuda.cudaFree)(self.address)
        self.address = self.size = 0

    def __del__(self) -> None:
        self.free()


class Stream:
    """A CUDA stream."""

    def __init__(self) -> None:
        self._cuda = cuda_runtime()
        self.handle = int(check(self._cuda.cudaStreamCreate(), "a CUDA stream"))

    def copy(self, target: int, source: int, size: int) -> None:
        """Copy bytes between two addresses, in order with what is on the stream."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyDefault
        result = self._cuda.cudaMemcpyAsync(target, source, size, kind, self.handle)
        check(result, f"copying {size} bytes")

    def wait(self) -> None:
        """Wait until everything on the stream is done.

        Raises:
            RefineMaskError: something on it failed.
        """
        check(self._cuda.cudaStreamSynchronize(self.handle), "running the engine")

    def __del__(self) -> None:
        self._cuda.cudaStreamDestroy(self.handle)
