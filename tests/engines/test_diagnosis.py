"""What `refinemask doctor` finds out: runtimes and libraries, tried in processes that may crash."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from refinemask.engines.diagnosis import Driver, LibraryState, _forms, _places, _runtime_state
from refinemask.engines.probes import identity_graph
from refinemask.engines.runtimes import RUNTIMES
from refinemask.engines.trial import Trial, try_runtime
from refinemask.inference import native

GPU = {"name": "NVIDIA L4", "compute_capability": "8.9", "memory_bytes": 24 << 30}
DRIVER = """
#include <string.h>
int cuInit(unsigned flags) { return STATUS; }
int cuGetErrorString(int status, char const** text) { *text = "no device"; return 0; }
int cuDriverGetVersion(int* version) { *version = 12080; return 0; }
int cuDeviceGetCount(int* count) { *count = 1; return 0; }
int cuDeviceGetName(char* name, int size, int device)
{
    strncpy(name, "NVIDIA L4", size);
    return 0;
}
int cuDeviceTotalMem_v2(unsigned long* bytes, int device) { *bytes = 24ul << 30; return 0; }
int cuDeviceGetAttribute(int* value, int attribute, int device)
{
    *value = attribute == 75 ? 8 : 9;
    return 0;
}
"""
"""The functions of NVIDIA's driver that are called, for a machine that has none."""


def compile_driver(folder: Path, status: int) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler cc")
    source = folder / "driver.c"
    source.write_text(DRIVER)
    library = str(folder / "libcuda.so.1")
    command = [compiler, f"-DSTATUS={status}", "-shared", "-fPIC", str(source), "-o", library]
    subprocess.run(command, check=True)


def test_what_the_driver_says(tmp_path, monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    compile_driver(tmp_path, status=0)
    assert try_runtime("driver").replies == ({"cuda": "12.8", "gpus": [GPU]},)
    compile_driver(tmp_path, status=100)
    assert try_runtime("driver").problem == "cuInit: no device (100)"


def test_a_runtime_that_hangs():
    assert try_runtime("python", timeout=1e-3).problem == "it did not load within 0 seconds"


def test_what_a_runtime_prints_is_no_reply(tmp_path, monkeypatch):
    module = tmp_path / "openvino.py"
    module.write_text(
        "import os\nprint('hello'); os.write(1, b'{}')\n__version__ = '1-x'\n"
        "class Core: available_devices = []"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert try_runtime("openvino").replies == ({"version": "1", "devices": []},)
    module.write_text("import os\nos._exit(0)")
    assert try_runtime("openvino").problem == "loading it ended the process with 0"


def test_the_graph_that_sessions_start_with():
    onnx.checker.check_model(onnx.load_from_string(identity_graph()))
    session = onnxruntime.InferenceSession(identity_graph(), providers=["CPUExecutionProvider"])
    values = np.array([1, 2], np.float32)
    assert session.run(None, {"x": values})[0].tolist() == [1, 2]


def test_the_fused_form_needs_the_library_of_the_place():
    loads = LibraryState("x", {"onnxruntime": True})
    fails = LibraryState("x", {"onnxruntime": False}, {"onnxruntime": "broken"})
    libraries: dict[native.Kind, LibraryState] = {
        "ort": loads,
        "ort_cuda": fails,
        "openvino": LibraryState(None),
    }
    every = ("portable", "fused", "static")
    assert _forms(RUNTIMES["onnxruntime"], "cpu", libraries) == every
    assert _forms(RUNTIMES["onnxruntime"], "cuda", libraries) == ("portable", "static")
    assert _forms(RUNTIMES["openvino"], "cpu", libraries) == ("portable", "static")
    assert _forms(RUNTIMES["torch"], "cuda", libraries) == ("checkpoint",)


@pytest.mark.parametrize(
    ("name", "details", "gpus", "places", "problem"),
    [
        ("torch", {"cuda": "13.0", "gpus": 1}, 1, ["cpu", "cuda"], None),
        ("torch", {"cuda": "13.0", "gpus": 0}, 1, ["cpu"], "sees none of the GPUs"),
        ("torch", {"cuda": "13.0", "gpus": 0}, 0, ["cpu"], None),
        ("torch", {"cuda": None, "gpus": 0}, 1, ["cpu"], None),
        ("onnxruntime", {"providers": ["CUDA"], "cuda_starts": True}, 1, ["cpu", "cuda"], None),
        (
            "onnxruntime",
            {"providers": ["CUDA"], "cuda_starts": False},
            1,
            ["cpu"],
            "its CUDA provider does not start: libcudnn.so.9: no such file",
        ),
    ],
)
def test_a_gpu_that_a_runtime_cannot_use_is_a_problem(name, details, gpus, places, problem):
    if "providers" in details:
        details["providers"] = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    driver = Driver(None, "13.0", (GPU,) * gpus)
    assert _places(RUNTIMES[name], details, driver) == places
    trial = Trial(({"version": "1", **details},), None, "libcudnn.so.9: no such file")
    libraries = dict.fromkeys(native.STEMS, LibraryState(None))
    state = _runtime_state(RUNTIMES[name], True, {(name, None): trial}, libraries, driver)
    assert list(state.forms) == places
    assert (state.problem is None) is (problem is None)
    assert (problem or "") in (state.problem or "")
