"""CUDA without a GPU: its memory is that of the host, and its streams run as late as they may.

Work on a stream runs when somebody waits for it, so that code which does not wait where it must
reads what is not there yet. It has the functions of `cuda.bindings` that engines call, with their
arguments and results; what a real driver does besides, only a GPU shows.
"""

import ctypes
from collections.abc import Callable
from enum import IntEnum
from itertools import count
from types import SimpleNamespace
from typing import Any

import numpy as np

Work = Callable[[], None]


class Status(IntEnum):
    """Errors of CUDA, of those that are simulated."""

    cudaSuccess = 0
    cudaErrorInvalidValue = 1
    cudaErrorStreamCaptureUnsupported = 900
    cudaErrorStreamCaptureInvalidated = 901


class SimulatedCuda:
    """One GPU, of the number 0, and its runtime API."""

    cudaEventDisableTiming = 2
    cudaStreamDefault, cudaStreamNonBlocking = 0, 1
    cudaMemcpyKind = SimpleNamespace(cudaMemcpyDefault=4)
    cudaMemoryType = SimpleNamespace(cudaMemoryTypeDevice=2, cudaMemoryTypeManaged=3)
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal=1)

    def __init__(self) -> None:
        self._handles = count(1000)
        self._memory: dict[int, Any] = {}
        self._streams: dict[int, list[Work]] = {0: [], 1: []}
        self._done: dict[int, int] = {}
        self._events: dict[int, Work] = {}
        self._captures: dict[int, list[Work]] = {}
        self._graphs: dict[int, list[Work]] = {}

    # What tests ask for.

    @property
    def graphs(self) -> int:
        """The number of graphs that are not destroyed."""
        return len(self._graphs)

    def array(self, values: np.ndarray) -> tuple[int, np.ndarray]:
        """Return the address of values on the GPU, and the memory there."""
        _, address = self.cudaMalloc(max(values.nbytes, 1))
        memory = self.read(address, values.dtype, values.shape)
        memory[...] = values
        return address, memory

    def read(self, address: int, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
        """Return memory of the GPU as it is now."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        raw = (ctypes.c_uint8 * size).from_address(address)
        return np.frombuffer(raw, np.uint8).view(dtype).reshape(shape)

    def holds(self, address: int) -> bool:
        """Return whether memory was allocated there and is not freed."""
        return address in self._memory

    def stream(self) -> int:
        """Return the handle of a new stream."""
        _, handle = self.cudaStreamCreateWithFlags(self.cudaStreamNonBlocking)
        return int(handle)

    def enqueue(self, stream: int, work: Work) -> None:
        """Put work on a stream."""
        self._captures.get(stream, self._streams[stream]).append(work)

    def drain(self, stream: int, until: int | None = None) -> None:
        """Run the first works of a stream, or all."""
        works = self._streams[stream]
        end = len(works) if until is None else until
        while self._done.get(stream, 0) < end:
            index = self._done.get(stream, 0)
            self._done[stream] = index + 1
            works[index]()

    # The runtime API.

    def cudaGetDeviceProperties(self, index: int) -> tuple[Any, ...]:
        if index:
            return Status.cudaErrorInvalidValue, None
        return 0, SimpleNamespace(name=b"Simulated", major=8, minor=9)

    def cudaSetDevice(self, index: int) -> tuple[Any, ...]:
        return (Status.cudaErrorInvalidValue if index else 0,)

    def cudaGetErrorString(self, status: Any) -> tuple[Any, ...]:
        return 0, b"simulated error"

    def cudaDriverGetVersion(self) -> tuple[Any, ...]:
        return 0, 13000

    def cudaMalloc(self, size: int) -> tuple[Any, ...]:
        if self._captures:
            return Status.cudaErrorStreamCaptureUnsupported, None
        raw = (ctypes.c_uint8 * (size + 256))()
        address = -(-ctypes.addressof(raw) // 256) * 256
        self._memory[address] = raw
        return 0, address

    cudaMallocHost = cudaMalloc

    def cudaFree(self, address: int) -> tuple[Any, ...]:
        for stream in self._streams:
            self.drain(stream)
        del self._memory[address]
        return (0,)

    cudaFreeHost = cudaFree

    def cudaPointerGetAttributes(self, address: int) -> tuple[Any, ...]:
        known = any(
            start <= address < start + len(raw) - 256 for start, raw in self._memory.items()
        )
        return 0, SimpleNamespace(type=2 if known else 0, device=0)

    def cudaStreamCreateWithFlags(self, flags: int) -> tuple[Any, ...]:
        handle = next(self._handles)
        self._streams[handle] = []
        return 0, handle

    def cudaStreamDestroy(self, stream: int) -> tuple[Any, ...]:
        return (0,)

    def cudaStreamSynchronize(self, stream: int) -> tuple[Any, ...]:
        if stream in self._captures:
            return (Status.cudaErrorStreamCaptureUnsupported,)
        self.drain(stream)
        return (0,)

    def cudaEventCreateWithFlags(self, flags: int) -> tuple[Any, ...]:
        return 0, next(self._handles)

    def cudaEventRecord(self, event: int, stream: int) -> tuple[Any, ...]:
        until = len(self._streams[stream])
        self._events[event] = lambda: self.drain(stream, until)
        return (0,)

    def cudaEventDestroy(self, event: int) -> tuple[Any, ...]:
        return (0,)

    def cudaStreamWaitEvent(self, stream: int, event: int, flags: int) -> tuple[Any, ...]:
        self.enqueue(stream, self._events[event])
        return (0,)

    def cudaMemcpyAsync(
        self, target: int, source: int, size: int, kind: int, stream: int
    ) -> tuple[Any, ...]:
        if self._placed(source):
            self.enqueue(stream, lambda: void(ctypes.memmove(target, source, size)))
        else:  # of the host and not pinned, which CUDA copies aside at once
            staged = ctypes.string_at(source, size)
            self.enqueue(stream, lambda: void(ctypes.memmove(target, staged, size)))
        return (0,)

    def _placed(self, address: int) -> bool:
        return any(start <= address < start + len(raw) for start, raw in self._memory.items())

    def cudaStreamBeginCapture(self, stream: int, mode: int) -> tuple[Any, ...]:
        self._captures[stream] = []
        return (0,)

    def cudaStreamEndCapture(self, stream: int) -> tuple[Any, ...]:
        graph = next(self._handles)
        self._graphs[graph] = self._captures.pop(stream)
        return 0, graph

    def cudaGraphInstantiate(self, graph: int, flags: int) -> tuple[Any, ...]:
        instance = next(self._handles)
        self._graphs[instance] = list(self._graphs[graph])
        return 0, instance

    def cudaGraphLaunch(self, instance: int, stream: int) -> tuple[Any, ...]:
        for work in self._graphs[instance]:
            self.enqueue(stream, work)
        return (0,)

    def cudaGraphDestroy(self, graph: int) -> tuple[Any, ...]:
        del self._graphs[graph]
        return (0,)

    cudaGraphExecDestroy = cudaGraphDestroy


class SimulatedDriver:
    """The functions of the driver API that engines call."""

    def __init__(self) -> None:
        self.current: Any = "of another library"

    def cuCtxGetCurrent(self) -> tuple[Any, ...]:
        current, self.current = self.current, None
        return 0, current

    def cuCtxSetCurrent(self, context: Any) -> tuple[Any, ...]:
        self.current = context
        return (0,)


def void(_: object) -> None:
    """Return nothing."""
