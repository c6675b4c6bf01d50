"""What these tests need: the plugin library, and TensorRT-RTX, which builds without a GPU."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from refinemask.checkpoints import synthetic_model
from refinemask.configs.presets import preset
from refinemask.inference import native
from refinemask.inference.artifact import Artifact
from tests.shared_files import made_once
from tests.tensorrt.artifacts import write_artifact
from tests.tensorrt.simulation import Simulation


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


@pytest.fixture(scope="session")
def artifact(rtx_plugins: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """Return a small Mask R-CNN of the form fused, which tests only read."""

    def export(folder: Path) -> None:
        write_artifact(synthetic_model(preset("maskrcnn_small")), "fused", folder / "model.onnx")

    folder, _ = made_once(tmp_path_factory.getbasetemp(), "maskrcnn-small-fused", export)
    return Artifact.open(folder / "model.onnx")


@pytest.fixture
def simulate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Simulation]:
    """Return a function from metadata to an engine of TensorRT-RTX on a simulated GPU."""
    require_rtx()
    return lambda **metadata: Simulation(monkeypatch, tmp_path, **metadata)


@pytest.fixture
def fused(simulate: Callable[..., Simulation]) -> Simulation:
    """Return an engine of the form fused there."""
    return simulate(form="fused")


@pytest.fixture
def masks(simulate: Callable[..., Simulation]) -> Simulation:
    """Return an engine that is given boxes there."""
    return simulate(form="fused", outputs="masks")


def require_rtx() -> None:
    """Skip the test where TensorRT-RTX is not installed."""
    for module in ("tensorrt_rtx_libs", "tensorrt_rtx_bindings"):
        if find_spec(module) is None:
            pytest.skip("TensorRT-RTX is not installed; pip install 'refinemask[tensorrt-rtx]'")
