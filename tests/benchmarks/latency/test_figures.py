"""Statistics and ratios of measured times."""

import pytest

from refinemask.benchmarks.latency.figures import (
    STATISTICS,
    Subject,
    ratio_to_mask_rcnn,
    summarise,
)


def test_statistics_of_known_samples() -> None:
    figures = summarise([0.001 * value for value in (4, 1, 3, 2, 5)])
    expected = {"min": 1, "mean": 3, "median": 3, "p90": 4.6, "p95": 4.8, "p99": 4.96}
    assert figures == pytest.approx(expected)
    assert tuple(figures) == STATISTICS


def test_statistics_of_one_sample() -> None:
    assert set(summarise([0.25]).values()) == {250.0}


def subject(
    name: str, runtime: str, median: float, backbone: str = "resnet50", form: str = "portable"
) -> Subject:
    return Subject(name, runtime, form, backbone, name.startswith("maskrcnn"), median)


def test_a_refinemask_is_compared_with_the_mask_rcnn_of_its_runtime() -> None:
    subjects = [
        subject("maskrcnn r101", "onnxruntime", 8.0, "resnet101"),
        subject("maskrcnn", "onnxruntime", 2.0),
        subject("maskrcnn fused", "onnxruntime", 1.0, form="fused"),
        subject("refinemask", "onnxruntime", 3.0),
        subject("refinemask fused", "onnxruntime", 3.0, form="fused"),
        subject("refinemask r101", "onnxruntime", 12.0, "resnet101", "fused"),
        subject("refinemask small", "onnxruntime", 2.0, "efficientnet_lite0", "static"),
        subject("refinemask openvino", "openvino", 3.0),
    ]
    found = [ratio_to_mask_rcnn(one, subjects) for one in subjects]
    assert found == [
        None,
        None,
        None,
        {"name": "maskrcnn", "ratio": 1.5},
        {"name": "maskrcnn fused", "ratio": 3.0},
        {"name": "maskrcnn r101", "ratio": 1.5},
        {"name": "maskrcnn r101", "ratio": 0.25},
        None,
    ]
