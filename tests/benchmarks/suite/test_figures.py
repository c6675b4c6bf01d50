"""Ratios, growth, targets and the model of GPUs, computed by hand."""

from typing import Any

import pytest

pytest.importorskip("torch")

from refinemask.benchmarks.suite.counts import counted
from refinemask.benchmarks.suite.gpu_model import Gpu, Work, stage_work
from refinemask.benchmarks.suite.graphs import Graph
from refinemask.benchmarks.suite.layout import scenes
from refinemask.benchmarks.suite.scaling import growth
from refinemask.benchmarks.suite.targets import AT_LEAST, AT_MOST, Target, markdown, targets
from refinemask.benchmarks.suite.timing import ratio, summary, warnings
from refinemask.inference import native
from refinemask.models.complexity import multiply_adds


def figures(*runs: float) -> dict[str, Any]:
    return {"inference": summary(runs), "runs": {"inference": list(runs)}}


def test_ratios_are_of_medians_and_quartiles_of_turns() -> None:
    found = ratio(figures(2, 4, 6, 8, 10), figures(1, 2, 2, 2, 2))
    assert found["ratio"] == 3  # 6 over 2
    assert (found["low"], found["high"]) == (2, 4)  # of 2, 2, 3, 4, 5


def test_a_busy_machine_and_noise_are_said() -> None:
    assert warnings(0.0, [{"ratio": 2.0, "low": 1.95, "high": 2.05}]) == []
    assert "load average was 99.0" in warnings(99.0, [])[0]
    (noise,) = warnings(0.0, [{"ratio": 2.0, "low": 1.5, "high": 2.5}])
    assert noise == "the quartiles of a ratio lie 50% apart"


def test_growth_compares_the_last_with_the_line_through_the_others() -> None:
    assert growth([(1, 10), (2, 12), (5, 18)]) == pytest.approx(1)
    assert growth([(0, 0), (1, 1), (2, 2), (4, 8)]) == pytest.approx(2)


def test_targets_say_by_how_much_they_are_missed() -> None:
    assert Target(1, "", "", AT_LEAST, 1.6, 1.6).verdict == "met"
    assert Target(1, "", "", AT_LEAST, 1.6, 1.2).verdict == "missed by 25%"
    assert Target(2, "", "", AT_MOST, 1.6, 2.0).verdict == "missed by 25%"


def test_targets_are_made_of_what_was_measured() -> None:
    scaling = {"boxes": {"growth": {"a": 1.0}}, "pixels": {"growth": {"a": 1.2}}}
    ratios = {"RefineMask, ONNX Runtime, fused": 0.7, "RefineMask, PyTorch": 0.5, "other": 0.1}
    peers = {"ratios": {name: {"ratio": value} for name, value in ratios.items()}}
    found = targets({"scaling": scaling, "peers": peers})
    assert [(one.number, one.where, one.met) for one in found] == [
        (3, "ONNX Runtime, fused", True),
        (7, "a", True),
        (7, "a", False),
    ]
    assert "| at most 1.1 | 1.2 | **missed by 9%** |" in markdown(found)


def test_work_takes_as_long_as_its_slower_part() -> None:
    gpu = Gpu("", flops=100.0, bandwidth=10.0, source="")
    assert Work(flops=200, bytes=10).seconds(gpu) == 2
    assert Work(flops=200, bytes=50).seconds(gpu) == 5


@pytest.mark.skipif(native.library("torch") is None, reason="needs PyTorch's operator library")
@pytest.mark.parametrize("preset", ["refinemask_small", "maskrcnn_small"])
def test_work_and_counts_are_those_of_complexity(preset: str) -> None:
    graph = Graph(preset, optimize="none")
    (scene,) = scenes(384, 512, None, count=1)
    work = stage_work(graph, scene.first(3))
    parts, _ = multiply_adds(graph.config, 384, 512, 3)
    assert {name: sum(one.flops for one in of) // 2 for name, of in work.items()} == parts
    counts = counted(graph, [scene], (384, 512), [3])["3"]
    assert counts["mask_head"] == parts["mask_head"]
    assert counts["all"] == sum(parts.values())
    weights = 81 * graph.config.box_head_channels
    # A bias, too, is read.
    classifier = Work(2 * 1000 * weights, 2 * (1000 * 256 + weights + 81 + 1000 * 81))
    assert classifier in work["box_head"]


def test_what_is_computed_only_where_it_shows_is_counted_there() -> None:
    (scene,) = scenes(384, 512, None, count=1)
    kept, sparse = (
        counted(Graph("refinemask_small", optimize=optimize), [scene], (384, 512), [1, 30])
        for optimize in ("none", "all")
    )
    for count in ("1", "30"):
        assert sparse[count]["detector"] == kept[count]["detector"]
    few, many = (sparse[n]["mask_head"] / kept[n]["mask_head"] for n in ("1", "30"))
    assert few < many < 1
