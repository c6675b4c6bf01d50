"""Engines with their records: built by the command, and refused where they do not fit."""

import dataclasses
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from ctypes.util import find_library
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refinemask import engines
from refinemask.checkpoints import synthetic_model
from refinemask.configs.presets import preset
from refinemask.engines.tensorrt.build_lock import log_path
from refinemask.engines.tensorrt.cache import cached_engine, engine_path
from refinemask.engines.tensorrt.engine_file import build_artifact, make_profile
from refinemask.engines.tensorrt.flavours import TENSORRT_RTX
from refinemask.engines.tensorrt.options import BuildOptions, read_pools, read_shapes
from refinemask.engines.tensorrt.profile import default_profile
from refinemask.engines.tensorrt.record import EngineRecord, check_gpu, check_host, read_record
from refinemask.errors import RefineMaskError
from refinemask.inference.artifact import Artifact
from refinemask.inference.images import save_image
from refinemask.inference.metadata import InputLimits, sidecar_path
from tests.artifact_bytes import make_metadata, model_bytes
from tests.cli.program import invoke
from tests.tensorrt.artifacts import write_artifact

pytestmark = pytest.mark.tensorrt

RTX = BuildOptions("tensorrt_rtx")


@pytest.fixture(scope="module")
def artifact(rtx_plugins, tmp_path_factory):
    """Return a small Mask R-CNN of the form fused."""
    model = synthetic_model(preset("maskrcnn_small"))
    return write_artifact(model, "fused", tmp_path_factory.mktemp("fused") / "model.onnx")


@pytest.fixture(scope="module")
def built(artifact, tmp_path_factory):
    """Return the engine that the command builds of it, and what the command wrote as JSON."""
    engine = tmp_path_factory.mktemp("engine") / "model.engine"
    printed = engine.with_name("result.json")
    done = invoke(
        *("build", artifact.path, "--runtime", "tensorrt_rtx", "--output", engine),
        *("--max-shapes", "images:2x640x512x3", "--memory-pool-size", "workspace:1G"),
        *("--builder-optimization-level", "2", "--json", printed),
    )
    assert done.exit_code == 0, done.output
    return engine, json.loads(printed.read_text(encoding="utf-8"))


@pytest.fixture
def engine(built, tmp_path):
    """Return a copy of that engine with its record."""
    for path in (built[0], sidecar_path(built[0])):
        shutil.copy(path, tmp_path)
    return tmp_path / "model.engine"


def change(engine: Path, **values: object) -> None:
    """Change values in the record of an engine."""
    beside = sidecar_path(engine)
    record = json.loads(beside.read_text(encoding="utf-8"))
    beside.write_text(json.dumps(record | values), encoding="utf-8")


def test_the_command_writes_engine_record_and_log(built, artifact):
    engine, result = built
    assert result["bytes"] == engine.stat().st_size > 10_000_000
    assert result["layers"]["PLUGIN_V3"] == 4
    assert result["seconds"] > 0
    record = read_record(engine)
    assert record.metadata == artifact.metadata
    assert record.artifact_sha256 == artifact.sha256
    assert record.profile.shapes == {
        "images": ((1, 32, 32, 3), (1, 384, 512, 3), (2, 640, 512, 3)),
        "image_sizes": ((1, 2), (1, 2), (2, 2)),
    }
    words = " --max-shapes images:2x640x512x3 --memory-pool-size workspace:1073741824B"
    assert record.command(engine).endswith(
        f"--output {engine}{words} --builder-optimization-level 2"
    )
    check_host(record, engine)
    assert "[WARNING]" in log_path(engine).read_text(encoding="utf-8")
    assert EngineRecord.from_json(record.to_json()) == record


def test_info_describes_it(engine):
    done = invoke("info", engine)
    assert done.exit_code == 0, done.output
    for text in ("engine of TensorRT-RTX", "maskrcnn_small", "1x32x32x3 to 2x640x512x3"):
        assert text in done.stdout
    engine.write_bytes(b"")
    done = invoke("info", engine)
    assert done.exit_code == 1
    assert "is not the engine that model.engine.json is about" in done.stderr


