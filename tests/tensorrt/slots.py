"""Record which entries of TensorRT's tables its Python bindings call.

    python -m tests.tensorrt.slots tensorrt_rtx_bindings

prints the entries by the names of plugins/runtime/tensorrt_slots.h. The bindings are compiled with
the headers of their release, so what they call is what the library of that release has. They are
given objects of our own, on a machine without a GPU; those of TensorRT need libraries of the names
libnvinfer.so, libnvinfer_plugin.so and libnvonnxparser.so, which may be empty stand-ins.
"""

import ctypes
import importlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any

TABLE_SIZE = 128
_VALUE = 16
"""Offset in an object of pybind11 of the pointer to its C++ object."""
_THUNK = ctypes.CFUNCTYPE(*[ctypes.c_void_p] * 6)


class Recorder:
    """C++ objects whose entries record that they are called."""

    def __init__(self, trt: Any) -> None:
        self._trt = trt
        self._keep: list[Any] = []
        self._called: list[int] = []
        self._returned = 0
        logger = trt.Logger()
        self._type_info = self._unknown_type(_pointer(_pointer(_value(logger)) - 8))

    def new(self, cls: Any) -> Any:
        """Return a Python object of a class, around a C++ object that records."""
        made = cls.__new__(cls)
        ctypes.c_void_p.from_address(id(made) + _VALUE).value = self.shell()
        made_forever = ctypes.c_size_t.from_address(id(made))
        made_forever.value += 1
        return made

    def shell(self) -> int:
        """Return the address of an object, with the pointer to its implementation behind it."""
        return self._words(self._table(-1000), self._words(self._table(0)))

    def entry(self, call: Callable[[], object], returned: int = 0) -> int:
        """Return the last entry of an implementation that a call of Python reaches."""
        self._called.clear()
        self._returned = returned
        self._keep.append(call())
        return self._called[-1]

    def _table(self, first: int) -> int:
        """Return the address of a table, whose entries are recorded as numbers from `first` on."""
        thunks = [_THUNK(self._thunk(first + index)) for index in range(TABLE_SIZE)]
        self._keep.append(thunks)
        entries = [ctypes.cast(thunk, ctypes.c_void_p).value or 0 for thunk in thunks]
        return self._words(0, self._type_info, *entries) + 16

    def _thunk(self, number: int) -> Callable[..., int]:
        def thunk(*_: int) -> int:
            self._called.append(number)
            return self._returned

        return thunk

    def _words(self, *words: int) -> int:
        array = (ctypes.c_void_p * len(words))(*words)
        self._keep.append(array)
        return ctypes.addressof(array)

    def _unknown_type(self, known: int) -> int:
        """Return a std::type_info that pybind11 has never seen, like one that it has."""
        name = ctypes.create_string_buffer(b"RecordingObject")
        self._keep.append(name)
        return self._words(_pointer(known), ctypes.addressof(name), 0, 0)


