"""The benchmark of the operators: what it measures of made-up ones, and a case that runs."""

import time

import numpy as np
import pytest

from refinemask.benchmarks.operators.case import Case, Operators, random_boxes
from refinemask.benchmarks.operators.measure import cases, format_table, measure
from refinemask.errors import RefineMaskError
from refinemask.inference import native


def made_up(agrees=True, target=2.0):
    contenders = {
        "refinemask": lambda: time.sleep(0.001),
        "slow": lambda: time.sleep(0.02),
        "slower": lambda: time.sleep(0.03),
    }
    return Case("Nothing", target, 1000, contenders, lambda _, __: agrees, ["slower"])


def test_ratios_and_targets():
    result = measure(made_up(), 3, copy_bytes_per_second=1e6)
    assert result["floor_ms"] == pytest.approx(1)
    ours, slow, slower = result["contenders"].values()
    assert ours["ratio"] == 1 and ours["met"] is None
    assert slow["ratio"] > 2 and slow["met"] and slow["median_ms"] >= 20
    assert slower["met"] is None
    missed = measure(made_up(target=1e9), 1, copy_bytes_per_second=1e6)
    assert missed["contenders"]["slow"]["met"] is False
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


def test_results_that_differ_are_an_error():
    with pytest.raises(RefineMaskError, match="Nothing: slow gives something else"):
        measure(made_up(agrees=False), 1, 1e6)


def test_boxes_are_of_the_sizes_that_are_told():
    boxes = random_boxes(np.random.default_rng(0), 2000)
    sides = boxes[:, 2:] - boxes[:, :2]
    assert sides.min() >= 0 and sides.max() <= 512.001
    assert (boxes >= 0).all() and (boxes <= (1333, 800, 1333, 800)).all()
    assert 60 < np.median(sides) < 110  # near the middle of 16 to 512 in the logarithm, 90


@pytest.mark.slow
def test_all_contenders_agree():
    library = native.library("ort")
    if library is None:
        pytest.skip(f"no librefinemask_ort.so; {native.BUILD}")
    names = [measure(case, 1, 1e9)["name"] for case in cases(Operators(str(library), 2))]
    assert len(names) == 11
