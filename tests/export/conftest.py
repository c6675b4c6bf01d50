"""Graphs in both runtimes, and the small models that most export tests share."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

RUNTIMES = ("onnxruntime", "openvino")
Run = Callable[..., list[NDArray[Any]]]


@pytest.fixture(scope="session", params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    """Return the name of a runtime of the portable form."""
    pytest.importorskip(request.param)
    return str(request.param)


@pytest.fixture(scope="session")
def load(runtime: str) -> Callable[[onnx.ModelProto], Run]:
    """Return a function from a graph to a function from named arrays to the outputs."""

    def onnxruntime(graph: onnx.ModelProto) -> Run:
        import onnxruntime

        session = onnxruntime.InferenceSession(graph.SerializeToString())
        return lambda **feeds: session.run(None, feeds)

    def openvino(graph: onnx.ModelProto) -> Run:
        import openvino

        core = openvino.Core()
        settings = {"INFERENCE_PRECISION_HINT": "f32"}
        model = core.compile_model(core.read_model(graph.SerializeToString()), "CPU", settings)
        return lambda **feeds: [np.array(value) for value in model(feeds).values()]

    return {"onnxruntime": onnxruntime, "openvino": openvino}[runtime]
