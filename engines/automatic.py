"""The runtime "auto": the fastest that is installed and runs a file on a device."""

import logging
from pathlib import Path

from refinemask.checkpoints.shipped import shipped_models
from refinemask.engines.runtimes import RUNTIMES, Runtime
from refinemask.engines.tensorrt.record import ENGINE_SUFFIXES, read_record
from refinemask.errors import RefineMaskError
from refinemask.inference import native
from refinemask.inference.artifact import Artifact

logger = logging.getLogger(__name__)

FASTEST_FIRST = {
    "portable": ("openvino", "onnxruntime"),
    "fused": ("onnxruntime", "openvino"),
    "static": ("onnxruntime", "openvino"),
}
"""Runtimes of each form of artifacts, by the throughput that was measured on CPUs with AVX-512
(docs/benchmarks.md, "Which runtime"): OpenVINO has the faster standard operators, and ONNX Runtime
gains more from ours. TensorRT, which no GPU has run yet, is taken for its engines only."""

CHECKPOINTS = (".safetensors", ".pth", ".pt", ".pkl")
"""Names of checkpoints end so; other files are taken for artifacts."""


def choose_runtime(path: str | Path | Artifact, device: str = "cpu") -> Runtime:
    """Return the runtime that `refinemask.engines.open` takes for "auto", and log why.

    For checkpoints, and names of shipped models, that is PyTorch; for artifacts, the first of
    `FASTEST_FIRST` that runs on the device and is installed, with the library of our operators if
    the form is fused. Engines run in the TensorRT that they were built for.

    Args:
        path: an artifact, an engine, a checkpoint, or the name of a shipped model.
        device: "cpu", "cuda" or "cuda:N".

    Raises:
        RefineMaskError: the file is not an artifact, or no runtime is installed that runs it on the
            device; the error says what each of them lacks.
    """
    if not isinstance(path, Artifact):
        if path in shipped_models() or Path(path).suffix in CHECKPOINTS:
            logger.info("%s runs in PyTorch, as checkpoints do", path)
            return RUNTIMES["torch"]
        if Path(path).suffix in ENGINE_SUFFIXES:
            return RUNTIMES[read_record(Path(path)).runtime]
        path = Artifact.open(path)
    form, path = path.metadata.form, path.path
    lacking: list[str] = []
    for name in FASTEST_FIRST[form]:
        try:
            _check(RUNTIMES[name], form, device)
        except RefineMaskError as error:
            lacking.append(str(error))
            continue
        limits = f" of those that can run it here ({'; '.join(lacking)})" if lacking else ""
        title = RUNTIMES[name].title
        logger.info("%s runs in %s, the fastest for the form %s%s", path, title, form, limits)
        return RUNTIMES[name]
    raise RefineMaskError(
        f"no runtime here runs {path}, of the form {form}, on {device!r}: {'; '.join(lacking)}"
    )


def _check(runtime: Runtime, form: str, device: str) -> None:
    """Raise RefineMaskError unless a runtime, and what it needs for a form, is installed."""
    library = runtime.libraries.get(device.partition(":")[0])
    if library is None:
        raise RefineMaskError(
            f"{runtime.title} runs on {' and '.join(runtime.libraries)} only, not on {device!r}"
        )
    runtime.require()
    if form == "fused":
        native.require(library, f"the form fused in {runtime.title}")
