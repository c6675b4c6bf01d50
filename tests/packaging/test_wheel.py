"""The wheels for other machines, in an environment without torch, compiler and checkout."""

import importlib.util
import json
import re
import runpy
import shutil
import statistics
import subprocess
import sys
import venv
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from refinemask.inference import native
from refinemask.version import __version__
from tests.conftest import ROOT
from tests.engines.conftest import write_artifact
from tests.engines.test_engines import FUSED_GRAPH

SCRIPT = ROOT / "plugins" / "build_wheels.py"
CPU_LIBRARIES = {
    "librefinemask.so",
    "librefinemask_deepstream.so",
    "librefinemask_openvino.so",
    "librefinemask_ort.so",
}
EVERYWHERE = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2"}
"""Libraries that every system has which a manylinux tag names."""
NO_NETWORK = r"NewConnectionError|NameResolutionError|Temporary failure in name resolution"


def run(*command: str | Path, **options) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> list[Path]:
    """Return the wheel of refinemask, and where there is nvcc, that of its CUDA libraries."""
    if importlib.util.find_spec("auditwheel") is None:
        pytest.skip("auditwheel is not installed; install it with: pip install auditwheel")
    if not all((native.folder() / name).is_file() for name in CPU_LIBRARIES):
        pytest.skip("the libraries were not built in this checkout; build them with: make native")
    output = tmp_path_factory.mktemp("wheels")
    printed = run(sys.executable, SCRIPT, "--output", output)
    wheels = [Path(line) for line in printed.splitlines()]
    assert sorted(wheels) == sorted(output.iterdir())
    return wheels


@pytest.fixture(scope="module")
def environment(wheels, tmp_path_factory) -> Path:
    """Return an environment in which only `refinemask[runtime]` is installed, from the wheel."""
    folder = tmp_path_factory.mktemp("bare") / "environment"
    venv.EnvBuilder(symlinks=True).create(folder)
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install"]
    command = [*pip, "--quiet", "--constraint", ROOT / "constraints.txt"]
    wanted = f"refinemask[runtime] @ {wheels[0].as_uri()}"
    done = subprocess.run([*command, wanted], capture_output=True, text=True, check=False)
    if done.returncode != 0 and re.search(NO_NETWORK, done.stderr):
        pytest.skip("what refinemask[runtime] requires cannot be downloaded here")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def artifact(tmp_path_factory) -> Path:
    """Return a fused artifact: ONNX Runtime runs it with our operator library alone."""
    path = tmp_path_factory.mktemp("artifact") / "toy.onnx"
    return write_artifact(path, graph=FUSED_GRAPH, form="fused")


def bare(environment: Path, program: str, *arguments: str | Path) -> str:
    """Run a program of the environment, which finds nothing else."""
    programs = environment / "bin"
    variables = {"PATH": str(programs), "HOME": str(environment)}
    return run(programs / program, *arguments, cwd=environment, env=variables)


def test_tags_and_libraries(wheels, tmp_path):
    name = rf"refinemask-{re.escape(__version__)}-py3-none-manylinux_2_(\d+)_x86_64\.whl"
    tagged = re.fullmatch(name, wheels[0].name)
    assert tagged
    with zipfile.ZipFile(wheels[0]) as archive:
        archive.extractall(tmp_path)
    libraries = sorted(tmp_path.glob("refinemask/lib/*"))
    assert {path.name for path in libraries} == CPU_LIBRARIES
    licences = next(tmp_path.glob("*.dist-info/licenses"))
    assert (licences / "LICENSE").is_file() and (licences / "plugins" / "NOTICE").is_file()
    assert (tmp_path / "refinemask" / "py.typed").is_file()
    for path in libraries:
        dynamic = run("objdump", "-p", "-T", path)
        needed = set(re.findall(r"NEEDED +(\S+)", dynamic))
        if "openvino" in path.name:  # it exchanges objects of C++ with OpenVINO
            needed = {other for other in needed if not re.match("lib(openvino|tbb|stdc)", other)}
        assert needed <= EVERYWHERE
        versions = [int(minor) for minor in re.findall(r"\(GLIBC_2\.(\d+)", dynamic)]
        assert max(versions) <= int(tagged[1])


def test_installed_size(environment):
    (package,) = environment.glob("lib/python*/site-packages/refinemask")
    size = sum(path.stat().st_size for path in package.rglob("*") if path.is_file())
    assert 20e6 < size <= 150e6


