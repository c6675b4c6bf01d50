"""The programs in examples/, built against librefinemask as it is installed in a prefix."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.engines.c_library import runtime_library
from tests.engines.test_engines import FUSED_GRAPH

BUILD = ROOT / os.environ.get("REFINEMASK_BUILD", "build/setup")
"""Where the libraries were built: by setup.py, or with a sanitizer."""
FLAGS = "-Wall -Wextra -Werror"
NOT_OURS = """
{
    copies in ONNX Runtime
    Memcheck:Overlap
    ...
    obj:*/libonnxruntime*
}
{
    texts that the loader compares a word at a time
    Memcheck:Addr8
    fun:strncmp
    ...
    fun:_dl_map_object
}
"""
"""Of valgrind, what is none of our business."""


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )


def run_well(*command: str | Path, **environment: str) -> str:
    done = run(*command, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """Return the folder of an installation that has been moved since."""
    if not (BUILD / "refinemask.pc").is_file():
        pytest.skip("the libraries were not built in this checkout; build them with: make native")
    first = tmp_path_factory.mktemp("first") / "prefix"
    run_well("cmake", "--install", BUILD, "--prefix", first)
    moved = tmp_path_factory.mktemp("moved") / "prefix"
    return Path(shutil.move(first, moved))


@pytest.fixture(scope="module")
def programs(prefix, tmp_path_factory):
    """Return the folder of the compiled examples."""
    folder = tmp_path_factory.mktemp("programs")
    sources, path = ROOT / "examples" / "cpp", f"-DCMAKE_PREFIX_PATH={prefix}"
    flags = {name: f"{os.environ.get(name, '')} {FLAGS}" for name in ("CFLAGS", "CXXFLAGS")}
    run_well("cmake", "-S", sources, "-B", folder, path, **flags)
    run_well("cmake", "--build", folder, "--parallel", "2")
    return folder


@pytest.fixture
def artifact(make_artifact):
    pytest.importorskip("onnxruntime")
    return make_artifact(graph=FUSED_GRAPH, form="fused")


def test_segment(programs, artifact, picture, tmp_path):
    overlay = tmp_path / "overlay.ppm"
    library = {"REFINEMASK_ONNXRUNTIME": runtime_library("onnxruntime")}
    printed = run_well(programs / "segment", artifact, picture, overlay, **library)
    assert printed == "person 0.784314 at 0 0 48 32\n"
    header, pixels = overlay.read_bytes()[:13], overlay.read_bytes()[13:]
    assert header == b"P6\n96 64\n255\n"
    coloured = np.frombuffer(pixels, np.uint8).reshape(64, 96, 3) != 200
    assert coloured.any(2)[:32, :48].all() and not coloured[34:].any()


def test_segment_in_c(programs, artifact, picture):
    library = {"REFINEMASK_ONNXRUNTIME": runtime_library("onnxruntime")}
    printed = run_well(programs / "segment_c", artifact, picture, **library)
    assert printed == "person 0.784: 1536 pixels\n"


def test_memory(programs, artifact, picture, tmp_path):
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed")
    suppressions = tmp_path / "others.supp"
    suppressions.write_text(NOT_OURS, encoding="utf-8")
    checks = ["--quiet", "--error-exitcode=9", "--leak-check=full"]
    checks += ["--errors-for-leak-kinds=definite", f"--suppressions={suppressions}"]
    library = {"REFINEMASK_ONNXRUNTIME": runtime_library("onnxruntime")}
    printed = run_well("valgrind", *checks, programs / "segment_c", artifact, picture, **library)
    assert printed == "person 0.784: 1536 pixels\n"


def test_camera(programs, artifact, picture):
    library = {"REFINEMASK_ONNXRUNTIME": runtime_library("onnxruntime")}
    printed = run_well(programs / "camera", artifact, picture, "20", "100", "3", **library)
    *histogram, last = printed.splitlines()
    counted = sum(int(line.rpartition(" ")[2]) for line in histogram)
    dropped = int(last.split()[2])
    assert counted + dropped == 20 and counted > 0
    assert last == f"20 frames, {dropped} dropped, {counted} objects"


def test_bench(programs, artifact, picture):
    library = {"REFINEMASK_ONNXRUNTIME": runtime_library("onnxruntime")}
    given = ["--artifact", artifact, "--image", picture, "--iterations", "5", "--masks", "rle"]
    printed = run_well(programs / "bench", *given, **library)
    assert "96 x 64, 1 objects, masks as rle" in printed
    phases = dict(re.findall(r"^(\w[\w ]*?) +min .* median +([\d.]+) ", printed, re.M))
    assert list(phases) == ["preprocess", "inference", "postprocess", "other", "end to end"]
    assert 0 < float(phases["inference"]) < float(phases["end to end"])
    done = run(programs / "bench", *given, "--mask", "rle", **library)
    assert (done.returncode, done.stderr.strip()) == (
        1,
        "bench: unknown option, or one without a value: --mask",
    )


def test_comparison_with_python(programs, artifact, picture, tmp_path):
    module = [sys.executable, "-m", "refinemask.benchmarks.latency.embedded"]
    given = ["--artifact", artifact, "--image", picture, "--rounds", "2", "--iterations", "3"]
    table = run_well(*module, *given, "--program", programs / "bench")
    assert "96 x 64 pixels, 1 objects; medians of 6, in turns" in table
    assert re.findall(r"^\| (\w+) \| [\d.]+ \| [\d.]+ \| [\d.]+ \|", table, re.M) == [
        "bitmap",
        "rle",
        "probs",
    ]
    done = run(*module, *given, "--program", tmp_path / "bench")
    assert done.returncode == 1
    assert "cannot run" in done.stderr and "build it as docs/embedding.md says" in done.stderr


@pytest.mark.parametrize("document", ["README.md", "docs/embedding.md"])
def test_code_in_the_documentation(prefix, document, tmp_path):
    text = (ROOT / document).read_text(encoding="utf-8")
    blocks = re.findall(r"^```cpp\n(.*?)^```", text, re.S | re.M)
    assert blocks
    for number, block in enumerate(blocks):
        source = tmp_path / f"block{number}.cpp"
        source.write_text(block, encoding="utf-8")
        flags = [*FLAGS.split(), "-std=c++17", "-fsyntax-only"]
        run_well("c++", *flags, "-I", prefix / "include", source)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "usage: segment MODEL.onnx photo.ppm overlay.ppm"),
        (["nothing.onnx", "PICTURE", "out.ppm"], 1, "nothing.onnx does not exist; make it with"),
        (["ARTIFACT", "PICTURE", "out.ppm"], 1, "ONNX Runtime could not be loaded .*nowhere.so"),
        (["ARTIFACT", "ARTIFACT", "out.ppm"], 1, "ONNX Runtime could not be loaded|is not a PPM"),
    ],
)
def test_what_is_refused(programs, artifact, picture, arguments, code, message):
    files = {"PICTURE": picture, "ARTIFACT": artifact}
    given = [files.get(argument, argument) for argument in arguments]
    done = run(programs / "segment", *given, REFINEMASK_ONNXRUNTIME="/nowhere.so")
    assert done.returncode == code
    assert done.stdout == ""
    assert re.search(message, done.stderr), done.stderr
    assert not Path("out.ppm").exists()


def test_pkg_config(prefix, tmp_path):
    if shutil.which("pkg-config") is None:
        pytest.skip("pkg-config is not installed")
    folder = {"PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig")}
    flags = run_well("pkg-config", "--cflags", "--libs", "refinemask", **folder).split()
    source = tmp_path / "version.c"
    source.write_text(
        "#include <refinemask/refinemask.h>\n#include <stdio.h>\n"
        "int main(void) { return puts(refinemask_version()) < 0; }\n"
    )
    program = tmp_path / "version"
    run_well("cc", source, "-o", program, *flags)
    printed = run_well(program, LD_LIBRARY_PATH=str(prefix / "lib"))
    assert printed.strip() == run_well("pkg-config", "--modversion", "refinemask", **folder).strip()


def test_symbols(prefix):
    """The library shows the functions of its header and those that Python calls, nothing else."""
    listed = run_well("nm", "-D", "--defined-only", prefix / "lib" / "librefinemask.so")
    shown = {line.split()[-1] for line in listed.splitlines()}
    headers = [
        prefix / "include" / "refinemask" / "refinemask.h",
        ROOT / "plugins" / "runtime" / "c_api.h",
    ]
    declared = set()
    for header in headers:
        declared |= set(re.findall(r"\b(refinemask_\w+)\(", header.read_text(encoding="utf-8")))
    comments = {
        "refinemask_free",
        "refinemask_last_error",
        "refinemask_close",
        "refinemask_predict",
    }
    assert comments < declared
    assert shown == declared
