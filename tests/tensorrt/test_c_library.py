"""Engines in the C interface: real ones in the real TensorRT-RTX, up to where it needs a driver.

The driver is simulated here as far as the library itself calls it; TensorRT-RTX looks for a real
one. What comes after that runs in plugins/tests/runtime/tensorrt_backend_test.cpp, simulated.
"""

import ctypes
import dataclasses
import shutil
import subprocess
from pathlib import Path

import pytest

from refinemask.engines.tensorrt.build import build_engine
from refinemask.engines.tensorrt.flavours import TENSORRT_RTX
from refinemask.engines.tensorrt.profile import default_profile
from refinemask.engines.tensorrt.record import EngineRecord, check_host
from refinemask.errors import RefineMaskError
from refinemask.files import sha256
from refinemask.inference.metadata import sidecar_path
from tests.artifact_bytes import make_metadata
from tests.conftest import ROOT
from tests.engines.c_library import (
    INVALID_ARGUMENT,
    INVALID_ARTIFACT,
    RUNTIME_MISSING,
    Failure,
    Info,
    Library,
    runtime_library,
)
from tests.tensorrt import graphs

pytestmark = pytest.mark.tensorrt


@pytest.fixture(scope="module")
def library():
    return Library()


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """Return the path of a simulated CUDA driver."""
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler is installed, which compiles the simulated driver")
    path = tmp_path_factory.mktemp("driver") / "libcuda.so.1"
    plugins = ROOT / "plugins"
    source = plugins / "tests/simulated/cuda.cpp"
    options = ["-std=c++17", "-shared", "-fPIC", "-I", str(plugins), "-o", str(path)]
    subprocess.run([compiler, *options, str(source)], check=True)
    return path


@pytest.fixture(scope="module")
def built(rtx_plugins, tmp_path_factory):
    """Return an engine of one plugin that NVIDIA's builder made, and its record."""
    folder = tmp_path_factory.mktemp("built")
    graph = graphs.batched_nms(True, **graphs.NMS)
    path = folder / "it's.engine"
    path.write_bytes(build_engine(graph.save(folder), graph.profile, rtx_plugins).data)
    metadata = make_metadata(form="fused")
    record = EngineRecord(
        tool_version="0.1.0",
        runtime=TENSORRT_RTX.name,
        runtime_version=TENSORRT_RTX.version(),
        engine_sha256=sha256(path),
        artifact="model.onnx",
        artifact_sha256="0" * 64,
        metadata=metadata,
        profile=default_profile(metadata),
        compute_capabilities=(),
        plugins_sha256=sha256(rtx_plugins[0]),
        options=("--opt-shapes", "images:1x384x512x3"),
    )
    return path, record


def written(path: Path, record: EngineRecord) -> Path:
    sidecar_path(path).write_text(record.to_json(), encoding="utf-8")
    return path


def refused(library: Library, path: Path, **options: str) -> Failure:
    given = {"runtime": "tensorrt_rtx", "device": "cuda", **options}
    with pytest.raises(Failure) as failure, library.opened(path, **given):
        pass
    return failure.value


def test_what_an_engine_is(library, built):
    path, record = built
    info = ctypes.POINTER(Info)()
    library.call("read_info", str(written(path, record)).encode(), ctypes.byref(info))
    read = info.contents
    names = tuple(read.class_names[index].decode() for index in range(read.class_count))
    assert names == record.metadata.class_names
    assert read.form == b"fused"
    assert read.sha256.decode() == record.engine_sha256
    library.functions.refinemask_free(info)


def test_tensorrt_rtx_needs_a_driver(library, built, driver, monkeypatch):
    """The plugin library is loaded, and TensorRT-RTX has the engine."""
    monkeypatch.setenv("REFINEMASK_CUDA", str(driver))
    path, record = built
    error = str(refused(library, written(path, record)))
    assert f"cannot open {path}: TensorRT-RTX does not load it (" in error
    assert "CUDA driver version is insufficient for CUDA runtime version" in error
    assert error.endswith(f"; build it again with: {record.command(path)}")


def test_damaged_engines_do_not_reach_tensorrt(library, built, tmp_path):
    path, record = built
    copy = tmp_path / "copy.engine"
    copy.write_bytes(path.read_bytes()[:-1])
    error = refused(library, written(copy, record))
    assert "was damaged, cut short or exchanged" in str(error)
    assert error.status == INVALID_ARTIFACT


@pytest.mark.parametrize(
    "changes",
    [{"runtime_version": "1.0.0.1"}, {"plugins_sha256": "0" * 64}],
    ids=["version", "plugins"],
)
def test_what_differs_is_said_as_in_python(library, built, changes):
    path, record = built
    other = dataclasses.replace(record, **changes)
    with pytest.raises(RefineMaskError) as expected:
        check_host(other, path)
    error = str(refused(library, written(path, other)))
    assert error.removeprefix(f"cannot open {path}: it") == str(expected.value).removeprefix(
        str(path)
    )


def test_libraries_that_are_missing(library, built, driver, monkeypatch):
    path = written(*built)
    error = refused(library, path, runtime_library="/nowhere/libtensorrt_rtx.so.1")
    assert error.status == RUNTIME_MISSING
    assert "TensorRT-RTX could not be loaded (/nowhere/libtensorrt_rtx.so.1" in str(error)
    assert "install TensorRT-RTX 1.6 to 1.7" in str(error)
    pytest.importorskip("onnxruntime")
    error = refused(library, path, runtime_library=runtime_library("onnxruntime"))
    assert "has no function getInferLibMajorVersion: it is another library" in str(error)
    error = refused(library, path, operator_library="/nowhere/librefinemask_trt.so")
    assert "it needs the plugin library /nowhere/librefinemask_trt.so" in str(error)
    monkeypatch.setenv("REFINEMASK_CUDA", "/nowhere/libcuda.so.1")
    error = refused(library, path)
    assert error.status == RUNTIME_MISSING
    assert "the CUDA driver could not be loaded (/nowhere/libcuda.so.1" in str(error)
    monkeypatch.setenv("REFINEMASK_CUDA", str(driver))
    error = refused(library, path, device="cuda:1")
    assert "there is no GPU cuda:1" in str(error)
    assert refused(library, path, device="gpu").status == INVALID_ARGUMENT
