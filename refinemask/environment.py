"""The setup a figure was measured on: versions and machine (standard library only)."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from refinemask.version import __version__

PACKAGES = (
    "cuda-bindings",
    "numpy",
    "onnx",
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxscript",
    "opencv-python-headless",
    "openvino",
    "pycocotools",
    "safetensors",
    "tensorrt",
    "tensorrt-rtx-cu13-bindings",
    "tensorrt-rtx-cu13-libs",
    "torch",
    "torchvision",
)

CPU_FEATURES = {
    "avx2": "AVX2",
    "fma": "FMA",
    "f16c": "F16C",
    "avx_vnni": "AVX-VNNI",
    "avx512f": "AVX-512",
    "avx512_vnni": "AVX-512 VNNI",
    "avx512_bf16": "AVX-512 BF16",
    "avx512_fp16": "AVX-512 FP16",
    "amx_bf16": "AMX BF16",
    "amx_int8": "AMX INT8",
}
"""Instruction sets that decide the speed of runtimes and of our operators, by Linux's names."""


def measurement_setup(command: str) -> dict[str, Any]:
    """Return the `setup` of a JSON result.

    Args:
        command: the command line that produced the result.

    Returns:
        `command`; `versions`: package name -> version, of those that are installed; `machine`:
        CPU and those of `CPU_FEATURES` that it has, cores that this process may use, memory in
        bytes, gpus with their driver, system.
    """
    return {"command": command, "versions": _versions(), "machine": _machine()}


def _versions() -> dict[str, str]:
    versions = {"refinemask": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _machine() -> dict[str, Any]:
    return {
        "processor": _cpu_info("model name") or platform.machine(),
        "processor_features": _cpu_features(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "gpus": _gpus(),
        "system": platform.platform(),
    }


def _cpu_features() -> list[str]:
    flags = set(_cpu_info("flags").split())
    return [name for flag, name in CPU_FEATURES.items() if flag in flags]


def _cpu_info(field: str) -> str:
    """Return what Linux says of the first core; nothing where it does not."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    entries = (line.partition(":") for line in lines)
    return next((value.strip() for name, _, value in entries if name.strip() == field), "")


def _gpus() -> list[str]:
    """Ask the driver, which answers without a CUDA context."""
    command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return answer.stdout.split("\n")[:-1]
