"""Arrays on a GPU: those that engines return, and those of other libraries that they take."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinemask.engines.tensorrt.dlpack import (
    CUDA,
    Device,
    described,
    device_name,
    from_dlpack,
    to_capsule,
)
from refinemask.engines.tensorrt.gpu import check, cuda_runtime, on_gpu
from refinemask.engines.tensorrt.memory import Event, Stream
from refinemask.errors import RefineMaskError
from refinemask.printable import last_line, shown

_LEGACY = 1
"""What DLPack and the CUDA array interface call the default stream, whose handle is 0."""


@dataclass(frozen=True, eq=False)
class GpuArray:
    """An array that an engine returned, contiguous, which other libraries take as it is.

    Its memory is freed when nothing refers to it any more: neither this object nor an array that
    another library has made of it.

    Attributes:
        memory: describes it; its values are not to be read, as they are not on the host.
        device: where it is, in the numbers of DLPack.
        stream: the stream that it is ready on; None if it is ready everywhere.
        ready: since when; None if it is.
    """

    memory: NDArray[Any] = field(repr=False)
    device: Device
    stream: int | None = None
    ready: Event | None = field(default=None, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension."""
        return self.memory.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        return self.memory.dtype

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """Describe it as version 3 of the CUDA array interface does."""
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self.memory.ctypes.data if self.memory.size else 0, False),
            "strides": None,
            "version": 3,
            "stream": None if self.stream is None else self.stream or _LEGACY,
        }

    def __dlpack_device__(self) -> Device:
        return self.device

    def __dlpack__(
        self,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: Device | None = None,
        copy: bool | None = None,
    ) -> Any:
        """Return a DLPack capsule; `stream` waits until the array is ready, unless it is -1."""
        if copy or dl_device not in (None, self.device):
            raise BufferError(f"the array stays where it is, on {device_name(self.device)}")
        if self.ready is not None and stream != -1:
            with on_gpu(self.device[1]):
                Stream(_LEGACY if stream is None else stream).wait_for(self.ready)
        return to_capsule(self.memory, self.device)


def borrow(name: str, given: Any, index: int, stream: Stream) -> NDArray[Any]:
    """Return an array of another library as one that is not to be read.

    Args:
        name: what errors call it.
        given: has `__dlpack__` or `__cuda_array_interface__`. The first is preferred, because with
            it every library says on which of its streams the array becomes ready.
        index: number of the GPU that it must be on.
        stream: what comes next on it waits until the array is ready.

    Raises:
        RefineMaskError: it has neither, is on another device, or is not contiguous.
    """
    try:
        if hasattr(given, "__dlpack__"):
            array = _from_dlpack(name, given, index, stream)
        elif hasattr(given, "__cuda_array_interface__"):
            array = _from_interface(name, given, index, stream)
        else:
            raise RefineMaskError(
                f"{name} must be an array on the GPU cuda:{index}, with __dlpack__ or "
                f"__cuda_array_interface__, got {shown(type(given).__name__)}; copy it there first"
            )
    except RefineMaskError:
        raise
    except Exception as error:  # whatever the other library raises
        raise RefineMaskError(
            f"{name} cannot be taken from the other library: {last_line(error)}; give a plain, "
            "contiguous array of the type that run takes"
        ) from error
    if not array.flags.c_contiguous:
        raise RefineMaskError(
            f"{name} must be contiguous, got strides of {array.strides} bytes for the shape "
            f"{array.shape}; make a contiguous copy"
        )
    return array


def stream_handle(stream: Any) -> int:
    """Return the handle of a CUDA stream of any library.

    Raises:
        RefineMaskError: it is none.
    """
    if isinstance(stream, int):
        return stream
    if hasattr(stream, "__cuda_stream__"):
        _, handle = stream.__cuda_stream__()
        return int(handle)
    if hasattr(stream, "handle"):
        return int(stream.handle)
    raise RefineMaskError(
        "stream must be a CUDA stream, with __cuda_stream__ or handle, or its handle as a number, "
        f"got {shown(type(stream).__name__)}"
    )


def _from_dlpack(name: str, given: Any, index: int, stream: Stream) -> NDArray[Any]:
    kind, number = given.__dlpack_device__()
    device = int(kind), int(number)
    if device != (CUDA, index):
        raise _elsewhere(name, device_name(device), index)
    return from_dlpack(given, device, stream.handle or _LEGACY)


def _from_interface(name: str, given: Any, index: int, stream: Stream) -> NDArray[Any]:
    interface = given.__cuda_array_interface__
    if interface.get("mask") is not None:
        raise RefineMaskError(f"{name} has a mask; give an array without one")
    if interface.get("stream") is not None:
        stream.wait_for(Stream(interface["stream"]).record())
    array = described(interface, given)
    if array.size:
        _check_pointer(name, array.ctypes.data, index)
    return array


def _check_pointer(name: str, address: int, index: int) -> None:
    """Raise RefineMaskError unless an address is on a GPU, or in memory that moves between all."""
    cuda = cuda_runtime()
    found = check(cuda.cudaPointerGetAttributes(address), f"the memory of {name}")
    kinds = cuda.cudaMemoryType
    if found.type not in (kinds.cudaMemoryTypeDevice, kinds.cudaMemoryTypeManaged):
        raise _elsewhere(name, "the host", index)
    if found.device != index:
        raise _elsewhere(name, device_name((CUDA, found.device)), index)


def _elsewhere(name: str, place: str, index: int) -> RefineMaskError:
    return RefineMaskError(
        f"{name} is on {place}, and the engine runs on the GPU cuda:{index}; copy it there first, "
        "or use run, which takes NumPy arrays"
    )
