"""An engine on simulated CUDA and TensorRT, and arrays of other libraries there."""

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refinemask import engines
from refinemask.engines.tensorrt.dlpack import CUDA, described, to_capsule
from refinemask.engines.tensorrt.flavours import TENSORRT_RTX
from refinemask.engines.tensorrt.profile import default_profile
from refinemask.engines.tensorrt.record import EngineRecord
from refinemask.files import sha256
from refinemask.inference.artifact import Artifact
from refinemask.inference.metadata import sidecar_path
from tests.artifact_bytes import make_metadata, model_bytes
from tests.tensorrt.simulated_cuda import SimulatedCuda, SimulatedDriver
from tests.tensorrt.simulated_tensorrt import SimulatedTensorRt

SIZES = np.array([[64, 96]] * 2, np.int64)


class Simulation:
    """An engine on a simulated GPU."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, **metadata: Any) -> None:
        bindings = pytest.importorskip("cuda.bindings")
        self.cache = folder / "cache"
        monkeypatch.setenv("REFINEMASK_CACHE", str(self.cache))
        self.cuda = SimulatedCuda()
        self.driver = SimulatedDriver()
        monkeypatch.setattr(bindings, "runtime", self.cuda, raising=False)
        monkeypatch.setattr(bindings, "driver", self.driver, raising=False)
        ratio = 2 if metadata["form"] == "static" else None
        self.metadata = make_metadata(sampling_ratio=ratio, **metadata)
        self.trt = SimulatedTensorRt(self.cuda, self.metadata)
        monkeypatch.setitem(sys.modules, TENSORRT_RTX.module, self.trt)
        self.path = folder / "model.engine"
        self.write(b"an engine")

    def write(self, content: bytes, *options: str) -> None:
        """Write an engine that was built with options, and its record."""
        self.path.write_bytes(content)
        self.record = EngineRecord(
            tool_version="0.1.0",
            runtime=TENSORRT_RTX.name,
            runtime_version=TENSORRT_RTX.version(),
            engine_sha256=sha256(self.path),
            artifact="gone/model.onnx",
            artifact_sha256="0" * 64,
            metadata=self.metadata,
            profile=default_profile(self.metadata),
            compute_capabilities=(),
            plugins_sha256=None,
            options=options,
        )
        self._write_record()

    def write_artifact(self, path: Path, weights: bytes) -> None:
        """Write the artifact of the engine, with a text that stands for its weights."""
        path.write_bytes(model_bytes(make_metadata(class_names=(weights.decode(),))))
        sealed = Artifact.open(path).sha256
        self.record = dataclasses.replace(self.record, artifact_sha256=sealed)
        self._write_record()

    def _write_record(self) -> None:
        sidecar_path(self.path).write_text(self.record.to_json(), encoding="utf-8")

    def open(self, **options: Any) -> Any:
        chosen = engines.TensorRtOptions(**options)
        return engines.open(self.path, TENSORRT_RTX.name, "cuda", tensorrt=chosen)

    def on_gpu(self, values: np.ndarray) -> "Foreign":
        """Return an array on the GPU, as PyCUDA and Numba have them."""
        return Foreign(*self.cuda.array(values))

    def read(self, array: Any) -> np.ndarray:
        """Return what an array on the GPU has when its stream is done."""
        interface = array.__cuda_array_interface__
        if interface["stream"] is not None:
            self.cuda.drain(interface["stream"])
        return self.cuda.read(interface["data"][0], interface["typestr"], interface["shape"])


class Foreign:
    """An array on the GPU with the CUDA array interface; `interface` changes that."""

    def __init__(self, address: int, memory: np.ndarray, **interface: Any) -> None:
        self.memory, self.shape = memory, memory.shape
        self.__cuda_array_interface__ = {
            "data": (address, False),
            "shape": memory.shape,
            "typestr": memory.dtype.str,
            "version": 3,
            **interface,
        }


class Exported:
    """An array on the GPU with DLPack; `ready` is called with the stream that is to wait for it."""

    def __init__(self, foreign: Foreign, ready: Any, device: tuple[int, int] = (CUDA, 0)) -> None:
        self._foreign, self._ready, self._device = foreign, ready, device
        self.shape = foreign.shape

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._device

    def __dlpack__(self, stream: int) -> Any:
        self._ready(stream)
        interface = self._foreign.__cuda_array_interface__
        return to_capsule(described(interface, self._foreign), self._device)


def images(*first: int, size: tuple[int, int] = (64, 96)) -> np.ndarray:
    """Return black images, but for the first byte of each: the number of its objects."""
    batch = np.zeros((len(first), *size, 3), np.uint8)
    batch[:, 0, 0, 0] = first
    return batch
