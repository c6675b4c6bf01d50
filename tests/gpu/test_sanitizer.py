"""compute-sanitizer over the kernels: memory, races, uninitialised values, barriers."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.gpu, pytest.mark.slow]


@pytest.mark.parametrize("tool", ["memcheck", "racecheck", "initcheck", "synccheck"])
def test_compute_sanitizer(gpu, tool):
    sanitizer = shutil.which("compute-sanitizer") or shutil.which(
        "/usr/local/cuda/bin/compute-sanitizer"
    )
    if sanitizer is None:
        pytest.skip("no compute-sanitizer; it comes with the CUDA toolkit")
    # Of this process's kernels only ours are looked at, by a part of their mangled names.
    command = [sanitizer, "--tool", tool, "--kernel-regex", "kns=refinemask"]
    command += ["--error-exitcode", "9"]
    tests = str(Path(__file__).with_name("test_kernels.py"))
    options = ["-q", "-p", "no:cacheprovider", "-k", "not stream and not bits"]
    done = subprocess.run(
        [*command, sys.executable, "-m", "pytest", tests, *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=3600,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
    summary = "RACECHECK SUMMARY: 0 hazards" if tool == "racecheck" else "ERROR SUMMARY: 0 errors"
    assert summary in done.stdout
