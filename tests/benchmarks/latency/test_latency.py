"""The arithmetic of the measurement, its order, and its result."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from refinemask.benchmarks.latency.bench import (
    PHASES,
    STATISTICS,
    bench,
    format_table,
    interleave,
    summarise,
)
from refinemask.benchmarks.latency.options import BenchOptions
from refinemask.cli.main import app
from refinemask.engines import Engine
from refinemask.errors import RefineMaskError
from refinemask.inference.metadata import ArtifactMetadata
from refinemask.inference.structures import RawArrays


class Recorder(Engine):
    """An engine that detects nothing and notes the brightness of each image it is given."""

    def __init__(self, metadata: ArtifactMetadata, log: list[tuple[str, int]], name: str) -> None:
        """Note runs in `log` under `name`."""
        super().__init__(metadata, name)
        self.log, self.name = log, name

    def _run(self, images: NDArray[np.uint8], image_sizes: NDArray[np.int64]) -> RawArrays:
        self.log.append((self.name, int(images.max())))
        none = np.zeros(0, np.float32)
        return RawArrays(
            boxes=np.zeros((0, 4), np.float32),
            scores=none,
            labels=none.astype(np.int64),
            image_index=none.astype(np.int64),
            masks=np.zeros((0, 28, 28), np.float32),
        )


def test_statistics_of_known_samples() -> None:
    figures = summarise([0.001 * value for value in (4, 1, 3, 2, 5)])
    expected = {"min": 1, "mean": 3, "median": 3, "p90": 4.6, "p95": 4.8, "p99": 4.96}
    assert figures == pytest.approx(expected)
    assert tuple(figures) == STATISTICS


def test_statistics_of_one_sample() -> None:
    assert set(summarise([0.25]).values()) == {250.0}


def test_engines_take_turns_image_by_image(metadata) -> None:
    log: list[tuple[str, int]] = []
    engines = [Recorder(metadata(), log, name) for name in "ab"]
    images = [np.full((64, 96, 3), value, np.uint8) for value in (10, 20, 30)]
    interleave(engines, images, warm_up=2, iterations=4)
    values = [10, 20, 10, 20, 30, 10]
    assert log == [(name, value) for value in values for name in "ab"]


def test_phases_lie_between_the_readings_of_the_clock(metadata) -> None:
    # Readings of one run: its start, and the ends of its three phases.
    readings = itertools.accumulate(itertools.cycle((1.0, 2.0, 4.0, 8.0)))
    engine = Recorder(metadata(), [], "a")
    image = np.zeros((64, 96, 3), np.uint8)
    [times] = interleave([engine], [image], 0, 2, clock=lambda: next(readings))
    expected = ([2.0] * 2, [4.0] * 2, [8.0] * 2, [14.0] * 2)
    assert times == dict(zip(PHASES, expected, strict=True))


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
    table = format_table(result)
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
        ({"targets": []}, "give at least one --artifact FILE or --model"),
        ({"images": []}, "no images"),
        ({"iterations": 0}, "--iterations must be >= 1, got 0"),
        ({"warm_up": -1}, "--warm-up must be >= 0, got -1"),
        ({"runtime": "caffe"}, "--runtime must be onnxruntime or openvino or torch, got 'caffe'"),
        ({"threads": 0}, "--threads must be >= 1, got 0"),
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
