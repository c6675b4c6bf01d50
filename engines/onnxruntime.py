"""Run artifacts with ONNX Runtime, on the CPU or with its CUDA provider."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from refinemask.engines.base import (
    OUTPUT_NAMES,
    Engine,
    check_file,
    check_names,
    damaged,
    read_metadata,
)
from refinemask.errors import RefineMaskError
from refinemask.inference import native
from refinemask.inference.metadata import METADATA_KEY
from refinemask.inference.onnx_properties import read_properties
from refinemask.inference.structures import RawArrays


def open_engine(path: str | Path, device: str, threads: int | None) -> Engine:
    """Open an artifact; see `refinemask.engines.open`."""
    return OnnxRuntimeEngine(path, device, threads)


class OnnxRuntimeEngine(Engine):
    """An `onnxruntime.InferenceSession`; safe to use from several threads."""

    def __init__(self, path: str | Path, device: str = "cpu", threads: int | None = None) -> None:
        """Load the artifact `path`; see `refinemask.engines.open`."""
        path = Path(path)
        check_file(path)
        metadata = read_metadata(path, read_properties(path).get(METADATA_KEY))
        providers = _providers(device)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # Errors only: warnings about constant folding help nobody.
        if threads is not None:
            options.intra_op_num_threads = threads
        if metadata.form == "fused":
            operators = native.require("ort", f"the fused artifact {path}")
            options.register_custom_ops_library(str(operators))
        try:
            session = onnxruntime.InferenceSession(path, options, providers=providers)
        except Exception as error:  # The runtime's errors share no base class of their own.
            raise damaged(path, error) from error
        if session.get_providers()[0] != _name(providers[0]):
            raise RefineMaskError(
                f"ONNX Runtime could not start CUDA for device {device!r}; check the NVIDIA driver "
                "with nvidia-smi, or use the device cpu"
            )
        super().__init__(metadata)
        check_names(
            path,
            [value.name for value in session.get_inputs()],
            [value.name for value in session.get_outputs()],
        )
        self._session = session

    def _run(self, images: NDArray[np.uint8], image_sizes: NDArray[np.int64]) -> RawArrays:
        feeds = {"images": images, "image_sizes": image_sizes}
        return RawArrays(*self._session.run(OUTPUT_NAMES, feeds))


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
