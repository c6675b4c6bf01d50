"""Engines: one interface to run artifacts and checkpoints, and one module per runtime.

Only the torch engine imports torch and the model. The table of runtimes is at hand before NumPy is
imported, so that the command line can list them.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refinemask.engines.runtimes import ARTIFACT_RUNTIMES, RUNTIMES, Runtime, find_runtime
from refinemask.engines.tensorrt.flavours import FLAVOURS
from refinemask.errors import RefineMaskError
from refinemask.lazy import lazy_attributes

if TYPE_CHECKING:
    from refinemask.engines.automatic import choose_runtime
    from refinemask.engines.base import Engine
    from refinemask.engines.tensorrt.run_options import TensorRtOptions
    from refinemask.inference.artifact import Artifact

__all__ = [
    "ARTIFACT_RUNTIMES",
    "RUNTIMES",
    "Engine",
    "Runtime",
    "TensorRtOptions",
    "choose_runtime",
    "open",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "Engine": "base",
        "TensorRtOptions": "tensorrt.run_options",
        "choose_runtime": "automatic",
    },
)


def open(
    path: "str | Path | Artifact",
    runtime: str = "onnxruntime",
    device: str = "cpu",
    threads: int | None = None,
    tensorrt: "TensorRtOptions | None" = None,
) -> "Engine":
    """Open an artifact or, with the runtime "torch", "torch_compiled" or "auto", a checkpoint.

    Args:
        path: an ONNX file written by `refinemask-export`, or what `Artifact.open` made of it; for
            PyTorch a checkpoint or the name of a shipped model; for TensorRT also an engine.
        runtime: one of `RUNTIMES`; "onnxruntime:PROVIDER" for an execution provider of ONNX Runtime
            instead of that of the device, see `engines/providers.py`; or "auto" for the fastest
            that is installed and runs the file on the device; which one and why is logged, see
            `choose_runtime`.
        device: "cpu", "cuda" or "cuda:N"; for plugin providers "cpu", "gpu:N" or "npu:N", as they
            list them; TensorRT, which has GPUs only, takes "cpu" for the first.
        threads: CPU threads for one inference; None leaves the number to the runtime.
        tensorrt: options of TensorRT; other runtimes refuse them.

    Raises:
        RefineMaskError: the runtime is unknown or not installed, the provider or the device is not
            available to it, or the file is missing, damaged or not an artifact.
    """
    if threads is not None and threads < 1:
        raise RefineMaskError(f"threads must be >= 1, got {threads}")
    if runtime == "auto":
        from refinemask.engines.automatic import choose_runtime

        chosen = choose_runtime(path, device)
    else:
        chosen = find_runtime(runtime)
    chosen.require()
    module = import_module(f"{__name__}.{chosen.name}")
    options: dict[str, Any] = {} if chosen.provider is None else {"provider": chosen.provider}
    if tensorrt is not None:
        if chosen.name not in FLAVOURS:
            raise RefineMaskError(
                f"there are options of TensorRT, and {path} is to run in {chosen.title}; leave "
                "them out"
            )
        options["options"] = tensorrt
    engine: Engine = module.open_engine(path, device, threads, **options)
    return engine
