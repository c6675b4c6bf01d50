"""What these tests need: the plugin library, and TensorRT-RTX, which builds without a GPU."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from refinemask.inference import native


@pytest.fixture(scope="session")
def plugin_library() -> Path:
    """Return the plugin library, built for this version."""
    if native.library("trt") is None:
        pytest.skip(f"librefinemask_trt.so is not built; {native.BUILD}")
    return native.require("trt", "this test")


@pytest.fixture(scope="session")
def rtx_plugins(plugin_library: Path) -> list[Path]:
    """Return the plugin libraries for builds with TensorRT-RTX, where it is installed."""
    require_rtx()
    return [plugin_library]


def require_rtx() -> None:
    """Skip the test where TensorRT-RTX is not installed."""
    for module in ("tensorrt_rtx_libs", "tensorrt_rtx_bindings"):
        if find_spec(module) is None:
            pytest.skip("TensorRT-RTX is not installed; pip install 'refinemask[tensorrt-rtx]'")
