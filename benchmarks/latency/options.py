"""The options of a latency measurement, with the spellings of trtexec."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from refinemask.configs.options import Option, check_options
from refinemask.engines.runtimes import COMPILED, RUNTIMES, find_runtime
from refinemask.errors import WrongUsage
from refinemask.files import check_destination


@dataclass(frozen=True)
class BenchOptions:
    """What is measured, on which images, and how often."""

    images: Annotated[tuple[Path, ...], Option(metavar="DIR")]
    """An image, or a folder of images; may be repeated."""
    artifacts: Annotated[tuple[str, ...], Option(flag="--artifact", metavar="FILE[@RUNTIME]")] = ()
    """What to measure; may be repeated. Ratios are to the first. A provider of ONNX Runtime is
    FILE@onnxruntime:PROVIDER."""
    engines: Annotated[tuple[str, ...], Option(flag="--engine", metavar="FILE.engine")] = ()
    """An engine of TensorRT to measure on a GPU, after the artifacts; may be repeated."""
    models: Annotated[
        tuple[str, ...], Option(flag="--model", metavar="CHECKPOINT|NAME[@torch_compiled]")
    ] = ()
    """A model to measure in PyTorch, after the others; may be repeated. Export one that needs
    --bn-eps, and give it as an artifact."""
    runtime: Annotated[str, Option(metavar="NAME[:PROVIDER]")] = next(iter(RUNTIMES))
    """What runs an artifact that names no runtime."""
    warm_up: Annotated[int | None, Option(min=0)] = None
    """Iterations before measuring, per target; default: one of each image."""
    iterations: Annotated[int, Option(min=1)] = 20
    """Measured iterations per target, at least."""
    duration: Annotated[float, Option(metavar="SECONDS", min=0)] = 0.0
    """Seconds that the measured iterations of each target take, at least."""
    streams: Annotated[int, Option(min=1, max=256)] = 1
    """Threads that run a target on one image each, at the same time; targets still take turns."""
    device: Annotated[str, Option(metavar="cpu|cuda:N")] = "cpu"
    """Where all targets run."""
    threads: Annotated[int | None, Option(min=1)] = None
    """CPU threads of one inference; default: chosen by the runtime."""

    def __post_init__(self) -> None:
        check_options(self)
        find_runtime(self.runtime)
        if not self.images:
            raise WrongUsage("no images to measure with; give at least one --images DIR")
        if not self.targets:
            raise WrongUsage(
                "give at least one --artifact FILE, --engine FILE or --model CHECKPOINT|NAME"
            )

    @property
    def targets(self) -> tuple[str, ...]:
        """Everything that is measured, as `FILE[@RUNTIME]`."""
        compiled = f"@{COMPILED}"
        models = (m if m.endswith(compiled) else f"{m}@torch" for m in self.models)
        return (*self.artifacts, *self.engines, *models)


@dataclass(frozen=True)
class RecordOptions:
    """What is recorded beside the figures."""

    export_times: Annotated[Path | None, Option(metavar="FILE")] = None
    """Write the seconds of each phase of every measured run as JSON."""
    dump_profile: bool = False
    """Also time the layers of each artifact, in runs of their own."""

    def __post_init__(self) -> None:
        if self.export_times is not None:
            check_destination(self.export_times)
