"""Graphs in every form and runtime, and the small models that most export tests share."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import onnx
import pytest

from refinemask import engines
from refinemask.configs.presets import maskrcnn_small, refinemask_small
from refinemask.engines import Engine
from refinemask.export import artifact, export_graph, export_model
from refinemask.export.options import ExportOptions
from refinemask.inference import native
from refinemask.inference.metadata import ArtifactMetadata
from refinemask.models import Detector
from tests.export.graphs import RUNTIMES, TARGETS, Load, copied, in_onnxruntime
from tests.export.small import calibrated


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
def load(runtime: str) -> Load:
    """Return a function from a portable graph to a function from named arrays to the outputs."""
    return RUNTIMES[runtime]


@pytest.fixture(scope="session")
def operators() -> Path:
    """Return ONNX Runtime's operator library, which runs the fused form."""
    pytest.importorskip("onnxruntime")
    path = native.library("ort")
    if path is None:
        pytest.skip(f"librefinemask_ort.so is not built; {native.BUILD}")
    return path


@pytest.fixture(scope="session")
def load_fused(operators: Path) -> Load:
    """Return the same for a fused graph in ONNX Runtime."""
    return lambda graph: in_onnxruntime(graph, operators)


class Target(NamedTuple):
    """A form of the graph, and a runtime of it."""

    form: str
    runtime: str
    load: Load


@pytest.fixture(scope="session", params=TARGETS)
def target(request: pytest.FixtureRequest) -> Target:
    """Return each runtime of the portable form, and ONNX Runtime with the fused one."""
    if request.param == "fused":
        return Target("fused", "onnxruntime", request.getfixturevalue("load_fused"))
    pytest.importorskip(request.param)
    return Target("portable", request.param, RUNTIMES[request.param])


@pytest.fixture(scope="session")
def model() -> Detector:
    """Return a small RefineMask of five classes."""
    return calibrated(refinemask_small(5))


@pytest.fixture(scope="session")
def maskrcnn() -> Detector:
    """Return a small Mask R-CNN of five classes."""
    return calibrated(maskrcnn_small(5))


@pytest.fixture(scope="session")
def fused_graph(model: Detector) -> onnx.ModelProto:
    """Return the fused graph of that model, for which no library is needed."""
    return export_graph(model, form="fused")


@pytest.fixture(scope="session")
def exported_as(
    model: Detector, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Callable[[str], Exported]:
    """Return a function that exports that model in a form, once, with everything dynamic."""

    @cache
    def export(form: str) -> Exported:
        path = tmp_path_factory.mktemp(form) / "model.onnx"
        lines: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            if form == "fused":
                request.getfixturevalue("operators")
                graph = request.getfixturevalue("fused_graph")
                patch.setattr(artifact, "export_graph", lambda model, **options: copied(graph))
            metadata = export_model(
                model, path, ExportOptions(form=form), weights="synthetic", progress=lines.append
            )
        return Exported(path, metadata, tuple(lines))

    return export


@pytest.fixture(scope="session")
def exported(exported_as: Callable[[str], Exported]) -> Exported:
    """Return the artifact of the portable form."""
    return exported_as("portable")


@pytest.fixture(scope="session")
def engine(exported_as: Callable[[str], Exported], target: Target) -> Engine:
    """Open the artifact of the target's form."""
    return engines.open(exported_as(target.form).path, target.runtime)
