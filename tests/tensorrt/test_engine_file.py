"""Engines with their records: built by the command, and refused where they do not fit."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refinemask import engines
from refinemask.engines.tensorrt.build_lock import log_path
from refinemask.engines.tensorrt.options import BuildOptions
from refinemask.engines.tensorrt.record import EngineRecord, check_gpu, check_host, read_record
from refinemask.errors import RefineMaskError
from refinemask.inference.images import save_image
from refinemask.inference.metadata import sidecar_path
from tests.artifact_bytes import model_bytes
from tests.cli.program import invoke

pytestmark = pytest.mark.tensorrt

RTX = BuildOptions("tensorrt_rtx")


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
