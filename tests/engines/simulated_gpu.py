"""A simulated GPU for librefinemask, and ONNX Runtime with a CUDA provider on it."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from refinemask.version import __version__
from tests.conftest import ROOT
from tests.engines.c_library import FORMATS, Image, runtime_library

PLUGINS = ROOT / "plugins"
HEADERS = ROOT / "build" / "headers"
SOURCES = (
    "tests/simulated/cuda.cpp",
    "tests/simulated/images.cpp",
    "tests/cuda/prepare_by_threads.cpp",
    "tests/cuda/thread_order.cpp",
    "tests/provider/cuda_provider.cpp",
)
LIBRARIES = ("libcuda.so.1", "librefinemask_cuda.so", "libonnxruntime.so")
ON_GPU = 1 << 62
"""The bit of an address on the simulated GPU that none of the host has."""


class SimulatedGpu:
    """A folder with the libraries of a machine with a GPU, all of which are one simulation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        _compile(folder / LIBRARIES[0])
        for name in LIBRARIES[1:]:
            (folder / name).symlink_to(LIBRARIES[0])
        self._driver = ctypes.CDLL(str(folder / LIBRARIES[0]))

    @property
    def onnxruntime(self) -> str:
        """The path of ONNX Runtime with a CUDA provider."""
        return str(self.folder / "libonnxruntime.so")

    def activate(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let librefinemask find the libraries."""
        monkeypatch.setenv("REFINEMASK_CUDA", str(self.folder / "libcuda.so.1"))
        monkeypatch.setenv("REFINEMASK_LIBRARY_DIR", str(self.folder))
        monkeypatch.setenv("REAL_ONNXRUNTIME", runtime_library("onnxruntime"))

    def image(self, pixels: np.ndarray, pixel_format: str = "rgb") -> Image:
        """Copy an array (H, W, C) or (H, W) to the GPU, with the gaps between its rows."""
        height, width = pixels.shape[:2]
        row = int(np.prod(pixels.shape[1:]))
        size = pixels.strides[0] * (height - 1) + row
        context, address = ctypes.c_void_p(), ctypes.c_ulonglong()
        self._driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0)
        self._driver.cuCtxPushCurrent_v2(context)
        assert self._driver.cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(size)) == 0
        self._driver.cuCtxPopCurrent_v2(ctypes.byref(context))
        ctypes.memmove(address.value & ~ON_GPU, pixels.ctypes.data, size)
        return Image(address.value, width, height, pixels.strides[0], FORMATS[pixel_format])


def _compile(library: Path) -> None:
    compiler = shutil.which("c++")
    headers = next(HEADERS.glob("onnxruntime/**/onnxruntime_c_api.h"), None)
    if compiler is None or headers is None:
        pytest.skip("no C++ compiler, or no headers of ONNX Runtime, which make native fetches")
    options = ["-std=c++17", "-O1", "-shared", "-fPIC", "-ffp-contract=off", f"-I{PLUGINS}"]
    options += [f"-isystem{headers.parent}", f'-DREFINEMASK_VERSION="{__version__}"']
    sources = [str(PLUGINS / source) for source in SOURCES]
    done = subprocess.run(
        [compiler, *options, "-o", str(library), *sources, "-ldl"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
