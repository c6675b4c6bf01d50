"""Where the headers of the native libraries come from, with no network."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "plugins" / "fetch_headers.py"


def fetch(name: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, name, "--folder", folder],
        env=os.environ | variables,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("name", "header"), [("onnxruntime", "onnxruntime_cxx_api.h"), ("tensorrt", "NvInfer.h")]
)
def test_headers_that_are_there_are_not_fetched_again(name, header, tmp_path):
    include = tmp_path / name / "include"
    include.mkdir(parents=True)
    (include / header).touch()
    done = fetch(name, tmp_path, PATH="/nonexistent")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / name}\n"


def test_no_apt(tmp_path):
    done = fetch("onnxruntime", tmp_path, PATH="/nonexistent")
    assert done.returncode == 1
    assert "this machine has no apt-get; set ONNXRUNTIME_ROOT to the folder" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_apt_for_opencv(tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT.with_name("fetch_opencv.py"), "--folder", tmp_path / "opencv"],
        env=os.environ | {"PATH": "/nonexistent"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "this machine has no apt-get; install it, on Debian as libopencv-dev" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_package_index(tmp_path):
    nowhere = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "none")}
    done = fetch("tensorrt", tmp_path, **nowhere)
    assert done.returncode == 1
    assert "pip download" in done.stderr
    assert "failed: ERROR: " in done.stderr
    assert "set TENSORRT_ROOT to the folder" in done.stderr
    assert list(tmp_path.iterdir()) == []
