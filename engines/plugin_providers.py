"""Plugin providers of ONNX Runtime: libraries that are registered, and the devices they list."""

import json
import logging
import os
from functools import cache
from importlib import import_module
from typing import Any

import onnxruntime

from refinemask.engines.openvino_settings import FLOAT32, cpu_settings
from refinemask.engines.runtimes import PLUGIN_PACKAGES, installed_plugins
from refinemask.engines.tensorrt.cache import cache_folder
from refinemask.errors import RefineMaskError
from refinemask.printable import last_line

logger = logging.getLogger(__name__)


def find_plugin_device(name: str, device: str) -> tuple[Any, str]:
    """Return the `OrtEpDevice` of a provider for a device, and the kind of it: cpu, gpu or npu.

    Args:
        name: of a package onnxruntime-ep-NAME, or of a provider that is registered already.
        device: a name of `list_devices`; "gpu" and "npu" stand for the first.

    Raises:
        RefineMaskError: there is no such provider, it cannot be registered, or it does not list the
            device.
    """
    provider = register_plugin(name)
    listed = list_devices(provider)
    wanted = device if device in listed else f"{device}:0"
    if wanted not in listed:
        known = f"it lists {' and '.join(listed)}; give one of these as device, or"
        unknown = "it lists none at all; check your hardware and its driver, or"
        raise RefineMaskError(
            f"ONNX Runtime's {provider} lists no device {device!r} here: "
            f"{known if listed else unknown} use another provider"
        )
    return listed[wanted], wanted.partition(":")[0]


@cache
def register_plugin(name: str) -> str:
    """Register the library of a plugin, once in a process; return its name in ONNX Runtime.

    Raises:
        RefineMaskError: as `find_plugin_device`.
    """
    if not hasattr(onnxruntime, "get_ep_devices"):
        raise RefineMaskError(
            f"ONNX Runtime {onnxruntime.__version__} has no plugin providers, which {name!r} would "
            "be; upgrade it with: pip install --upgrade onnxruntime"
        )
    registered = {one.ep_name for one in onnxruntime.get_ep_devices()}
    if name in registered:
        return name
    if name not in installed_plugins():
        others = ", ".join(["tensorrt", *installed_plugins(), *sorted(registered)])
        raise RefineMaskError(
            f"ONNX Runtime has no provider {name!r} here; choose one of {others}, or install a "
            "plugin: a package onnxruntime-ep-NAME, such as onnxruntime-ep-openvino"
        )
    try:
        package = import_module(PLUGIN_PACKAGES + name)
        provider: str = package.get_ep_name()
        if provider not in registered:
            onnxruntime.register_execution_provider_library(provider, package.get_library_path())
    except Exception as error:  # Whatever a plugin raises.
        raise RefineMaskError(
            f"ONNX Runtime cannot load its plugin provider {name!r}: {last_line(error)}; install "
            "what it lacks, or use another provider"
        ) from error
    return provider


def list_devices(provider: str) -> dict[str, Any]:
    """Return the `OrtEpDevice`s of a provider: "cpu", and the others numbered from "gpu:0"."""
    found: dict[str, Any] = {}
    for one in onnxruntime.get_ep_devices():
        if one.ep_name == provider:
            kind = one.device.type.name.lower()
            before = sum(name.startswith(kind) for name in found)
            found["cpu" if kind == "cpu" else f"{kind}:{before}"] = one
    return found


def plugin_options(provider: str, kind: str, threads: int | None) -> dict[str, str]:
    """Return the settings of a provider with which float32 means float32.

    Those of providers that are not known here are their own: a warning says so.
    """
    if provider == "OpenVINOExecutionProvider":
        settings = cpu_settings(threads) if kind == "cpu" else FLOAT32
        texts = {name: str(value) for name, value in settings.items()}
        return {"load_config": json.dumps({kind.upper(): texts})}
    if provider == "NvTensorRTRTXExecutionProvider":
        os.environ["NVIDIA_TF32_OVERRIDE"] = "0"  # It has no option for it.
        return {"nv_runtime_cache_path": str(cache_folder() / "onnxruntime_tensorrt_rtx")}
    if provider != "CPUExecutionProvider":
        logger.warning(
            "ONNX Runtime's %s decides itself how precisely it computes; refinemask verify shows "
            "whether that is as float32 does",
            provider,
        )
    return {}
