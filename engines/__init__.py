"""Run artifacts: one common interface, one module a runtime.

Nothing here imports the model, and only the torch engine needs torch.
"""

from pathlib import Path

from refinemask.engines.base import Engine, Outputs
from refinemask.errors import RefineMaskError

__all__ = ["RUNTIMES", "Engine", "Outputs", "open"]

RUNTIMES = ("onnxruntime", "openvino", "torch")


def open(
    path: str | Path,
    runtime: str = "onnxruntime",
    device: str = "cpu",
    threads: int | None = None,
) -> Engine:
    """Open an artifact, or for the runtime "torch" a checkpoint, and return what runs it.

    Args:
        path: an ONNX file written by `refinemask-export`; for "torch" a checkpoint or the name of
            a shipped model.
        runtime: one of `RUNTIMES`.
        device: "cpu", "cuda" or "cuda:N".
        threads: processor threads for one inference; None leaves it to the runtime.

    Raises:
        RefineMaskError: the runtime is unknown or not installed, the device is not available to
            it, or the file is missing, damaged or not an artifact.
    """
    if runtime not in RUNTIMES:
        raise RefineMaskError(f"unknown runtime {runtime!r}; choose one of {', '.join(RUNTIMES)}")
    if threads is not None and threads < 1:
        raise RefineMaskError(f"threads must be at least 1, got {threads}")
    # A runtime's module is imported when it is asked for: it imports the runtime's package.
    if runtime == "onnxruntime":
        from refinemask.engines.onnxruntime import OnnxRuntimeEngine

        return OnnxRuntimeEngine(path, device, threads)
    if runtime == "openvino":
        from refinemask.engines.openvino import OpenVinoEngine

        return OpenVinoEngine(path, device, threads)
    from refinemask.engines.torch import TorchEngine

    return TorchEngine.open(path, device, threads)
