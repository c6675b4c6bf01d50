"""The example with OpenCV in C++: images go in and masks come out as cv::Mat, without copies."""

import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.engines.c_library import runtime_library
from tests.engines.test_c_programs import FLAGS, artifact, prefix, run, run_well

__all__ = ["artifact", "prefix"]
SOURCES = ROOT / "examples" / "cpp" / "opencv"


@pytest.fixture(scope="module")
def opencv(tmp_path_factory) -> list[str]:
    """Return what tells CMake where OpenCV is: nothing if it is installed, or Debian's packages."""
    installed = ["-DNAME=OpenCV", "-DCOMPILER_ID=GNU", "-DLANGUAGE=CXX", "-DMODE=EXIST"]
    folder = tmp_path_factory.mktemp("find_opencv")  # CMake leaves files where it is
    if run("cmake", "-E", "chdir", folder, "cmake", "--find-package", *installed).returncode == 0:
        return []
    done = run(sys.executable, ROOT / "plugins" / "fetch_opencv.py")
    if done.returncode != 0:
        pytest.skip(done.stderr.strip())
    return [f"-DOpenCV_DIR={done.stdout.strip()}"]


@pytest.fixture(scope="module")
def overlay(prefix, opencv, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("opencv")
    flags = {"CXXFLAGS": FLAGS}
    run_well(
        "cmake", "-S", SOURCES, "-B", folder, f"-DCMAKE_PREFIX_PATH={prefix}", *opencv, **flags
    )
    run_well("cmake", "--build", folder)
    return folder / "overlay"


def test_overlay(overlay, artifact, picture, tmp_path):
    drawn = tmp_path / "overlay.ppm"
    library = {"REFINEMASK_ONNXRUNTIME": runtime_library("onnxruntime")}
    printed = run_well(overlay, artifact, picture, drawn, **library)
    assert printed == "person 0.784314: 1536 pixels in [48 x 32 from (0, 0)]\n"
    pixels = np.frombuffer(drawn.read_bytes()[13:], np.uint8).reshape(64, 96, 3)
    assert pixels[16, 24].tolist() == [215, 130, 130]  # half grey, half red: RGB again
    assert (pixels[40:] == 200).all() and (pixels[:, 54:] == 200).all()


def test_what_is_refused(overlay, picture):
    done = run(overlay, "nothing.onnx", picture, "out.ppm")
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing.onnx does not exist" in done.stderr
