"""Builds of engines: one at a time, and whole or not at all; and what is refused before."""

import dataclasses
import fcntl
import os
import signal
import subprocess
import sys
import time
from ctypes.util import find_library
from pathlib import Path

import pytest

from refinemask import engines
from refinemask.engines.tensorrt.build_lock import log_path
from refinemask.engines.tensorrt.cache import cached_engine, engine_path
from refinemask.engines.tensorrt.engine_file import build_artifact
from refinemask.engines.tensorrt.flavours import TENSORRT_RTX
from refinemask.engines.tensorrt.options import BuildOptions
from refinemask.errors import RefineMaskError
from refinemask.inference.metadata import sidecar_path
from tests.artifact_bytes import model_bytes
from tests.cli.program import invoke

pytestmark = pytest.mark.tensorrt

RTX = BuildOptions("tensorrt_rtx")


def test_one_build_at_a_time(artifact, tmp_path):
    output = tmp_path / "model.engine"
    with log_path(output).open("wb") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        with pytest.raises(RefineMaskError, match=r"another process is building .*model.engine"):
            build_artifact(artifact, output, RTX)
    assert [path.name for path in tmp_path.iterdir()] == ["model.engine.log"]


def test_ctrl_c_ends_a_build(artifact, tmp_path):
    """Nothing is half-written, and the process that built is gone."""
    command = [sys.executable, "-m", "refinemask", "build", str(artifact.path)]
    command += ["--runtime", "tensorrt_rtx", "--output", str(tmp_path / "model.engine")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
        child = _first_child(program.pid)
        program.send_signal(signal.SIGINT)
        _, errors = program.communicate(timeout=60)
    assert program.returncode == 130
    assert "interrupted" in errors
    assert _ends(child)
    assert {path.name for path in tmp_path.iterdir()} <= {"model.engine.log"}


def _first_child(process: int) -> int:
    """Wait until a process has started another, and return that."""
    children = Path(f"/proc/{process}/task/{process}/children")
    until = time.monotonic() + 60
    while time.monotonic() < until:
        started = children.read_text(encoding="ascii").split()
        if started:
            return int(started[0])
        time.sleep(0.02)
    raise AssertionError("no process was started")


def test_a_build_that_fails_leaves_what_was_there(artifact, tmp_path):
    output = tmp_path / "model.engine"
    output.write_bytes(b"an engine")
    sidecar_path(output).write_text("its record")
    options = BuildOptions("tensorrt_rtx", compute_capabilities=("9.0",))
    with pytest.raises(RefineMaskError, match=r"9\.0 is none of 7\.5, 8\.0, 8\.6, 8\.9, 12"):
        build_artifact(artifact, output, options)
    with pytest.raises(RefineMaskError, match="there is no GPU cuda:1"):
        build_artifact(artifact, output, RTX, gpu=1)
    assert output.read_bytes() == b"an engine"
    assert sidecar_path(output).read_text() == "its record"


def test_memory_runs_out(artifact, tmp_path):
    """The system ends the process that takes most: an error with advice, not a mere signal."""
    command = [sys.executable, "-m", "refinemask", "build", str(artifact.path)]
    command += ["--runtime", "tensorrt_rtx", "--output", str(tmp_path / "model.engine")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
        os.kill(_first_child(program.pid), signal.SIGKILL)
        _, errors = program.communicate(timeout=60)
    assert program.returncode == 1
    assert "TensorRT-RTX could not build" in errors
    assert "ended by SIGKILL" in errors
    assert "memory ran out: use smaller --max-shapes" in errors
    assert [path.name for path in tmp_path.iterdir()] == ["model.engine.log"]


def test_forms_that_are_not_taken(tmp_path):
    path = tmp_path / "portable.onnx"
    path.write_bytes(model_bytes())
    done = invoke("build", path, "--runtime", "tensorrt_rtx", "--output", tmp_path / "m.engine")
    assert done.exit_code == 1
    assert "of the form portable, whose operators TensorRT-RTX lacks" in done.stderr
    assert "--form fused, or --form static" in done.stderr
    with pytest.raises(RefineMaskError, match="whose operators TensorRT-RTX lacks"):
        engines.open(path, "tensorrt_rtx")


def test_engines_without_weights_are_built_on_a_gpu(artifact, tmp_path):
    if find_library("cuda"):
        pytest.skip("there is a driver of NVIDIA")
    options = dataclasses.replace(RTX, strip_weights=True)
    with pytest.raises(RefineMaskError, match="only where a GPU is: build without --strip-weights"):
        build_artifact(artifact, tmp_path / "model.engine", options)
    assert [path.name for path in tmp_path.iterdir()] == ["model.engine.log"]


def test_an_output_that_is_an_input(artifact):
    done = invoke("build", artifact.path, "--runtime", "tensorrt_rtx", "--output", artifact.path)
    assert done.exit_code == 2
    assert "is an input of this command" in done.stderr


def test_tensorrt_is_not_installed(artifact, tmp_path):
    done = invoke("build", artifact.path, "--runtime", "tensorrt", "--output", tmp_path / "e")
    assert done.exit_code == 1
    assert "TensorRT is not installed; pip install 'refinemask[tensorrt]'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tensorrt_rtx", "--version-compatible"], "is an option of TensorRT, not of TensorRT-RTX"),
        (["tensorrt_rtx", "--timing-cache", "times"], "build with --runtime tensorrt"),
        (["tensorrt", "--version-compatible", "--strip-weights"], "leave out --strip-weights"),
        (["tensorrt", "--compute-capabilities", "8.9"], "build with --runtime tensorrt_rtx"),
        (["tensorrt_rtx", "--compute-capabilities", "ada"], "are given as 8.6,8.9, got 'ada'"),
        (["tensorrt_rtx", "--max-shapes", "images"], "NAME:SIZExSIZE, such as images:1x800x1344x3"),
        (["tensorrt_rtx", "--max-shapes", "a:1,a:2"], "name an input twice"),
        (["tensorrt_rtx", "--memory-pool-size", "dla:1G"], "such as workspace:2G, got 'dla:1G'"),
    ],
)
def test_wrong_usage(artifact, tmp_path, arguments, message):
    output = tmp_path / "model.engine"
    done = invoke("build", artifact.path, "--output", output, "--runtime", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


def test_cached_engines(artifact, tmp_path, monkeypatch):
    """The name of a cached engine depends on all that decides whether it fits."""
    monkeypatch.setenv("REFINEMASK_CACHE", str(tmp_path))
    first = engine_path(artifact, TENSORRT_RTX, "GPU 8.9")
    assert first.is_relative_to(tmp_path)
    assert first == engine_path(artifact, TENSORRT_RTX, "GPU 8.9")
    other = dataclasses.replace(artifact, sha256="0" * 64)
    names = {first, engine_path(other, TENSORRT_RTX, "GPU 8.9")}
    assert len(names | {engine_path(artifact, TENSORRT_RTX, "GPU 8.6")}) == 3
    with pytest.raises(RefineMaskError, match="there is no GPU cuda:0"):
        cached_engine(artifact, TENSORRT_RTX, 0)
    assert not list(tmp_path.iterdir())


def test_the_worker_ends_when_nobody_waits(artifact, tmp_path):
    """A build whose parent was killed cancels itself at its next step."""
    command = [sys.executable, "-m", "refinemask", "build", str(artifact.path)]
    command += ["--runtime", "tensorrt_rtx", "--output", str(tmp_path / "model.engine")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as program:
        child = _first_child(program.pid)
        program.kill()
    assert _ends(child)


def _ends(process: int) -> bool:
    """Wait until a process is gone."""
    until = time.monotonic() + 120
    while _alive(process) and time.monotonic() < until:
        time.sleep(0.1)
    return not _alive(process)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/stat").read_text(encoding="ascii").split()[2] != "Z"
