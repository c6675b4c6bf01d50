"""Run engines of TensorRT and TensorRT-RTX on an NVIDIA GPU."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinemask.engines.base import Engine
from refinemask.engines.graph import GraphEngine, Inputs
from refinemask.engines.tensorrt.cache import cached_engine
from refinemask.engines.tensorrt.dlpack import CUDA, described
from refinemask.engines.tensorrt.execution import Execution
from refinemask.engines.tensorrt.flavours import Flavour
from refinemask.engines.tensorrt.gpu import current_gpu, on_gpu
from refinemask.engines.tensorrt.gpu_array import GpuArray, borrow, stream_handle
from refinemask.engines.tensorrt.layer_profiler import make_profiler
from refinemask.engines.tensorrt.loading import LoadedEngine
from refinemask.engines.tensorrt.memory import ALIGNMENT, Buffer, Stream
from refinemask.engines.tensorrt.profile import Shape
from refinemask.engines.tensorrt.record import EngineRecord, check_gpu, check_host, read_record
from refinemask.engines.tensorrt.run_options import TensorRtOptions, fitted
from refinemask.errors import RefineMaskError
from refinemask.inference.artifact import Artifact
from refinemask.inference.padded_outputs import PaddedOutputs
from refinemask.inference.rois import check_roi_shapes
from refinemask.inference.structures import RawOutputs


def open_with(
    flavour: Flavour,
    path: str | Path | Artifact,
    device: str,
    threads: int | None,
    options: TensorRtOptions,
) -> Engine:
    """Open an engine, or that of an artifact (`.onnx`), which is built at its first use.

    See `refinemask.engines.open`; `threads` has no meaning on a GPU.
    """
    flavour.require()
    index = _device_index(device)
    if isinstance(path, Artifact) or Path(path).suffix == ".onnx":
        path = cached_engine(Artifact.open(path), flavour, index)
    path = Path(path)
    record = read_record(path)
    if record.flavour is not flavour:
        raise RefineMaskError(
            f"{path} is an engine of {record.flavour.title}; open it with the runtime "
            f"{record.runtime}"
        )
    check_host(record, path)
    return TensorRtEngine(path, record, index, fitted(options, record, path))


def _device_index(device: str) -> int:
    kind, _, index = ("cuda" if device == "cpu" else device).partition(":")
    if kind != "cuda" or not (index or "0").isdecimal():
        raise RefineMaskError(f"unknown device {device!r}; choose cuda or cuda:N")
    return int(index or 0)


class TensorRtEngine(GraphEngine):
    """An engine that runs one batch at a time, whatever thread or stream it comes from."""

    def __init__(
        self, path: Path, record: EngineRecord, index: int, options: TensorRtOptions
    ) -> None:
        """Load the engine at `path`, which `record` is about, onto a GPU."""
        super().__init__(record.metadata, str(path))
        check_gpu(record, path, current_gpu(index).capability)
        self._index = index
        self._lock = threading.Lock()
        self._record = record
        with on_gpu(index):
            self._loaded = LoadedEngine(path, record, index, options)
            self._execution = self._loaded.execution()
            self._stream = Stream()
            self._done = self._stream.record()
        self._pinned = {name: Buffer(pinned=True) for name in self._tensors}
        self._buffers = {name: Buffer() for name in self._tensors}

    def time_layers(self) -> Mapping[str, float]:
        """Time layers from now on; return their seconds by name, which grow with every run.

        The engine is one that was opened without CUDA graphs, which have no layers.
        """
        assert isinstance(self._execution, Execution)
        profiler = make_profiler(self._loaded.trt)
        self._execution.profile(profiler)
        seconds: Mapping[str, float] = profiler.seconds
        return seconds

    @property
    def _tensors(self) -> list[str]:
        return [*self._loaded.inputs, *self._loaded.outputs]

    def run_on_gpu(
        self, images: Any, image_sizes: NDArray[np.int64], stream: Any = None
    ) -> RawOutputs[GpuArray] | PaddedOutputs[GpuArray]:
        """Run the network on images on the GPU; see `Engine.run_on_gpu`."""
        self.require("detections")
        names = self._outputs._fields
        return self._outputs(*self._lend(names, {"images": images}, image_sizes, stream))

    def run_rois_on_gpu(
        self,
        images: Any,
        image_sizes: NDArray[np.int64],
        rois: Any,
        labels: Any,
        stream: Any = None,
    ) -> GpuArray:
        """Run the network on given boxes on the GPU; see `Engine.run_rois_on_gpu`."""
        self.require("masks")
        given = {"images": images, "rois": rois, "labels": labels}
        return self._lend(["masks"], given, image_sizes, stream)[0]

    def _fetch(self, names: Sequence[str], inputs: Inputs) -> Sequence[NDArray[Any]]:
        self._check_profile(inputs)
        with self._turn(self._stream):
            placed = {name: self._upload(name, array) for name, array in inputs.items()}
            shapes = self._execution.run(placed, self._buffers, self._stream)
            received = [self._download(name, shapes[name]) for name in names]
            self._stream.wait()
            return [array.copy() for array in received]

    def _lend(
        self,
        names: Sequence[str],
        given: Mapping[str, Any],
        image_sizes: NDArray[np.int64],
        stream: Any,
    ) -> list[GpuArray]:
        """Run arrays on the GPU; return outputs by name, each in memory of its own."""
        on = self._stream if stream is None else Stream(stream_handle(stream))
        with self._running(given["images"]), self._turn(on):
            arrays = {name: borrow(name, array, self._index, on) for name, array in given.items()}
            self._check_lent(arrays, image_sizes)
            placed = {name: self._aligned(name, array, on) for name, array in arrays.items()}
            sizes = np.ascontiguousarray(image_sizes)
            placed["image_sizes"] = self._copied("image_sizes", sizes, on)
            outputs = {name: Buffer() for name in self._loaded.outputs}
            shapes = self._execution.run(placed, outputs, on)
            if stream is None:
                on.wait()
            return [self._returned(name, outputs[name], shapes[name], on) for name in names]

    @contextmanager
    def _turn(self, stream: Stream) -> Iterator[None]:
        """Use a stream, after all that the engine has run before, whatever the stream of that."""
        with self._lock, on_gpu(self._index):
            stream.wait_for(self._done)
            try:
                yield
            finally:
                self._done = stream.record()

    def _check_profile(self, inputs: Inputs) -> None:
        for name, array in inputs.items():
            self._record.profile.check(name, array.shape)

    def _check_lent(self, arrays: Inputs, image_sizes: NDArray[np.int64]) -> None:
        """Raise RefineMaskError unless inputs are of the types and shapes that the engine takes."""
        images, limit = arrays["images"], self.metadata.input_limits.batch
        self._check(images, image_sizes)
        if limit not in (None, len(images)):
            raise RefineMaskError(
                f"this engine takes {limit} images at a time, got {len(images)}; add black ones"
            )
        if "rois" in arrays:
            check_roi_shapes(arrays["rois"], arrays["labels"], len(images))
        self._check_profile({**arrays, "image_sizes": image_sizes})

    def _upload(self, name: str, array: NDArray[Any]) -> tuple[int, Shape]:
        """Copy an input to the GPU, through memory from which that is fast."""
        pinned = self._pinned[name].view(array.dtype, array.shape)
        pinned[...] = array
        return self._copied(name, pinned, self._stream)

    def _download(self, name: str, shape: Shape) -> NDArray[Any]:
        array = self._pinned[name].view(self._loaded.dtype(name), shape)
        self._stream.copy(array.ctypes.data, self._buffers[name].address, array.nbytes)
        return array

    def _copied(self, name: str, array: NDArray[Any], stream: Stream) -> tuple[int, Shape]:
        """Copy an input to where the engine takes it; return its address there and its shape."""
        source = array.ctypes.data
        if self._loaded.is_on_host(name):
            return source, array.shape
        address = self._buffers[name].reserve(array.nbytes)
        stream.copy(address, source, array.nbytes)
        return address, array.shape

    def _aligned(self, name: str, array: NDArray[Any], stream: Stream) -> tuple[int, Shape]:
        """Return address and shape of an array on the GPU, copied only where TensorRT needs it."""
        address = array.ctypes.data
        if array.size and address % ALIGNMENT == 0:
            return address, array.shape
        return self._copied(name, array, stream)

    def _returned(self, name: str, buffer: Buffer, shape: Shape, stream: Stream) -> GpuArray:
        address, dtype = buffer.reserve(0), self._loaded.dtype(name)
        interface = {"data": (address, False), "shape": shape, "typestr": dtype.str}
        memory, device = described(interface, buffer), (CUDA, self._index)
        if stream is self._stream:  # which was waited for
            return GpuArray(memory, device)
        return GpuArray(memory, device, stream.handle, stream.record())
