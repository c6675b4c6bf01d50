"""Artifacts for TensorRT, which only builds them here: written without the parity gate."""

from pathlib import Path

import onnx

from refinemask.configs.output_kinds import OutputKind
from refinemask.export import export_graph
from refinemask.export.sampling import fixed_sampling_ratio
from refinemask.inference.artifact import Artifact
from refinemask.inference.metadata import METADATA_KEY, ArtifactMetadata, InputLimits
from refinemask.models import Detector
from refinemask.version import __version__
from tests.artifact_bytes import sealed


def write_artifact(
    model: Detector, form: str, path: Path, outputs: OutputKind = "detections"
) -> Artifact:
    """Export a model with dynamic sizes and write it as an artifact."""
    config = model.config
    metadata = ArtifactMetadata(
        tool_version=__version__,
        preset=config.preset,
        config=config.to_dict(),
        class_names=config.class_names,
        category_ids=config.category_ids,
        input_limits=InputLimits(config.input.short_side, config.input.long_side),
        form=form,
        precision="float32",
        weights="synthetic",
        checkpoint_sha256=None,
        parity={},
        sampling_ratio=fixed_sampling_ratio(form, None),
        outputs=outputs,
    )
    graph = export_graph(model, form=form, outputs=outputs)
    onnx.helper.set_model_props(graph, {METADATA_KEY: metadata.to_json()})
    path.write_bytes(sealed(graph.SerializeToString()))
    return Artifact.open(path)
