"""The options of running an engine."""

from dataclasses import dataclass

from refinemask.errors import RefineMaskError
from refinemask.inference.metadata import ArtifactMetadata


@dataclass(frozen=True)
class TensorRtOptions:
    """How an engine of TensorRT or TensorRT-RTX is run."""

    cuda_graphs: bool = False
    """Capture what the GPU does for inputs of a shape at their first run, and launch it as a whole
    from then on: less work for the CPU. For engines that are given boxes only."""


def check_capturable(metadata: ArtifactMetadata, source: str) -> None:
    """Raise RefineMaskError if what an engine does depends on the values of its inputs."""
    if metadata.outputs == "detections":
        reason = (
            "its suppression of boxes repeats until nothing changes"
            if metadata.form == "static"
            else "the shapes of its outputs depend on the image"
        )
        raise RefineMaskError(
            f"{source} cannot be captured as a CUDA graph, which does the same every time: "
            f"{reason}; leave out cuda_graphs, or take an artifact that was exported with "
            "--outputs masks"
        )