def test_running_it_needs_a_gpu(engine):
    with pytest.raises(RefineMaskError, match=r"there is no GPU cuda:0.*nvidia-smi"):
        engines.open(engine, "tensorrt_rtx")


def test_bench_takes_engines(engine, tmp_path):
    photo = tmp_path / "photo.png"
    save_image(photo, np.zeros((64, 96, 3), np.uint8))
    done = invoke("bench", "--engine", engine, "--images", photo)
    assert done.exit_code == 1
    assert "there is no GPU cuda:0" in done.stderr
    sidecar_path(engine).unlink()
    done = invoke("bench", "--engine", engine, "--images", photo)
    assert done.exit_code == 1
    assert "engines are code: only those that refinemask build wrote" in done.stderr


@pytest.mark.parametrize("length", [0, 100, -1])
def test_an_engine_that_is_cut_short(engine, length):
    engine.write_bytes(engine.read_bytes()[:length])
    with pytest.raises(RefineMaskError, match=r"damaged, cut short or exchanged.*refinemask build"):
        engines.open(engine, "tensorrt_rtx")


def test_an_engine_with_another_bit(engine):
    data = bytearray(engine.read_bytes())
    data[len(data) // 2] ^= 1
    engine.write_bytes(data)
    with pytest.raises(RefineMaskError, match="damaged, cut short or exchanged"):
        engines.open(engine, "tensorrt_rtx")


def test_an_engine_without_its_record(engine):
    sidecar_path(engine).unlink()
    with pytest.raises(RefineMaskError, match="engines are code: only those that refinemask build"):
        engines.open(engine, "tensorrt_rtx")


def test_no_engine(tmp_path):
    with pytest.raises(RefineMaskError, match="does not exist; build it with: refinemask build"):
        engines.open(tmp_path / "model.engine", "tensorrt_rtx")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"runtime_version": "1.2.3"}, "built with TensorRT-RTX 1.2.3, and this is .*build it"),
        ({"plugins_sha256": "0" * 64}, "with another plugin library than .*refinemask_trt.so"),
        ({"runtime": "tensorrt"}, "engine of TensorRT; open it with the runtime tensorrt"),
        ({"schema_version": 9}, "schema version 9, and this version of refinemask reads 1"),
        ({"runtime": "another"}, "is not the record of an engine: it is damaged"),
        ({"engine_sha256": "x"}, "it is damaged"),
        ({"profile": {"shapes": {"images": [[1]]}, "values": {}}}, "it is damaged"),
        ({"profile": {"shapes": {"images": [[-1], [2], [3]]}, "values": {}}}, "it is damaged"),
        ({"artifact": "model\x1b[2J.onnx"}, "it is damaged"),
        ({"options": ["x" * 5000]}, "it is damaged"),
        ({"more": 1}, "it is damaged"),
        (
            {"options": ["--version-compatible"]},
            r"contains code, .*\(embedded_code=True\), or build",
        ),
        ({"metadata": {}}, "not the metadata of an artifact"),
    ],
)
def test_records_that_do_not_fit(engine, values, message):
    change(engine, **values)
    with pytest.raises(RefineMaskError, match=message):
        engines.open(engine, "tensorrt_rtx")


def test_engines_without_weights(engine, artifact, tmp_path):
    """The artifact is where it was, beside the engine, or given; then a GPU is what is missing."""

    def refused(message: str, **options: Any) -> None:
        with pytest.raises(RefineMaskError, match=message):
            chosen = engines.TensorRtOptions(**options)
            engines.open(engine, "tensorrt_rtx", tensorrt=chosen)

    change(engine, options=["--strip-weights"])
    refused("there is no GPU cuda:0")
    gone = tmp_path / "gone" / "model.onnx"
    change(engine, artifact=str(gone))
    refused(
        rf"has no weights.*not at {gone} or {tmp_path}/model.onnx; copy it there.*or build it "
        rf"again without --strip-weights: refinemask build {gone} [^-]*--runtime \w* --output \S*$"
    )
    refused("there is no GPU cuda:0", artifact=artifact.path)
    refused(f"not at {gone};", artifact=str(gone))
    shutil.copy(artifact.path, tmp_path)
    refused("there is no GPU cuda:0")
    (tmp_path / "model.onnx").write_bytes(model_bytes())
    refused(f"and {tmp_path}/model.onnx is not the artifact that it was built from")


