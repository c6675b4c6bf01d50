"""The libraries for aarch64: they compile and link; nothing here runs them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

EM_AARCH64 = 183
"""The machine in the header of an ELF file, bytes 18 and 19."""


def run(*command: str | Path) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_cross_compilation():
    if shutil.which("aarch64-linux-gnu-g++") is None:
        pytest.skip("there is no cross compiler; on Debian: apt-get install g++-aarch64-linux-gnu")
    run("cmake", "-S", "plugins", "--preset", "aarch64")
    assert "warning:" not in run("cmake", "--build", "build/aarch64", "--clean-first")
    for name in ("librefinemask.so", "librefinemask_ort.so"):
        header = (ROOT / "build" / "aarch64" / "lib" / name).read_bytes()[:20]
        assert header[:4] == b"\x7fELF"
        assert int.from_bytes(header[18:], "little") == EM_AARCH64
