"""Graphs in both runtimes, and the small models that most export tests share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from refinemask import engines
from refinemask.engines import Engine
from refinemask.export import export_model
from refinemask.metadata import ArtifactMetadata
from refinemask.models import Detector
from refinemask.presets import maskrcnn_small, refinemask_small
from tests.export.small import calibrated

RUNTIMES = ("onnxruntime", "openvino")
Run = Callable[..., list[NDArray[Any]]]


class Exported(NamedTuple):
    """An artifact, and what the export returned and said."""

    path: Path
    metadata: ArtifactMetadata
    lines: tuple[str, ...]


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
        from refinemask.engines.openvino import shared_core

        core = shared_core()
        settings = {"INFERENCE_PRECISION_HINT": "f32"}
        model = core.compile_model(core.read_model(graph.SerializeToString()), "CPU", settings)
        return lambda **feeds: [np.array(value) for value in model(feeds).values()]

    return {"onnxruntime": onnxruntime, "openvino": openvino}[runtime]


@pytest.fixture(scope="session")
def model() -> Detector:
    """Return a small RefineMask of five classes."""
    return calibrated(refinemask_small(5))


@pytest.fixture(scope="session")
def maskrcnn() -> Detector:
    """Return a small Mask R-CNN of five classes."""
    return calibrated(maskrcnn_small(5))


@pytest.fixture(scope="session")
def exported(model: Detector, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Export that model once, with everything dynamic."""
    path = tmp_path_factory.mktemp("artifact") / "model.onnx"
    lines: list[str] = []
    metadata = export_model(model, path, weights="synthetic", progress=lines.append)
    return Exported(path, metadata, tuple(lines))


@pytest.fixture(scope="session")
def engine(exported: Exported, runtime: str) -> Engine:
    """Open the exported artifact."""
    return engines.open(exported.path, runtime)
