"""The options of running an engine."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from refinemask.engines.tensorrt.record import EngineRecord
from refinemask.engines.tensorrt.refit import find_weights
from refinemask.errors import RefineMaskError
from refinemask.inference.metadata import ArtifactMetadata


@dataclass(frozen=True)
class TensorRtOptions:
    """How an engine of TensorRT or TensorRT-RTX is run."""

    cuda_graphs: bool = False
    """Capture what the GPU does for inputs of a shape at their first run, and launch it as a whole
    from then on: less work for the CPU. For engines that are given boxes only."""
    artifact: str | Path | None = None
    """The artifact whose weights an engine takes that was built with --strip-weights; default: the
    recorded one, where it was then or beside the engine."""
    embedded_code: bool = False
    """Run the code in engines that were built with --version-compatible: the runtime of the
    TensorRT that built them. It has your rights, so whoever built the engine must be trusted."""


def fitted(options: TensorRtOptions, record: EngineRecord, path: Path) -> TensorRtOptions:
    """Return options for the engine at `path`: with an artifact if, and only if, it lacks weights.

    Raises:
        RefineMaskError: the engine cannot run in this way, or needs what is not given.
    """
    if options.cuda_graphs:
        _check_capturable(record.metadata, path)
    if "--version-compatible" in record.options and not options.embedded_code:
        raise RefineMaskError(
            f"{path} contains code, the runtime of TensorRT {record.runtime_version}, which would "
            "run with your rights; if you trust whoever built it, open it with "
            "TensorRtOptions(embedded_code=True), or build it again without --version-compatible"
        )
    weights = find_weights(record, path, options.artifact)
    return dataclasses.replace(options, artifact=weights)


def _check_capturable(metadata: ArtifactMetadata, path: Path) -> None:
    """Raise RefineMaskError if what an engine does depends on the values of its inputs."""
    if metadata.outputs == "detections":
        reason = (
            "its suppression of boxes repeats until nothing changes"
            if metadata.form == "static"
            else "the shapes of its outputs depend on the image"
        )
        raise RefineMaskError(
            f"{path} cannot be captured as a CUDA graph, which does the same every time: "
            f"{reason}; leave out cuda_graphs, or take an artifact that was exported with "
            "--outputs masks"
        )
