"""Run artifacts with ONNX Runtime, on the CPU or with its CUDA provider."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime
from numpy.typing import NDArray

from refinemask.engines.base import Engine
from refinemask.engines.graph import GraphEngine, Inputs
from refinemask.engines.runtimes import RUNTIMES
from refinemask.errors import RefineMaskError
from refinemask.inference import native
from refinemask.inference.artifact import Artifact


def open_engine(path: str | Path | Artifact, device: str, threads: int | None) -> Engine:
    """Open an artifact; see `refinemask.engines.open`."""
    artifact = Artifact.open(path)
    RUNTIMES["onnxruntime"].check_form(artifact)
    return OnnxRuntimeEngine(artifact, device, threads)


class OnnxRuntimeEngine(GraphEngine):
    """An `onnxruntime.InferenceSession`; safe to use from several threads."""

    def __init__(
        self, artifact: Artifact, device: str, threads: int | None, trace: Path | None = None
    ) -> None:
        """Load `artifact`; see `refinemask.engines.open`.

        With `trace`, the times of all layers are written to a file whose path begins so.
        """
        super().__init__(artifact.metadata, str(artifact.path))
        providers = _providers(device)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # Errors only: users can do nothing about the warnings.
        # Else the name of the file may choose another format.
        options.add_session_config_entry("session.load_model_format", "ONNX")
        if threads is not None:
            options.intra_op_num_threads = threads
        if trace is not None:
            options.enable_profiling = True
            options.profile_file_prefix = str(trace)
        if artifact.metadata.form == "fused":
            kind = RUNTIMES["onnxruntime"].libraries[device.partition(":")[0]]
            where = "" if device == "cpu" else f" on {device}"
            operators = native.require(kind, f"the fused artifact {artifact.path}{where}")
            options.register_custom_ops_library(str(operators))
        try:
            session = onnxruntime.InferenceSession(artifact.path, options, providers=providers)
        except Exception as error:  # The runtime's errors have no base class in common.
            raise artifact.load_error(error) from error
        if session.get_providers()[0] != _name(providers[0]):
            raise RefineMaskError(
                f"ONNX Runtime could not start CUDA for device {device!r}; check the NVIDIA driver "
                "with nvidia-smi, or use the device cpu"
            )
        self._session = session

    def end_trace(self) -> Path:
        """Stop timing layers; return the file of all times until now."""
        return Path(self._session.end_profiling())

    def _fetch(self, names: Sequence[str], inputs: Inputs) -> Sequence[NDArray[Any]]:
        outputs: list[NDArray[Any]] = self._session.run(names, inputs)
        return outputs


def _providers(device: str) -> list[Any]:
    kind, _, index = device.partition(":")
    if kind == "cpu" and not index:
        return ["CPUExecutionProvider"]
    if kind != "cuda" or not (index or "0").isdecimal():
        raise RefineMaskError(f"unknown device {device!r}; choose cpu, cuda or cuda:N")
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise RefineMaskError(
            f"this ONNX Runtime is built without CUDA, which device {device!r} needs; replace the "
            "package onnxruntime with: pip install 'refinemask[gpu]', or use the device cpu"
        )
    # Parity is that of float32; the provider's default rounds products to TF32.
    options = {"device_id": index or "0", "use_tf32": "0"}
    return [("CUDAExecutionProvider", options), "CPUExecutionProvider"]


def _name(provider: Any) -> str:
    return provider if isinstance(provider, str) else provider[0]