PREDICT = """
import importlib.util
import shutil
import sys
import numpy as np
import refinemask

assert refinemask.__file__.startswith(sys.prefix)
assert [name for name in ("torch", "onnx", "openvino") if importlib.util.find_spec(name)] == []
assert [name for name in ("cc", "c++", "g++", "clang", "cmake") if shutil.which(name)] == []
engine = refinemask.engines.open(sys.argv[1])
found = engine.predict(np.full((64, 96, 3), 200, np.uint8))
print(engine.class_names[found.labels[0]], found.boxes.tolist(), int(found.masks.sum()))
"""


def test_predict(environment, artifact):
    assert bare(environment, "python", "-c", PREDICT, artifact) == (
        "person [[0.0, 0.0, 48.0, 32.0]] 1536\n"
    )


def test_predict_by_the_command_line(environment, artifact, picture, tmp_path):
    results = tmp_path / "results.json"
    bare(environment, "refinemask", "predict", "--artifact", artifact, picture, "--json", results)
    (found,) = json.loads(results.read_text())
    assert found["bbox"] == [0, 0, 48, 32]


def test_doctor(environment):
    found = json.loads(bare(environment, "refinemask", "doctor", "--json", "-"))
    installed = {name for name, one in found["runtimes"].items() if one["installed"]}
    assert installed == {"onnxruntime"}
    assert found["runtimes"]["onnxruntime"]["forms"]["cpu"] == ["portable", "fused", "static"]
    assert found["libraries"]["runtime"]["loads"] == {"python": True}
    assert found["libraries"]["ort"]["loads"] == {"onnxruntime": True}
    assert found["libraries"]["openvino"]["path"] is not None


IMPORT = """
import sys
import time
start = time.perf_counter()
import refinemask.engines
seconds = time.perf_counter() - start
files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
others = {name.partition(".")[0] for name, file in files.items() if "site-packages" in file}
print(seconds, *sorted(others))
"""


def test_importing_engines_imports_no_other_package(environment):
    printed = [bare(environment, "python", "-c", IMPORT).split() for _ in range(5)]
    assert all(names == ["refinemask"] for _, *names in printed)
    # 0.11 to 0.15 s on the machine of the benchmarks; that of a test may be busy.
    assert statistics.median(float(seconds) for seconds, *_ in printed) < 3


def test_the_wheel_with_cuda_libraries(wheels, environment, tmp_path):
    if len(wheels) == 1:
        pytest.skip("nvcc of CUDA 13 is not installed")
    assert re.fullmatch(
        rf"refinemask_plugins_cu13-{re.escape(__version__)}-py3-none-manylinux_\w+\.whl",
        wheels[1].name,
    )
    with zipfile.ZipFile(wheels[1]) as archive:
        names = set(archive.namelist())
        (metadata,) = [name for name in names if name.endswith("/METADATA")]
        fields = message_from_bytes(archive.read(metadata))
        archive.extractall(tmp_path)
    assert fields.get_all("Requires-Dist") == [f"refinemask=={__version__}"]
    assert {Path(name).name for name in names if name.endswith(".so")} == {
        "librefinemask_cuda.so",
        "librefinemask_ort_cuda.so",
        "librefinemask_trt.so",
        "librefinemask_trt_auto.so",
    }
    code = f"import sys; sys.path.append({str(tmp_path)!r})\n" + (
        "from refinemask.inference import native\n"
        "print(native.require('ort_cuda', 'this'), native.require('trt', 'this'))"
    )
    folder = tmp_path / "refinemask_plugins_cu13" / "lib"
    expected = f"{folder}/librefinemask_ort_cuda.so {folder}/librefinemask_trt.so\n"
    assert bare(environment, "python", "-c", code) == expected


@pytest.mark.parametrize(
    ("nvcc", "message"),
    [
        (None, "nvcc was not found; put it on the PATH or name it in CUDACXX"),
        ("echo Cuda compilation tools, release 12.9, V12.9.1", "must be of CUDA 13, it says: Cuda"),
    ],
)
def test_without_the_nvcc_that_it_needs(nvcc, message, tmp_path, monkeypatch):
    script = runpy.run_path(str(SCRIPT))
    monkeypatch.delenv("CUDACXX", raising=False)
    if nvcc is not None:
        (tmp_path / "nvcc").write_text(f"#!{shutil.which('sh')}\n{nvcc}\n")
        (tmp_path / "nvcc").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(script["WheelError"], match=re.escape(message)):
        script["check_cuda"]()
