"""librefinemask_trt_auto.so, loaded as hosts do that only call dlopen, into TensorRT-RTX."""

import ctypes
import shutil
import subprocess
import sys

import pytest

from refinemask.engines.tensorrt import build
from refinemask.errors import RefineMaskError
from refinemask.inference import native
from refinemask.version import __version__
from tests.tensorrt import graphs

pytestmark = pytest.mark.tensorrt
NAMES = {
    *("MultiScaleRoIAlign", "BatchedNMS", "BoundaryRefine", "PasteMasks"),
    *("NonZeroPlaces", "GatherTiles", "ScatterTiles", "ConvAtPlaces"),
}
LOAD = "import ctypes, tensorrt_rtx_bindings\nfor path in {}: ctypes.CDLL(path)\n"


@pytest.fixture
def library(rtx_plugins) -> str:
    path = native.library("trt_auto")
    if path is None:
        pytest.skip(f"librefinemask_trt_auto.so is not built; {native.BUILD}")
    return str(path)


@pytest.fixture
def preload(tmp_path, monkeypatch):
    """Return a function that makes processes load libraries after TensorRT-RTX, when they start."""

    def load(*libraries: str) -> None:
        (tmp_path / "sitecustomize.py").write_text(LOAD.format(libraries))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return load


def test_its_plugins_are_registered(library, preload):
    preload(library)
    assert {creator.name for creator in build.list_creators([])} == NAMES


def test_an_engine_is_built_with_them(library, preload, tmp_path):
    graph = graphs.detections()
    with pytest.raises(RefineMaskError, match="could not build"):
        build.build_engine(graph.save(tmp_path), graph.profile)
    preload(library)
    engine = build.build_engine(graph.save(tmp_path), graph.profile)
    assert "PLUGIN_V3" in {layer.kind for layer in engine.layers}


def test_a_second_copy_changes_nothing(library, preload, tmp_path):
    second = tmp_path / "libsecond.so"
    shutil.copy(library, second)
    preload(library, str(second))
    assert sorted(creator.name for creator in build.list_creators([])) == sorted(NAMES)


def test_beside_the_other_library_it_is_refused(library, preload, rtx_plugins):
    """A registry takes no library with a plugin that it has: hosts load one of the two."""
    preload(library)
    with pytest.raises(RefineMaskError, match="contains a plugin that is loaded already"):
        build.list_creators(rtx_plugins)


def test_without_tensorrt_it_says_so_and_does_no_harm(library):
    code = f"import ctypes\nctypes.CDLL({library!r})\nprint('alive')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == "alive\n"
    assert "there is none; load it after TensorRT" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_it_tells_its_version(library):
    version = ctypes.CDLL(library).refinemask_trt_auto_version
    version.restype = ctypes.c_char_p
    assert version().decode() == __version__
