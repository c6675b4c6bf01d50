"""Run engines of TensorRT and TensorRT-RTX on an NVIDIA GPU."""

import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from refinemask.engines.base import Engine
from refinemask.engines.graph import GraphEngine, Inputs
from refinemask.engines.tensorrt.cache import cached_engine
from refinemask.engines.tensorrt.flavours import Flavour
from refinemask.engines.tensorrt.gpu import current_gpu, use_gpu
from refinemask.engines.tensorrt.memory import Buffer, Stream
from refinemask.engines.tensorrt.record import EngineRecord, check_gpu, check_host, read_record
from refinemask.errors import RefineMaskError
from refinemask.inference import native
from refinemask.inference.artifact import Artifact


def open_with(
    flavour: Flavour, path: str | Path | Artifact, device: str, threads: int | None
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
    if "--strip-weights" in record.options:
        raise RefineMaskError(
            f"{path} has no weights, for programs that refit it from {record.artifact}; build it "
            "again without --strip-weights to open it here"
        )
    return TensorRtEngine(path, record, index)


def _device_index(device: str) -> int:
    kind, _, index = ("cuda" if device == "cpu" else device).partition(":")
    if kind != "cuda" or not (index or "0").isdecimal():
        raise RefineMaskError(f"unknown device {device!r}; choose cuda or cuda:N")
    return int(index or 0)


class TensorRtEngine(GraphEngine):
    """An engine with one context and one stream: calls from several threads take turns."""

    def __init__(self, path: Path, record: EngineRecord, index: int) -> None:
        """Load the engine at `path`, which `record` is about, onto a GPU."""
        super().__init__(record.metadata, str(path))
        check_gpu(record, path, current_gpu(index).capability)
        self._index = index
        self._lock = threading.Lock()
        self._record = record
        use_gpu(self._index)
        self._trt = import_module(record.flavour.module)
        self._engine = self._load(path)
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise RefineMaskError(
                f"{path} cannot be run: there is no memory for it on the GPU; build it again with "
                "smaller --max-shapes"
            )
        self._stream = Stream()
        self._inputs = {name: (Buffer(pinned=True), Buffer()) for name in self._names("INPUT")}
        self._found = {name: (Buffer(pinned=True), Buffer()) for name in self._names("OUTPUT")}
        on_gpu = {name: buffer for name, (_, buffer) in self._found.items()}
        self._allocator = _make_allocator(self._trt, on_gpu)

    def _load(self, path: Path) -> Any:
        trt = self._trt
        self._logger = trt.Logger(trt.Logger.ERROR)
        if self._record.plugins_sha256 is not None:
            _load_plugins(trt, native.require("trt", f"the engine {path}"))
        self._runtime = trt.Runtime(self._logger)  # code inside an engine is refused by default
        engine = self._runtime.deserialize_cuda_engine(path.read_bytes())
        if engine is None:
            raise RefineMaskError(
                f"{self._record.flavour.title} does not load {path}; build it again with: "
                f"{self._record.command(path)}"
            )
        return engine

    def _names(self, mode: str) -> list[str]:
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        return [name for name in names if self._engine.get_tensor_mode(name).name == mode]

    def _fetch(self, names: Sequence[str], inputs: Inputs) -> Sequence[NDArray[Any]]:
        for name, array in inputs.items():
            self._record.profile.check(name, array.shape)
        with self._lock:
            use_gpu(self._index)
            for name, array in inputs.items():
                self._feed(name, array)
            for name in self._found:
                self._context.set_output_allocator(name, self._allocator)
            if not self._context.execute_async_v3(self._stream.handle):
                raise RefineMaskError(f"{self.source} cannot be run: TensorRT refuses the inputs")
            self._stream.wait()
            received = [self._received(name) for name in names]
            self._stream.wait()
            return [array.copy() for array in received]

    def _feed(self, name: str, array: NDArray[Any]) -> None:
        pinned, on_gpu = self._inputs[name]
        host = pinned.view(array.dtype, array.shape)
        host[...] = array
        self._context.set_input_shape(name, array.shape)
        if self._engine.get_tensor_location(name) == self._trt.TensorLocation.HOST:
            self._context.set_tensor_address(name, pinned.address)
            return
        address = on_gpu.reserve(array.nbytes)
        self._stream.copy(address, pinned.address, array.nbytes)
        self._context.set_tensor_address(name, address)

    def _received(self, name: str) -> NDArray[Any]:
        pinned, on_gpu = self._found[name]
        dtype = self._trt.nptype(self._engine.get_tensor_dtype(name))
        array = pinned.view(dtype, self._allocator.shapes[name])
        self._stream.copy(pinned.address, on_gpu.address, array.nbytes)
        return array


def _load_plugins(trt: Any, library: Path) -> None:
    """Load a plugin library, once in a process: a second copy is refused."""
    registry = trt.get_plugin_registry()
    if any(creator.plugin_namespace == "refinemask" for creator in registry.all_creators):
        return
    if registry.load_library(str(library)) is None:
        raise RefineMaskError(
            f"TensorRT does not load the plugin library {library}; {native.BUILD}"
        )


def _make_allocator(trt: Any, buffers: dict[str, Buffer]) -> Any:
    """Return what gives TensorRT memory for outputs, whose sizes are known after a run."""

    class Allocator(trt.IOutputAllocator):
        def __init__(self) -> None:
            trt.IOutputAllocator.__init__(self)
            self.shapes: dict[str, tuple[int, ...]] = {}

        def reallocate_output(self, name: str, memory: int, size: int, alignment: int) -> int:
            return buffers[name].reserve(size)

        def reallocate_output_async(
            self, name: str, memory: int, size: int, alignment: int, stream: int
        ) -> int:
            return buffers[name].reserve(size)

        def notify_shape(self, name: str, shape: Any) -> None:
            self.shapes[name] = tuple(shape)

    return Allocator()
