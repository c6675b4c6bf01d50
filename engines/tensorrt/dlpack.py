"""DLPack capsules of memory that NumPy only describes, such as that of a GPU.

NumPy makes and takes the capsules: its C code owns, counts and frees, in whatever thread the last
reference ends. All that it lacks is other devices than the CPU. So memory of any device is
described by a NumPy array, whose values are never read, and the device in a capsule is overwritten.
"""

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Device = tuple[int, int]
"""A kind of device, as dlpack.h numbers them, and which one of its kind."""
CPU: Device = (1, 0)
CUDA = 2
"""The kind of NVIDIA's GPUs."""
_NAMES = {1: "the CPU", CUDA: "the GPU cuda:{}"}


def described(interface: Mapping[str, Any], owner: object) -> NDArray[Any]:
    """Return memory as an array that is not to be read.

    Args:
        interface: `data`, `shape`, `typestr` and perhaps `strides`, as `__array_interface__` and
            `__cuda_array_interface__` have them.
        owner: what the memory belongs to; it lives as long as the array.
    """
    return np.asarray(_Described(interface, owner))


def to_capsule(array: NDArray[Any], device: Device) -> Any:
    """Return a DLPack capsule of an array whose memory is on a device."""
    capsule = array.__dlpack__()
    _tensor(capsule).device = device
    return capsule


def from_dlpack(producer: Any, device: Device, stream: int | None = None) -> NDArray[Any]:
    """Return the array of another library, which is on a device, as an array not to be read.

    Args:
        producer: has `__dlpack__`.
        device: where it says that it is.
        stream: the stream that the memory is to be ready on; None on a CPU, which has none.

    Raises:
        BufferError, RuntimeError: its elements are of a type that NumPy lacks, or it is elsewhere.
    """
    capsule = producer.__dlpack__() if stream is None else producer.__dlpack__(stream=stream)
    tensor = _tensor(capsule)
    own = tensor.device
    if own != device:
        raise BufferError(f"it says that it is on {device}, and its capsule is on {own}")
    tensor.device = CPU
    try:
        return np.from_dlpack(_Capsule(capsule))
    finally:
        tensor.device = own  # for the code that frees it


def device_name(device: Device) -> str:
    """Return what a device is called in an error."""
    kind, index = device
    return _NAMES.get(kind, f"a device of the kind {kind}").format(index)


class _Described:
    def __init__(self, interface: Mapping[str, Any], owner: object) -> None:
        names = ("data", "shape", "typestr", "strides")
        self.__array_interface__ = {name: interface.get(name) for name in names} | {"version": 3}
        self._owner = owner


class _Capsule:
    """A capsule, as `np.from_dlpack` takes it."""

    def __init__(self, capsule: Any) -> None:
        self._capsule = capsule

    def __dlpack__(self, **_: Any) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> Device:
        return CPU


class _Tensor(ctypes.Structure):
    """The first fields of `DLManagedTensor` in dlpack.h."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
    )

    @property
    def device(self) -> Device:
        return self.device_type, self.device_id

    @device.setter
    def device(self, device: Device) -> None:
        self.device_type, self.device_id = device


_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


def _tensor(capsule: Any) -> _Tensor:
    """Return the tensor of a capsule that nobody has taken yet.

    Raises:
        ValueError: it is another capsule, or was taken.
    """
    return _Tensor.from_address(_pointer(capsule, b"dltensor"))