@pytest.mark.parametrize("text", ["", "[1]", "null", "[" * 100_000, "\0", "x" * (1 << 23)])
def test_records_that_are_something_else(engine, text):
    sidecar_path(engine).write_text(text, encoding="utf-8")
    with pytest.raises(RefineMaskError, match="is not the record of an engine"):
        engines.open(engine, "tensorrt_rtx")


def test_another_gpu(engine):
    record = read_record(engine)
    check_gpu(record, engine, "8.9")  # it runs on all
    some = dataclasses.replace(record, compute_capabilities=("8.6",))
    check_gpu(some, engine, "8.6")
    with pytest.raises(RefineMaskError, match=r"capability 8.6, and this one has 8.9; build it"):
        check_gpu(some, engine, "8.9")


def test_shapes_outside_the_profile(engine):
    profile = read_record(engine).profile
    profile.check("images", (2, 640, 512, 3))
    with pytest.raises(RefineMaskError, match="from 1x32x32x3 to 2x640x512x3, got 3x64x64x3"):
        profile.check("images", (3, 64, 64, 3))
    with pytest.raises(RefineMaskError, match="--max-shapes"):
        profile.check("images", (64, 64, 3))


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


def test_spellings_of_trtexec():
    assert read_shapes("images:1x32x64x3,image_sizes:1x2") == (
        ("images", (1, 32, 64, 3)),
        ("image_sizes", (1, 2)),
    )
    assert read_pools("workspace:1.5G,tacticSharedMem:48K") == (
        ("workspace", 3 << 29),
        ("tacticSharedMem", 48 << 10),
    )
    assert read_pools("workspace:2") == (("workspace", 2 << 20),)


def test_default_profiles():
    limits = InputLimits(800, 1333)
    assert default_profile(make_metadata(limits)).shapes == {
        "images": ((1, 32, 32, 3), (1, 800, 1344, 3), (4, 1344, 1344, 3)),
        "image_sizes": ((1, 2), (1, 2), (4, 2)),
    }
    fixed = InputLimits(800, 1333, batch=2, height=800, width=1344)
    assert default_profile(make_metadata(fixed)).shapes == {}
    given = default_profile(make_metadata(fixed, outputs="masks")).shapes
    assert given == {"rois": ((0, 5), (100, 5), (1000, 5)), "labels": ((0,), (100,), (1000,))}


def test_profiles_that_are_given_in_part(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(model_bytes())
    artifact = Artifact.open(path)

    def profile(**shapes):
        read: dict[str, Any] = {name: read_shapes(text) for name, text in shapes.items()}
        return make_profile(artifact, dataclasses.replace(RTX, **read))

    small = profile(max_shapes="images:1x64x64x3")
    assert small.shapes["images"] == ((1, 32, 32, 3), (1, 64, 64, 3), (1, 64, 64, 3))
    assert small.shapes["image_sizes"] == ((1, 2), (1, 2), (1, 2))
    large = profile(min_shapes="images:8x64x96x3")
    assert large.shapes["images"][1:] == ((8, 64, 96, 3), (8, 96, 96, 3))
    with pytest.raises(RefineMaskError, match=r"multiples of 32 from 32 to 2048, got 1x70x64x3"):
        profile(max_shapes="images:1x70x64x3")
    with pytest.raises(RefineMaskError, match=r"inputs of .* are images of 4 sizes"):
        profile(max_shapes="pictures:1x64x64x3")
    with pytest.raises(RefineMaskError, match="in this order in each dimension"):
        profile(min_shapes="images:1x96x96x3", opt_shapes="images:1x64x64x3")


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
