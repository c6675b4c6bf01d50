"""Processes that open the same artifact at a time: one builds the engine, and the others wait."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import pytest

from refinemask.checkpoints import synthetic_model
from refinemask.child_process import module_environment
from refinemask.configs.presets import preset
from refinemask.engines.tensorrt.build_lock import log_path
from refinemask.engines.tensorrt.record import read_record
from tests.tensorrt.artifacts import write_artifact

pytestmark = pytest.mark.tensorrt

PROGRAM = """
import sys
from pathlib import Path
from refinemask.engines.tensorrt.cache import build_once
from refinemask.engines.tensorrt.flavours import TENSORRT_RTX
from refinemask.inference.artifact import Artifact

build_once(Artifact.open(sys.argv[1]), Path(sys.argv[2]), TENSORRT_RTX, 0)
"""
WAITING = "waiting for another process, which is building"


@pytest.fixture(scope="module")
def artifact(rtx_plugins, tmp_path_factory) -> Path:
    """Return a small artifact, which builds in a second."""
    path = tmp_path_factory.mktemp("masks") / "model.onnx"
    model = synthetic_model(preset("maskrcnn_small"))
    return write_artifact(model, "fused", path, outputs="masks").path


@contextmanager
def opener(artifact: Path, engine: Path) -> Iterator["subprocess.Popen[str]"]:
    """Start a process that opens the engine of an artifact."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(artifact), str(engine)],
        env=module_environment(),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def errors(process: "subprocess.Popen[str]") -> IO[str]:
    assert process.stderr is not None
    return process.stderr


def test_one_builds_and_the_others_wait(artifact, tmp_path):
    engine = tmp_path / "model.engine"
    with ExitStack() as stack:
        with log_path(engine).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            processes = [stack.enter_context(opener(artifact, engine)) for _ in range(3)]
            for process in processes:
                assert WAITING in errors(process).readline()
            interrupted = processes.pop()
            interrupted.send_signal(signal.SIGINT)
            assert "KeyboardInterrupt" in interrupted.communicate(timeout=60)[1]
            assert not engine.exists()
        said = [process.communicate(timeout=120)[1] for process in processes]
        assert [process.returncode for process in processes] == [0, 0]
    assert sorted("building the engine of" in text for text in said) == [False, True]
    read_record(engine)
    assert {path.name for path in tmp_path.iterdir()} == {
        "model.engine",
        "model.engine.json",
        "model.engine.log",
    }


def test_a_builder_that_is_killed(artifact, tmp_path):
    """It leaves no lock, and the process that waits builds the engine."""
    engine = tmp_path / "model.engine"
    with opener(artifact, engine) as builder:
        assert "building the engine of" in errors(builder).readline()
        os.kill(builder.pid, signal.SIGSTOP)
        with opener(artifact, engine) as waiting:
            assert WAITING in errors(waiting).readline()
            time.sleep(0.2)
            assert waiting.poll() is None
            builder.kill()
            _, said = waiting.communicate(timeout=120)
    assert waiting.returncode == 0, said
    assert "building the engine of" in said
    read_record(engine)