def recorded(trt: Any) -> dict[str, int]:
    """Return the entries that the bindings call, by name; -1 for what a release does not have."""
    recorder = Recorder(trt)
    new, entry, shell = recorder.new, recorder.entry, recorder.shell()
    runtime, engine = new(trt.Runtime), new(trt.ICudaEngine)
    context, config = new(trt.IExecutionContext), new(trt.IRuntimeConfig)
    memory, registry = new(trt.IHostMemory), new(trt.IPluginRegistry)
    allocator = _allocator(trt, [])
    text = ctypes.create_string_buffer(b"x")
    entries = {
        "runtimeDeserialize": entry(lambda: runtime.deserialize_cuda_engine(b"x"), shell),
        "engineCreateContext": entry(engine.create_execution_context, shell),
        "engineTensorType": entry(lambda: engine.get_tensor_dtype("x")),
        "engineTensorLocation": entry(lambda: engine.get_tensor_location("x")),
        "engineTensorMode": entry(lambda: engine.get_tensor_mode("x")),
        "engineTensorCount": entry(lambda: engine.num_io_tensors),
        "engineTensorName": entry(lambda: engine.get_tensor_name(0), ctypes.addressof(text)),
        "engineCreateConfiguredContext": entry(
            lambda: engine.create_execution_context(config), shell
        ),
        "engineCreateConfig": entry(engine.create_runtime_config, shell),
        "contextSetInputShape": entry(lambda: context.set_input_shape("x", (1, 2))),
        "contextSetAddress": entry(lambda: context.set_tensor_address("x", 256)),
        "contextSetAllocator": entry(lambda: context.set_output_allocator("x", allocator)),
        "contextEnqueue": entry(lambda: context.execute_async_v3(1)),
        "configCreateCache": -1,
        "configSetCache": -1,
        "cacheSerialize": -1,
        "cacheDeserialize": -1,
        "memoryData": entry(lambda: memoryview(memory)),
        "memorySize": entry(lambda: memory.nbytes),
        "registryLoad": entry(lambda: registry.load_library("x")) + 1000,
        "registryFind": entry(lambda: registry.get_creator("x", "1", "y")) + 1000,
    }
    if hasattr(trt, "IRuntimeCache"):
        cache = new(trt.IRuntimeCache)
        entries |= {
            "configCreateCache": entry(config.create_runtime_cache, shell),
            "configSetCache": entry(lambda: config.set_runtime_cache(cache)),
            "cacheSerialize": entry(cache.serialize, shell),
            "cacheDeserialize": entry(lambda: cache.deserialize(b"abc")),
        }
    return entries


def answered(trt: Any, log: int, reallocate: int, notify: int) -> list[tuple[object, ...]]:
    """Return what objects of Python get that TensorRT calls, from calls of their entries."""
    got: list[tuple[object, ...]] = []

    class Logger(trt.ILogger):
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            got.append((int(severity), message))

    class Dims(ctypes.Structure):
        _fields_ = (("count", ctypes.c_int32), ("lengths", ctypes.c_int64 * 8))

    logger, allocator = Logger(), _allocator(trt, got)
    shape = Dims(2, (ctypes.c_int64 * 8)(3, 4))
    _call(logger, log, ctypes.c_int32(1), ctypes.c_char_p(b"hello"))
    size, alignment = ctypes.c_uint64(100), ctypes.c_uint64(256)
    name, stream = ctypes.c_char_p(b"boxes"), ctypes.c_void_p(77)
    _call(allocator, reallocate, name, ctypes.c_void_p(), size, alignment, stream)
    _call(allocator, notify, name, ctypes.byref(shape))
    return got


def _allocator(trt: Any, got: list[tuple[object, ...]]) -> Any:
    class Allocator(trt.IOutputAllocator):
        def __init__(self) -> None:
            trt.IOutputAllocator.__init__(self)

        def reallocate_output(self, *_: object) -> int:
            return 0

        def reallocate_output_async(self, name: str, *rest: int) -> int:
            got.append((name, *rest))
            return 256

        def notify_shape(self, name: str, shape: Any) -> None:
            got.append((name, *shape))

    return Allocator()


def _value(instance: object) -> int:
    return _pointer(id(instance) + _VALUE)


def _pointer(address: int) -> int:
    return ctypes.c_void_p.from_address(address).value or 0


def _call(instance: object, slot: int, *arguments: object) -> None:
    this = _value(instance)
    function = ctypes.PYFUNCTYPE(ctypes.c_void_p)(_pointer(_pointer(this) + 8 * slot))
    function(ctypes.c_void_p(this), *arguments)


def main() -> None:
    """Print what is recorded; the objects are never destroyed."""
    trt = importlib.import_module(sys.argv[1])
    found: dict[str, object] = {"entries": recorded(trt)}
    if len(sys.argv) > 2:
        found["answered"] = answered(trt, *map(int, sys.argv[2:]))
    print(json.dumps(found), flush=True)  # noqa: T201
    os._exit(0)


if __name__ == "__main__":
    main()
