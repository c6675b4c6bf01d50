"""The setup a figure was measured on: versions and machine (standard library only)."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from refinemask.version import __version__

PACKAGES = (
    "numpy",
    "onnx",
    "onnxruntime",
    "onnxruntime-gpu",
    "opencv-python-headless",
    "openvino",
    "pycocotools",
    "torch",
    "torchvision",
)


def measurement_setup(command: str) -> dict[str, Any]:
    """Return the `setup` of a JSON result.

    Args:
        command: the command line that produced the result.

    Returns:
        `command`; `versions`: package name -> version, of those that are installed; `machine`:
        CPU, cores that this process may use, memory in bytes, gpus, system.
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
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "gpus": _gpus(),
        "system": platform.platform(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _gpus() -> list[str]:
    """Ask the driver, which answers without a CUDA context."""
    command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return answer.stdout.split("\n")[:-1]
