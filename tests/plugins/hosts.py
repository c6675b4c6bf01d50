"""The runtimes that run graphs of our operators, behind one interface."""

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from numpy.typing import NDArray

from refinemask.inference import native


class Session(Protocol):
    """A graph that is ready to run, from several threads."""

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Return the outputs in the order of the graph."""

    def output_shape(self) -> list[Any]:
        """Return the shape of the only output as far as it is known: integers or else."""


class OnnxRuntimeSession:
    provider = "CPUExecutionProvider"

    def __init__(self, serialized: bytes, threads: int, library: Path | None) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        if library is not None:
            options.register_custom_ops_library(str(library))
        providers = list(dict.fromkeys((self.provider, "CPUExecutionProvider")))
        self._session = onnxruntime.InferenceSession(serialized, options, providers=providers)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        return self._session.run(None, inputs)

    def output_shape(self) -> list[Any]:
        return self._session.get_outputs()[0].shape


class CudaProviderSession(OnnxRuntimeSession):
    provider = "CUDAExecutionProvider"


class OpenVinoSession:
    def __init__(self, serialized: bytes, threads: int, library: Path | None) -> None:
        from refinemask.engines.openvino import read_onnx, shared_core

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "graph.onnx")
            path.write_bytes(serialized)
            model = read_onnx(path, library)
        settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
        self._model = shared_core().compile_model(model, "CPU", settings)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        results = self._model.create_infer_request().infer(dict(inputs))
        return [results[output].copy() for output in self._model.outputs]

    def output_shape(self) -> list[Any]:
        shape = self._model.outputs[0].partial_shape
        return [one.get_length() if one.is_static else "?" for one in shape]


@dataclass(frozen=True)
class Host:
    name: str
    kind: native.Kind
    open: Callable[[bytes, int, Path | None], Session]
    takes_any_rank: bool = True
    """Whether inputs may be declared without a rank."""
    reads_nodes: bool = True
    """Whether attributes come from the nodes of a graph, with whatever type they have there."""
    checks_rois: bool = True
    """Whether RoIs that cannot be pooled are refused; on GPUs they are pooled to 0."""

    def __str__(self) -> str:
        return self.name

    def library(self) -> Path:
        """Return the path of the operator library, or skip the test where it was not built.

        On CI it must have been, but for libraries under sanitizers, which are in another folder.
        """
        path = native.library(self.kind)
        if path is None:
            must = os.environ.get("CI") == "true" and "REFINEMASK_LIBRARY_DIR" not in os.environ
            (pytest.fail if must else pytest.skip)(
                f"no lib{native.STEMS[self.kind]}.so; {native.BUILD}"
            )
        return path


HOSTS = {
    host.name: host
    for host in (
        Host("onnxruntime", "ort", OnnxRuntimeSession),
        Host("openvino", "openvino", OpenVinoSession, takes_any_rank=False),
    )
}


def cuda_provider() -> list[Host]:
    """Return ONNX Runtime's CUDA provider as a host, where it finds a GPU."""
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return []
    return [Host("onnxruntime-cuda", "ort_cuda", CudaProviderSession, checks_rois=False)]
