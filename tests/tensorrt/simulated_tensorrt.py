"""TensorRT without a GPU: its interface, around engines that compute something simple.

A network of the form fused finds as many objects as the first byte of an image says, in each image;
one of the form static has room for as many as the model may find. Masks of given boxes are filled
with the number of the box and the first byte of its image.
"""

import json
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from refinemask.inference.artifact import interface
from refinemask.inference.metadata import ArtifactMetadata
from tests.tensorrt.simulated_cuda import SimulatedCuda

Arrays = dict[str, np.ndarray]


class TensorIOMode(Enum):
    INPUT = 1
    OUTPUT = 2


class TensorLocation(Enum):
    DEVICE = 0
    HOST = 1


class IOutputAllocator:
    """Base class of what gives outputs memory."""


class Logger:
    ERROR = 1

    def __init__(self, severity: int) -> None:
        pass


class SimulatedTensorRt:
    """A module as `tensorrt`, whose engines are all of one network.

    Attributes:
        contexts: those that were made.
        capturable: what their `is_stream_capturable` says.
    """

    def __init__(self, cuda: SimulatedCuda, metadata: ArtifactMetadata) -> None:
        self.TensorLocation = TensorLocation
        self.IOutputAllocator = IOutputAllocator
        self.Logger = Logger
        self.Refitter = SimulatedRefitter
        self.OnnxParserRefitter = SimulatedParserRefitter
        self.DynamicShapesKernelSpecializationStrategy = SimpleNamespace(EAGER="eager")
        self.cuda = cuda
        self.metadata = metadata
        self.contexts: list[SimulatedContext] = []
        self.capturable = True
        self.__spec__ = SimpleNamespace()

    def Runtime(self, logger: Logger) -> "SimulatedRuntime":
        return SimulatedRuntime(self)

    def nptype(self, dtype: str) -> np.dtype:
        return np.dtype(dtype)


class SimulatedRuntime:
    """Loads engines; those with code only if that is allowed."""

    def __init__(self, trt: SimulatedTensorRt) -> None:
        self._trt = trt
        self.engine_host_code_allowed = False

    def deserialize_cuda_engine(self, data: bytes) -> "SimulatedEngine | None":
        if b"code" in data and not self.engine_host_code_allowed:
            return None
        return SimulatedEngine(self._trt, has_weights=b"no weights" not in data)


class SimulatedRefitter:
    """Gives an engine weights."""

    def __init__(self, engine: "SimulatedEngine", logger: Logger) -> None:
        self.engine = engine
        self.given = b""

    def refit_cuda_engine(self) -> bool:
        self.engine.has_weights = b"all weights" in self.given
        return self.engine.has_weights

    def get_missing_weights(self) -> list[str]:
        return ["conv1", "conv2"]


class SimulatedParserRefitter:
    """Gives a refitter the weights of a file."""

    num_errors = 1

    def __init__(self, refitter: SimulatedRefitter, logger: Logger) -> None:
        self._refitter = refitter

    def refit_from_file(self, path: str) -> bool:
        self._refitter.given = Path(path).read_bytes()
        return b"unknown node" not in self._refitter.given

    def get_error(self, index: int) -> Any:
        return SimpleNamespace(desc=lambda: "a node is unknown")


class SimulatedEngine:
    """An engine of the network."""

    def __init__(self, trt: SimulatedTensorRt, has_weights: bool) -> None:
        self._trt = trt
        self.has_weights = has_weights
        self.inputs, self.outputs = interface(trt.metadata)
        self._tensors = [*self.inputs, *self.outputs]
        self.num_io_tensors = len(self._tensors)

    def get_tensor_name(self, index: int) -> str:
        return self._tensors[index].name

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        is_input = name in {tensor.name for tensor in self.inputs}
        return TensorIOMode.INPUT if is_input else TensorIOMode.OUTPUT

    def get_tensor_dtype(self, name: str) -> str:
        (dtype,) = {tensor.dtype for tensor in self._tensors if tensor.name == name}
        return dtype

    def get_tensor_location(self, name: str) -> TensorLocation:
        return TensorLocation.DEVICE

    def create_runtime_config(self) -> "SimulatedConfig":
        return SimulatedConfig()

    def create_execution_context(self, config: "SimulatedConfig") -> "SimulatedContext":
        context = SimulatedContext(self._trt, self, config)
        self._trt.contexts.append(context)
        return context


