"""The process in which one runtime is tried, and one library in it; `diagnosis` starts it.

usage: python -m refinemask.engines.probes RUNTIME[:PROVIDER] [KIND PATH]. Every step that succeeds,
first the runtime, then the library, is a line of JSON on standard output. An error goes to standard
error, with exit status 1; what a library does to the process is seen by whoever started it.
"""

import ctypes
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from refinemask.engines.tensorrt.flavours import FLAVOURS
from refinemask.errors import RefineMaskError
from refinemask.inference import native
from refinemask.printable import last_line

Json = dict[str, Any]


def try_onnxruntime() -> Json:
    """Return the version, the providers, and whether that of CUDA starts."""
    import onnxruntime

    from refinemask.engines.providers import CUDA

    providers = onnxruntime.get_available_providers()
    started = False
    with suppress(RefineMaskError):
        started = CUDA in providers and _start(CUDA)
    return {"version": onnxruntime.__version__, "providers": providers, "cuda_starts": started}


def try_provider(name: str) -> Json:
    """Return what a provider of ONNX Runtime is called there, and the devices it lists.

    Raises:
        RefineMaskError: it does not start.
    """
    from refinemask.engines.plugin_providers import list_devices, register_plugin
    from refinemask.engines.providers import TENSORRT

    if name == "tensorrt":
        _start(TENSORRT)
        return {"provider": TENSORRT, "devices": ["cuda"]}
    provider = register_plugin(name)
    return {"provider": provider, "devices": list(list_devices(provider))}


def _start(name: str) -> bool:
    """Start a provider that is built into ONNX Runtime."""
    import onnxruntime

    from refinemask.engines.providers import Provider, load_libraries

    load_libraries(name)
    provider = Provider(name, "ort_cuda", advice="install what it lacks")
    provider.start(identity_graph(), "a graph of one node", onnxruntime.SessionOptions())
    return True


def try_openvino() -> Json:
    """Return the version, and the devices that it finds."""
    import openvino

    version = openvino.__version__.partition("-")[0]
    return {"version": version, "devices": openvino.Core().available_devices}


def try_torch() -> Json:
    """Return the version, the CUDA that it was built for, and how many GPUs it sees."""
    import torch

    gpus = torch.cuda.device_count()
    return {"version": torch.__version__, "cuda": torch.version.cuda, "gpus": gpus}


def try_torch_compiled() -> Json:
    """Return what `try_torch` does.

    Raises:
        RefineMaskError: there is no C++ compiler.
    """
    from refinemask.engines.torch_compiled import check_compiler

    check_compiler()
    return try_torch()


def try_tensorrt(module: str) -> Json:
    """Return the version of TensorRT or TensorRT-RTX."""
    return {"version": import_module(module).__version__}


def try_driver() -> Json:
    """Return the newest CUDA that NVIDIA's driver runs, and its GPUs.

    Raises:
        OSError: there is no driver library.
        RefineMaskError: the driver refuses, for example because there is no GPU.
    """
    driver = ctypes.CDLL("libcuda.so.1")

    def call(function: str, *arguments: Any) -> None:
        if status := driver[function](*arguments):
            text = ctypes.c_char_p()
            driver.cuGetErrorString(status, ctypes.byref(text))
            raise RefineMaskError(f"{function}: {(text.value or b'error').decode()} ({status})")

    version, count = ctypes.c_int(), ctypes.c_int()
    call("cuInit", 0)
    call("cuDriverGetVersion", ctypes.byref(version))
    call("cuDeviceGetCount", ctypes.byref(count))
    gpus = [_gpu(call, device) for device in range(count.value)]
    return {"cuda": f"{version.value // 1000}.{version.value % 1000 // 10}", "gpus": gpus}


def _gpu(call: Callable[..., None], device: int) -> Json:
    name, memory = ctypes.create_string_buffer(256), ctypes.c_size_t()
    major, minor = ctypes.c_int(), ctypes.c_int()
    call("cuDeviceGetName", name, 256, device)
    call("cuDeviceTotalMem_v2", ctypes.byref(memory), device)
    for value, attribute in ((major, 75), (minor, 76)):  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
        call("cuDeviceGetAttribute", ctypes.byref(value), attribute, device)
    return {
        "name": name.value.decode(errors="replace"),
        "compute_capability": f"{major.value}.{minor.value}",
        "memory_bytes": memory.value,
    }


TRIALS: dict[str, Callable[[], Json]] = {
    "driver": try_driver,
    "onnxruntime": try_onnxruntime,
    "openvino": try_openvino,
    "python": dict,
    "torch": try_torch,
    "torch_compiled": try_torch_compiled,
    **{one.name: partial(try_tensorrt, one.module) for one in FLAVOURS.values()},
}
"""What may be tried; "python" is where librefinemask.so runs."""


def load_library(runtime: str, kind: native.Kind, path: Path) -> None:
    """Load a library as programs with this runtime, which is imported already, do.

    Raises:
        Exception: it does not load, was built for another version, or the runtime refuses it.
    """
    native.load(kind, path)
    if runtime == "onnxruntime":
        import onnxruntime

        onnxruntime.SessionOptions().register_custom_ops_library(str(path))
    elif runtime == "openvino":
        from openvino.frontend import FrontEndManager

        FrontEndManager().load_by_framework("onnx").add_extension(str(path))
    elif runtime == "torch":
        from refinemask.ops.compiled import operators

        operators()
    elif runtime in FLAVOURS:
        _load_plugins(FLAVOURS[runtime].module, kind, path)


def _load_plugins(module: str, kind: native.Kind, path: Path) -> None:
    registry = import_module(module).get_plugin_registry()
    if kind == "trt":  # trt_auto has registered its plugins when it was loaded
        registry.load_library(str(path))
    if not any(creator.plugin_namespace == "refinemask" for creator in registry.all_creators):
        raise RefineMaskError(f"the plugin registry takes no plugin of {path}")


def identity_graph() -> bytes:
    """Return an ONNX file that returns its input, a float32 vector, for a session to start with."""

    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    float32 = field(1, b"\x08\x01" + field(2, field(1, b"")))  # a vector of any length
    value = {name: field(1, name) + field(2, float32) for name in (b"x", b"y")}
    node = field(1, b"x") + field(2, b"y") + field(4, b"Identity")
    graph = field(1, node) + field(2, b"g") + field(11, value[b"x"]) + field(12, value[b"y"])
    return b"\x08\x08" + field(7, graph) + field(8, b"\x10\x11")  # IR version 8, opset 17


def try_runtime(name: str) -> Json:
    """Return what a runtime of `TRIALS`, or a provider of ONNX Runtime, says of itself."""
    _, colon, provider = name.partition(":")
    return try_provider(provider) if colon else TRIALS[name]()


def main() -> int:
    """Try a runtime, and a library in it."""
    runtime, *library = sys.argv[1:]
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # What others print on standard output is not a reply.

    def reply(values: Json) -> None:
        replies.write(f"{json.dumps(values)}\n")
        replies.flush()

    try:
        reply(try_runtime(runtime))
        if library:
            kind, path = library
            load_library(runtime, kind, Path(path))  # type: ignore[arg-type]  # a key of STEMS
            reply({})
    except Exception as error:  # Whatever it is, it is the answer.
        sys.stderr.write(f"{last_line(error)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
