"""The graphs of the suite: models with synthetic weights that are given boxes, kept on disk.

They detect, with RPN and box head, and segment the boxes that they are given, so that the number of
masks is that of the benchmark.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnx

import refinemask
from refinemask.checkpoints import synthetic_model
from refinemask.configs.config import ModelConfig
from refinemask.configs.presets import preset
from refinemask.export import export_graph
from refinemask.export.options import Optimize
from refinemask.export.passes import Rewrite
from refinemask.files import atomic_path, make_folder
from refinemask.inference.artifact import Artifact
from refinemask.inference.metadata import ArtifactMetadata, InputLimits
from refinemask.version import __version__

CLASSES = 80


@dataclass(frozen=True)
class Graph:
    """Which graph it is.

    Attributes:
        preset: the model's.
        form: "portable" or "fused".
        optimize: "all" or "none", see `export_graph`.
        adaptive_depth: see there.
    """

    preset: str
    form: str = "fused"
    optimize: Optimize = "all"
    adaptive_depth: bool = False

    @property
    def name(self) -> str:
        """What results call it."""
        kept = ", not rewritten" if self.optimize == "none" else ""
        return f"{self.preset} {self.form}{kept}" + (", adaptive" if self.adaptive_depth else "")

    @property
    def config(self) -> ModelConfig:
        """The model's configuration."""
        return preset(self.preset, CLASSES)


def artifact(graph: Graph, folder: Path, note: Callable[[str], None]) -> Artifact:
    """Return a graph as a file for engines, exported unless the folder has it.

    Args:
        graph: which one.
        folder: where graphs are kept; those of another version of the code stay there unused.
        note: called with lines about what is done.

    Raises:
        RefineMaskError: the folder cannot be written.
    """
    depth = "adaptive" if graph.adaptive_depth else "whole"
    name = "-".join((graph.preset, graph.form, graph.optimize, depth, code_version()))
    path = folder / f"{name}.onnx"
    if not path.exists():
        make_folder(folder)
        note(f"exporting {graph.name}")

        def report(rewrite: Rewrite) -> None:
            note(f"  {rewrite}")

        model = synthetic_model(graph.config)
        made = export_graph(
            model,
            form=graph.form,
            outputs="both",
            optimize=graph.optimize,
            adaptive_depth=graph.adaptive_depth,
            report=report,
        )
        with atomic_path(path) as temporary:
            onnx.save(made, temporary)
    return Artifact(path, "onnx", _metadata(graph), code_version())


def _metadata(graph: Graph) -> ArtifactMetadata:
    config = graph.config
    return ArtifactMetadata(
        tool_version=__version__,
        preset=graph.preset,
        config=config.to_dict(),
        class_names=config.class_names,
        category_ids=config.category_ids,
        input_limits=InputLimits(config.input.short_side, config.input.long_side),
        form=graph.form,
        precision="float32",
        weights="synthetic",
        checkpoint_sha256=None,
        parity={},
        outputs="masks",
        adaptive_depth=graph.adaptive_depth,
    )


def code_version() -> str:
    """Return what changes with the code that exports: the version, and a hash of the sources."""
    package = Path(refinemask.__file__).parent
    sources = [p for part in ("export", "models", "ops") for p in (package / part).rglob("*.py")]
    content = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(sources)))
    return f"{__version__}-{content.hexdigest()[:12]}"
