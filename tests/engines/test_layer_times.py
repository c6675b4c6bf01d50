"""Times of layers, as the runtimes that measure them report them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from refinemask.engines.layer_times import layer_times
from refinemask.engines.tensorrt.layer_profiler import make_profiler
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


def test_layers_of_pytorch_are_its_modules() -> None:
    pytest.importorskip("torch")
    found = layer_times("maskrcnn_small", "torch", IMAGES, threads=1)
    assert found is not None
    kinds = {layer.name: layer.kind for layer in found.layers}
    assert kinds["model"] == "Detector"
    assert kinds["roi_head.bbox_head.shared_fcs.0"] == "Linear"
    # Each without the modules it calls: all of them together are one inference.
    assert 0.5 * found.seconds < sum(layer.seconds for layer in found.layers) < found.seconds


def test_what_runs_compiled_shows_no_layers() -> None:
    assert layer_times("maskrcnn_small", "torch_compiled", IMAGES) is None


@pytest.mark.tensorrt
def test_tensorrt_reports_to_its_profiler() -> None:
    trt = pytest.importorskip("tensorrt_rtx_bindings")
    profiler = make_profiler(trt)
    for name, milliseconds in (("conv", 1.5), ("nms", 0.25), ("conv", 0.5)):
        profiler.report_layer_time(name, milliseconds)
    assert profiler.seconds == {"conv": 0.002, "nms": 0.00025}
