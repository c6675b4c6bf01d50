"""The result of the measurement, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from refinemask.benchmarks.latency.bench import bench
from refinemask.benchmarks.latency.figures import STATISTICS
from refinemask.benchmarks.latency.interleave import PHASES
from refinemask.benchmarks.latency.options import BenchOptions, RecordOptions
from refinemask.benchmarks.latency.table import format_table
from refinemask.cli.main import app
from refinemask.errors import RefineMaskError


def measured(targets: list[str], images: list[Path], **changes: Any) -> BenchOptions:
    return BenchOptions(tuple(images), tuple(targets), **changes)


def test_the_result_is_as_documented(artifacts: list[str], photographs: list[Path]) -> None:
    lines: list[str] = []
    result = bench(measured(artifacts, photographs, warm_up=1, iterations=3), lines.append)
    json.dumps(result, allow_nan=False)
    assert [result[name] for name in ("images", "warm_up", "iterations")] == [2, 1, 3]
    assert (result["device"], result["threads"]) == ("cpu", None)
    assert result["load_average"] >= 0
    first, second = result["artifacts"]
    assert [first["target"], second["target"]] == artifacts
    assert (first["runtime"], first["model"]) == ("onnxruntime", "maskrcnn_small")
    assert first["name"] != second["name"]
    assert first["ratio"] == 1
    medians = [entry["end_to_end"]["median"] for entry in (first, second)]
    assert second["ratio"] == pytest.approx(medians[1] / medians[0])
    for entry in (first, second):
        for phase in PHASES:
            assert tuple(entry[phase]) == STATISTICS
            assert list(entry[phase].values()) != [0] * len(STATISTICS)
        parts = sum(entry[phase]["mean"] for phase in PHASES[:3])
        assert parts == pytest.approx(entry["end_to_end"]["mean"])
        assert entry["throughput"] == pytest.approx(1e3 / entry["end_to_end"]["mean"])
        assert entry["peak_memory_bytes"] > 1 << 20
    assert len(lines) == 3
    assert (result["streams"], result["transfers"]) == (1, "none")
    assert [entry["mask_rcnn"] for entry in (first, second)] == [None, None]
    table = format_table(result)
    assert "Transfers: none, everything runs on the CPU" in table
    assert table.count("Throughput: ") == 2
    assert artifacts[1] in table


def test_images_beyond_the_iterations_are_left_out(
    artifacts: list[str], photographs: list[Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_text("not an image")
    once = {"warm_up": 0, "iterations": 1}
    result = bench(measured(artifacts[:1], [photographs[0], broken], **once))
    assert result["images"] == 1
    with pytest.raises(RefineMaskError, match=r"broken\.png"):
        bench(measured(artifacts[:1], [broken], **once))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets": []}, "give at least one --artifact FILE, --engine FILE or --model"),
        ({"images": []}, "no images"),
        ({"iterations": 0}, "--iterations must be >= 1, got 0"),
        ({"warm_up": -1}, "--warm-up must be >= 0, got -1"),
        ({"runtime": "caffe"}, "unknown runtime 'caffe'; choose one of onnxruntime"),
        ({"threads": 0}, "--threads must be >= 1, got 0"),
        ({"duration": -1.0}, "--duration must be >= 0, got -1"),
        ({"streams": 0}, "--streams must be between 1 and 256, got 0"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"targets": ["nowhere.onnx"]}, "nowhere.onnx does not exist"),
        ({"targets": ["m.onnx@caffe"]}, "unknown runtime 'caffe'"),
    ],
)
def test_what_cannot_be_measured_is_an_error(
    changes: dict[str, Any], message: str, artifacts: list[str], photographs: list[Path]
) -> None:
    arguments = {"targets": artifacts, "images": photographs, **changes}
    with pytest.raises(RefineMaskError, match=message):
        bench(measured(**arguments))


def test_the_command_writes_json(artifacts: list[str], photographs: list[Path]) -> None:
    options = ["--images", str(photographs[0]), "--iterations", "1", "--warm-up", "0"]
    done = CliRunner().invoke(
        app, ["bench", "--artifact", artifacts[0], *options, "--json", "-", "--threads", "1"]
    )
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert result["threads"] == 1
    assert result["setup"].keys() == {"command", "versions", "machine"}
    assert "measuring" in done.stderr


def test_times_and_layers_are_recorded(
    artifacts: list[str], photographs: list[Path], tmp_path: Path
) -> None:
    times = tmp_path / "times.json"
    targets = [artifacts[0], artifacts[0].replace("@onnxruntime", "@openvino")]
    options = measured(targets, photographs, iterations=2, streams=2, threads=1)
    result = bench(options, record=RecordOptions(times, dump_profile=True))
    for entry, exported in zip(
        result["artifacts"], json.loads(times.read_text())["artifacts"], strict=True
    ):
        assert exported["name"] == entry["name"]
        runs = exported["runs"]
        assert [run["stream"] for run in runs] == [0, 1, 0, 1]
        assert [Path(run["image"]).name for run in runs] == [p.name for p in photographs] * 2
        for phase in PHASES:
            mean = 1e3 * sum(run[phase] for run in runs) / len(runs)
            assert mean == pytest.approx(entry[phase]["mean"])
        layers = entry["profile"]["layers"]
        assert any("ReduceMean" in layer["kind"] for layer in layers)
        slowest = [layer["milliseconds"] for layer in layers]
        assert slowest == sorted(slowest, reverse=True)
        assert 0 < sum(slowest) < entry["profile"]["inference"]
    table = format_table(result)
    assert "An iteration is 2 images at the same time" in table
    assert table.count("in a run of their own") == 2
    assert "share  layer" in table


def test_files_that_would_overwrite_each_other_are_refused(
    artifacts: list[str], photographs: list[Path], tmp_path: Path
) -> None:
    path = artifacts[0].removesuffix("@onnxruntime")
    arguments = ["bench", "--artifact", path, "--images", str(photographs[0])]
    for files in (["--export-times", path], ["--json", "x", "--export-times", "x"]):
        done = CliRunner().invoke(app, [*arguments, *files])
        assert done.exit_code == 2, done.output
    missing = ["--export-times", str(photographs[0] / "x.json")]
    assert CliRunner().invoke(app, [*arguments, *missing]).exit_code == 1
