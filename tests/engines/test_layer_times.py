"""Times of layers, as the runtimes that measure them report them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from refinemask.engines.layer_times import layer_times
from refinemask.inference.processing import prepare

IMAGES = [prepare(np.full((64, 96, 3), value, np.uint8), 64, 96, 32) for value in (200, 10, 200)]


@pytest.mark.parametrize("runtime", ["onnxruntime", "onnxruntime:CPUExecutionProvider", "openvino"])
def test_layers_are_those_of_the_graph(runtime: str, make_artifact: Callable[..., Path]) -> None:
    pytest.importorskip(runtime.partition(":")[0])
    found = layer_times(make_artifact(), runtime, IMAGES, threads=1)
    assert found is not None
    kinds = [layer.kind for layer in found.layers]
    assert kinds.count("ReduceMean") == kinds.count("NonZero") == 1
    seconds = [layer.seconds for layer in found.layers]
    assert seconds == sorted(seconds, reverse=True)
    assert 0 < sum(seconds) < found.seconds  # runs that warm up are not counted


def test_pytorch_does_not_time_layers() -> None:
    assert layer_times("refinemask_small", "torch", IMAGES) is None
