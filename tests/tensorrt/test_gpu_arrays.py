"""Arrays of GPUs by DLPack and the CUDA array interface; the device is data, so CPUs do here."""

import gc
import weakref
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.dlpack import from_dlpack as from_torch_dlpack

from refinemask.engines.tensorrt.dlpack import CPU, CUDA, described, from_dlpack, to_capsule
from refinemask.engines.tensorrt.gpu_array import GpuArray, borrow, stream_handle
from refinemask.errors import RefineMaskError

NO_STREAM: Any = None
"""For what is refused before a stream is used."""
TYPES = (np.float32, np.float16, np.int64, np.uint8, np.bool_)


class Memory:
    """Memory of an array, which is gone with this object."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def describe(self) -> np.ndarray:
        interface = {
            "data": (self.values.ctypes.data, False),
            "shape": self.values.shape,
            "typestr": self.values.dtype.str,
        }
        return described(interface, self)


@pytest.mark.parametrize("take", [np.from_dlpack, from_torch_dlpack], ids=["numpy", "torch"])
@pytest.mark.parametrize("dtype", TYPES)
def test_another_library_takes_the_memory_as_it_is(take, dtype):
    memory = Memory(np.arange(6).reshape(2, 3).astype(dtype))
    alive, values = weakref.ref(memory), memory.values
    array = GpuArray(memory.describe(), CPU)
    assert (array.shape, array.dtype, array.__dlpack_device__()) == ((2, 3), dtype, CPU)
    taken = take(array)
    values[0, 0] = 1
    assert np.asarray(taken).tolist() == values.tolist()
    del memory, array
    gc.collect()
    assert alive() is not None  # the other library has it
    del taken
    gc.collect()
    assert alive() is None


def test_arrays_without_elements():
    array = GpuArray(Memory(np.empty((0, 28, 28), np.float32)).describe(), CPU)
    assert from_torch_dlpack(array).shape == (0, 28, 28)
    assert array.__cuda_array_interface__["data"] == (0, False)


def test_the_memory_is_freed_where_another_library_fails():
    """Its error is the one that is raised."""
    memory = Memory(np.ones(4, np.float32))
    alive = weakref.ref(memory)
    array = GpuArray(memory.describe(), (12345, 0))
    with pytest.raises((BufferError, RuntimeError), match="device"):
        np.from_dlpack(array)
    del memory, array
    gc.collect()
    assert alive() is None


def test_the_cuda_array_interface():
    memory = Memory(np.zeros((2, 3), np.int64))
    array = GpuArray(memory.describe(), (CUDA, 1), stream=0)
    assert array.__cuda_array_interface__ == {
        "shape": (2, 3),
        "typestr": "<i8",
        "data": (memory.values.ctypes.data, False),
        "strides": None,
        "version": 3,
        "stream": 1,  # the default stream; 0 is not allowed
    }
    assert "0" not in repr(array).partition("memory")[2]  # its values are not read


def test_it_stays_where_it_is():
    array = GpuArray(Memory(np.zeros(3)).describe(), CPU)
    for wanted in ({"copy": True}, {"dl_device": (CUDA, 0)}):
        with pytest.raises(BufferError, match="stays where it is, on the CPU"):
            array.__dlpack__(**wanted)


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8, torch.int64, torch.bool])
def test_tensors_of_torch_are_taken_as_they_are(dtype):
    tensor = torch.arange(6).reshape(2, 3).to(dtype)
    array = from_dlpack(tensor, CPU)
    assert array.ctypes.data == tensor.data_ptr()
    assert array.tolist() == tensor.tolist()
    assert array.flags.c_contiguous
    assert not from_dlpack(tensor.T, CPU).flags.c_contiguous


def test_what_was_taken_is_given_back():
    tensor = torch.arange(6)
    alive = weakref.ref(tensor)
    array = from_dlpack(tensor, CPU)
    del tensor
    gc.collect()
    assert array.tolist() == [0, 1, 2, 3, 4, 5]
    del array
    gc.collect()
    assert alive() is None


def test_the_device_in_a_capsule():
    """It is overwritten for NumPy alone, and must be the one that was said."""
    memory = Memory(np.arange(3))
    producer = SimpleNamespace(
        __dlpack__=lambda stream: to_capsule(memory.describe(), (CUDA, 1)),
    )
    assert from_dlpack(producer, (CUDA, 1), stream=7).ctypes.data == memory.values.ctypes.data
    with pytest.raises(BufferError, match=r"it is on \(2, 0\), and its capsule is on \(2, 1\)"):
        from_dlpack(producer, (CUDA, 0), stream=7)


@pytest.mark.parametrize("given", [np.zeros(3), torch.zeros(3)])
def test_arrays_on_the_host_are_refused(given):
    with pytest.raises(RefineMaskError, match=r"images is on the CPU, .* on the GPU cuda:2; copy"):
        borrow("images", given, 2, NO_STREAM)


def test_types_without_numpy_are_refused():
    tensor = torch.zeros(3, dtype=torch.bfloat16)
    with pytest.raises((BufferError, RuntimeError), match="dtype"):
        from_dlpack(tensor, CPU)
    with pytest.raises(RefineMaskError, match=r"images must be an array on the GPU.*got 'list'"):
        borrow("images", [1, 2], 0, NO_STREAM)


def test_streams_of_every_library():
    assert stream_handle(0) == 0
    assert stream_handle(SimpleNamespace(handle=5)) == 5  # PyCUDA
    assert stream_handle(SimpleNamespace(__cuda_stream__=lambda: (0, 6))) == 6  # PyTorch
    with pytest.raises(RefineMaskError, match=r"stream must be a CUDA stream.*got 'str'"):
        stream_handle("main")
