"""The benchmark of the operators: what it measures of made-up ones, and the real cases."""

import json
import time

import numpy as np
import pytest
from typer.testing import CliRunner

from refinemask.benchmarks.operators.case import Case, random_boxes
from refinemask.benchmarks.operators.command import operators
from refinemask.benchmarks.operators.measure import measure
from refinemask.benchmarks.operators.onnx_sessions import Sessions
from refinemask.benchmarks.operators.suite import cases
from refinemask.benchmarks.operators.table import format_table
from refinemask.commands import new_program
from refinemask.errors import RefineMaskError
from refinemask.inference import native


def made_up(agrees=True, target=2.0):
    return Case(
        name="Nothing",
        target=target,
        bytes=1000,
        ours=lambda: time.sleep(0.001),
        baselines={"slow": lambda: time.sleep(0.02), "slower": lambda: time.sleep(0.03)},
        agree=lambda _, __: agrees,
        shown_only=["slower"],
    )


def test_ratios_and_targets():
    result = measure(made_up(), 3, copy_bytes_per_second=1e6)
    assert result["floor_ms"] == pytest.approx(1)
    assert result["times_floor"] == pytest.approx(result["ours"]["median_ms"])
    assert result["ours"].keys() == {"median_ms", "min_ms", "cpu_ms"}
    assert result["ours"]["cpu_ms"] < result["ours"]["median_ms"]  # it only sleeps
    slow, slower = result["baselines"].values()
    assert slow["ratio"] > 2 and slow["met"] and slow["median_ms"] >= 20
    assert slower["met"] is None
    missed = measure(made_up(target=1e9), 1, copy_bytes_per_second=1e6)
    assert missed["baselines"]["slow"]["met"] is False
    setup = {"command": "x", "versions": {}, "machine": {"processor": "y", "cores": 1}}
    table = format_table(
        {
            "setup": setup,
            "threads": 1,
            "iterations": 1,
            "load_average": 0.0,
            "copy_bytes_per_second": 1e6,
            "cases": [result, missed],
        }
    )
    assert table.count("(missed)") == 1 and table.count("| Nothing |") == 2
    columns = {line.count("|") for line in table.splitlines()[2:]}
    assert columns == {8}


def test_results_that_differ_are_an_error():
    with pytest.raises(RefineMaskError, match="Nothing: the result of slow differs"):
        measure(made_up(agrees=False), 1, 1e6)


def test_boxes_have_the_documented_sizes():
    boxes = random_boxes(np.random.default_rng(0), 2000)
    sides = boxes[:, 2:] - boxes[:, :2]
    assert sides.min() >= 0 and sides.max() <= 512.001
    assert (boxes >= 0).all() and (boxes <= (1333, 800, 1333, 800)).all()
    assert 60 < np.median(sides) < 110  # near the middle of 16 to 512 in the logarithm, 90


@pytest.mark.slow
def test_all_baselines_agree_with_ours():
    library = native.library("ort")
    if library is None:
        pytest.skip(f"no librefinemask_ort.so; {native.BUILD}")
    names = [measure(case, 1, 1e9)["name"] for case in cases(Sessions(str(library), 2))]
    assert len(names) == 18


def test_the_command_measures_the_cases_asked_for(tmp_path):
    if native.library("ort") is None:
        pytest.skip(f"no librefinemask_ort.so; {native.BUILD}")
    path = tmp_path / "result.json"
    options = ["--only", "masks, 28 to 56", "--iterations", "1", "--threads", "1"]
    done = CliRunner().invoke(new_program(operators=operators), [*options, "--json", str(path)])
    assert done.exit_code == 0, done.output
    result = json.loads(path.read_text())
    assert result["setup"]["command"].startswith("python -m refinemask.benchmarks")
    assert [case["name"] for case in result["cases"]] == ["BoundaryRefine, 100 masks, 28 to 56"]
    assert format_table(result) in done.stdout