class SimulatedCache:
    """A cache of kernels.

    Attributes:
        kernels: one for each shape of the inputs.
    """

    def __init__(self) -> None:
        self.kernels: set[str] = set()

    def deserialize(self, data: bytes) -> bool:
        if data.startswith(b"kernels of another GPU"):
            return False
        self.kernels = set(json.loads(data))
        return True

    def serialize(self) -> bytes:
        return json.dumps(sorted(self.kernels)).encode()


class SimulatedConfig:
    """How contexts run."""

    def __init__(self) -> None:
        self.dynamic_shapes_kernel_specialization_strategy = "lazy"
        self.cache = SimulatedCache()

    def create_runtime_cache(self) -> SimulatedCache:
        return SimulatedCache()

    def set_runtime_cache(self, cache: SimulatedCache) -> bool:
        self.cache = cache
        return True


class SimulatedContext:
    """A context of an engine.

    Attributes:
        config: how it was made.
        runs: how often it was executed.
        compiled: how often a kernel was compiled for that.
    """

    def __init__(
        self, trt: SimulatedTensorRt, engine: SimulatedEngine, config: "SimulatedConfig"
    ) -> None:
        self._trt, self._engine = trt, engine
        self.config = config
        self.runs = self.compiled = 0
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.addresses: dict[str, int] = {}
        self._allocators: dict[str, Any] = {}

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        time.sleep(1e-5)  # in which other threads run
        self.shapes[name] = shape
        return True

    def set_tensor_address(self, name: str, address: int) -> bool:
        assert address % 256 == 0
        self.addresses[name] = address
        return True

    def set_output_allocator(self, name: str, allocator: Any) -> bool:
        self._allocators[name] = allocator
        return True

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        inputs = {
            tensor.name: np.zeros(self.shapes[tensor.name], tensor.dtype)
            for tensor in self._engine.inputs
        }
        return compute(self._trt.metadata, inputs)[name].shape

    def is_stream_capturable(self, stream: int) -> bool:
        return self._trt.capturable

    def execute_async_v3(self, stream: int) -> bool:
        assert self._engine.has_weights
        self.runs += 1
        kernel = str(sorted(self.shapes.items()))
        if kernel not in self.config.cache.kernels:
            self.compiled += 1
            self.config.cache.kernels.add(kernel)
        cuda, metadata = self._trt.cuda, self._trt.metadata
        placed = {
            tensor.name: (self.addresses[tensor.name], tensor.dtype, self.shapes[tensor.name])
            for tensor in self._engine.inputs
        }

        def outputs() -> Arrays:
            return compute(metadata, {name: cuda.read(*place) for name, place in placed.items()})

        if metadata.form == "static" or metadata.outputs == "masks":
            shaped = {name: np.zeros(shape, dtype) for name, (_, dtype, shape) in placed.items()}
            kinds = compute(metadata, shaped)
        else:  # shapes depend on values, which TensorRT waits for
            cuda.drain(stream)
            kinds = outputs()
        for name, values in kinds.items():
            cuda.enqueue(stream, self._writes(self._place(name, values, stream), name, outputs))
        return True

    def _place(self, name: str, values: np.ndarray, stream: int) -> int:
        allocator = self._allocators.get(name)
        if allocator is None:
            return self.addresses[name]
        allocator.notify_shape(name, values.shape)
        return allocator.reallocate_output_async(name, 0, values.nbytes, 256, stream)

    def _writes(self, address: int, name: str, outputs: Callable[[], Arrays]) -> Callable[[], None]:
        def write() -> None:
            values = outputs()[name]
            self._trt.cuda.read(address, values.dtype, values.shape)[...] = values

        return write


def compute(metadata: ArtifactMetadata, inputs: Arrays) -> Arrays:
    """Return the outputs of the network."""
    images, side = inputs["images"], metadata.model.mask_head.mask_size
    first = images[:, 0, 0, 0].astype(np.int64)
    if metadata.outputs == "masks":
        rois = inputs["rois"]
        values = np.arange(len(rois)) / 1000 + first[rois[:, 0].astype(int)] / 256
        return {"masks": np.tile(values[:, None, None], (1, side, side)).astype(np.float32)}
    most = metadata.model.max_detections
    found = np.arange(most) < first[:, None]
    outputs = {
        "boxes": found[..., None] * np.array([1, 2, 3, 4], np.float32),
        "scores": np.where(found, np.float32(0.5), np.float32(0)),
        "labels": np.where(found, 0, -1),
        "masks": np.broadcast_to(found[..., None, None], (*found.shape, side, side))
        * np.float32(1),
    }
    if metadata.form == "static":
        return outputs | {"num_detections": first, "truncated": np.zeros(len(images), bool)}
    flat = {name: values[found] for name, values in outputs.items()}
    return flat | {"image_index": np.nonzero(found)[0]}
