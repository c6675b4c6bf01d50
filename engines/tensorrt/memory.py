"""Memory and streams of a GPU, and memory of the host that the GPU reads and writes fast."""

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
        """Free the memory; on the GPU, CUDA waits for what still uses it."""
        if self.address:
            (self._cuda.cudaFreeHost if self._pinned else self._cuda.cudaFree)(self.address)
        self.address = self.size = 0

    def __del__(self) -> None:
        self.free()


class Event:
    """A point on a stream, which other streams can wait for."""

    def __init__(self, stream: "Stream") -> None:
        self._cuda = cuda_runtime()
        flags = self._cuda.cudaEventDisableTiming
        created = self._cuda.cudaEventCreateWithFlags(flags)
        self.handle = int(check(created, "a CUDA event"))
        check(self._cuda.cudaEventRecord(self.handle, stream.handle), "a CUDA event on a stream")

    def __del__(self) -> None:
        if hasattr(self, "handle"):
            self._cuda.cudaEventDestroy(self.handle)


class Stream:
    """A CUDA stream."""

    def __init__(self, handle: int | None = None, apart: bool = False) -> None:
        """Make a stream.

        Args:
            handle: of one that exists, which is another's to destroy; None for a new one.
            apart: whether the default stream and a new one do not wait for each other.
        """
        self._cuda = cuda = cuda_runtime()
        self._own = handle is None
        if handle is None:
            flags = cuda.cudaStreamNonBlocking if apart else cuda.cudaStreamDefault
            handle = int(check(cuda.cudaStreamCreateWithFlags(flags), "a CUDA stream"))
        self.handle = handle

    def copy(self, target: int, source: int, size: int) -> None:
        """Copy bytes between two addresses, in order with what is on the stream.

        What comes from the host and is not pinned may change as soon as this returns.
        """
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyDefault
        result = self._cuda.cudaMemcpyAsync(target, source, size, kind, self.handle)
        check(result, f"copying {size} bytes")

    def record(self) -> Event:
        """Return the point that what is on the stream now reaches when it is done."""
        return Event(self)

    def wait_for(self, event: Event) -> None:
        """Let what comes next on the stream wait for an event of another."""
        check(self._cuda.cudaStreamWaitEvent(self.handle, event.handle, 0), "waiting for a stream")

    def wait(self) -> None:
        """Wait until everything on the stream is done.

        Raises:
            RefineMaskError: something on it failed.
        """
        check(self._cuda.cudaStreamSynchronize(self.handle), "running the engine")

    def __del__(self) -> None:
        if self._own and hasattr(self, "handle"):
            self._cuda.cudaStreamDestroy(self.handle)
