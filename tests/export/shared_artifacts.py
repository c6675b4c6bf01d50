"""Artifacts that tests of several folders read; each is exported once in a run of the tests."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import onnx
import pytest

from refinemask.checkpoints import load_model
from refinemask.configs.config import ModelConfig
from refinemask.configs.presets import refinemask_small
from refinemask.export import artifact, export_graph, export_model
from refinemask.export.options import ExportOptions
from refinemask.inference.artifact import Artifact
from refinemask.inference.metadata import ArtifactMetadata
from tests.export.small import calibrated, limited_as
from tests.shared_files import made_once
from tests.tensorrt.artifacts import write_artifact


class Exported(NamedTuple):
    """An artifact, and what the export returned and said."""

    path: Path
    metadata: ArtifactMetadata
    lines: tuple[str, ...]


def small_artifact(base: Path, form: str) -> Exported:
    """Export the small RefineMask of five classes, with everything dynamic.

    In the static form it has lower limits. The fused form needs ONNX Runtime's operator library.

    Args:
        base: the folder of this process, `tmp_path_factory.getbasetemp()`.
        form: the form of the graph.
    """

    def export(folder: Path) -> tuple[ArtifactMetadata, tuple[str, ...]]:
        lines: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            if form == "fused":
                graph = small_fused_graph(base)
                patch.setattr(artifact, "export_graph", lambda model, **options: graph)
            metadata = export_model(
                limited_as(calibrated(refinemask_small(5)), form),
                folder / "model.onnx",
                ExportOptions(form=form),
                weights="synthetic",
                progress=lines.append,
            )
        return metadata, tuple(lines)

    folder, returned = made_once(base, f"small-{form}", export)
    return Exported(folder / "model.onnx", *returned)


def small_fused_graph(base: Path) -> onnx.ModelProto:
    """Export the graph of that artifact in the form fused, for which no library is needed."""

    def export(folder: Path) -> None:
        graph = export_graph(calibrated(refinemask_small(5)), form="fused")
        onnx.save(graph, folder / "graph.onnx")

    folder, _ = made_once(base, "small-fused-graph", export)
    return onnx.load(folder / "graph.onnx")


def half_precision_graph(base: Path, preset: Callable[[int], ModelConfig]) -> Path:
    """Export the float16 graph of a small model of five classes in the form fused."""

    def export(folder: Path) -> None:
        made = export_graph(calibrated(preset(5)), form="fused", precision="float16")
        onnx.save(made, folder / "model.onnx")

    folder, _ = made_once(base, f"half-{preset.__name__}", export)
    return folder / "model.onnx"


def trained_artifact(base: Path, form: str) -> Artifact:
    """Export the trained RefineMask of one class, which no gate has accepted."""

    def export(folder: Path) -> None:
        write_artifact(load_model("refinemask_small"), form, folder / "model.onnx")

    folder, _ = made_once(base, f"trained-{form}", export)
    return Artifact.open(folder / "model.onnx")
