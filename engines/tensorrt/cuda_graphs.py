"""Runs of an engine as CUDA graphs, one for each shape of its inputs."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from refinemask.engines.tensorrt.execution import Placed
from refinemask.engines.tensorrt.gpu import check, cuda_runtime
from refinemask.engines.tensorrt.memory import Buffer, Stream
from refinemask.engines.tensorrt.profile import Shape
from refinemask.errors import RefineMaskError

MAX_GRAPHS = 4
"""Graphs that are kept, those that were used last; each has a context and memory of its own."""


class GraphExecution:
    """Runs an engine as `Execution` does, from the second time on by launching a graph."""

    def __init__(
        self,
        make_context: Callable[[], Any],
        dtypes: Mapping[str, "np.dtype[Any]"],
        outputs: list[str],
        source: str,
    ) -> None:
        """Keep what graphs are made of.

        Args:
            make_context: returns a new context of the engine.
            dtypes: types of all inputs and outputs.
            outputs: names of the outputs.
            source: the engine, as errors name it.
        """
        self._make_context = make_context
        self._dtypes = dtypes
        self._names = outputs
        self._source = source
        self._graphs: dict[tuple[tuple[str, Shape], ...], _Graph] = {}

    def run(
        self, inputs: Placed, outputs: Mapping[str, Buffer], stream: Stream
    ) -> dict[str, Shape]:
        """Enqueue a run, and return the shape of each output; see `Execution.run`.

        Raises:
            RefineMaskError: TensorRT refuses the inputs or the capture, or memory runs out.
        """
        key = tuple((name, shape) for name, (_, shape) in inputs.items())
        graph = self._graphs.pop(key, None)
        if graph is None:
            stream.wait()  # for all that still uses a graph that is dropped
            while len(self._graphs) >= MAX_GRAPHS:
                del self._graphs[next(iter(self._graphs))]
            graph = _Graph(self._make_context(), dict(key), self._names, self._dtypes, self._source)
        graph.run(inputs, outputs, stream)
        self._graphs[key] = graph  # the last one
        return graph.shapes


class _Graph:
    """A graph for inputs of one shape, with its context and its memory.

    Attributes:
        shapes: of the outputs.
    """

    def __init__(
        self,
        context: Any,
        shapes: Mapping[str, Shape],
        outputs: list[str],
        dtypes: Mapping[str, "np.dtype[Any]"],
        source: str,
    ) -> None:
        self._cuda = cuda_runtime()
        self._context = context
        self._source = source
        self._instance: Any = None
        for name, shape in shapes.items():
            context.set_input_shape(name, shape)
        self.shapes = {name: tuple(context.get_tensor_shape(name)) for name in outputs}
        tensors = {**shapes, **self.shapes}
        if any(size < 0 for shape in tensors.values() for size in shape):
            raise self._refused("the shapes of its outputs depend on values; take another")
        self._sizes = {name: math.prod(tensors[name]) * dtypes[name].itemsize for name in tensors}
        self._memory = {name: Buffer() for name in tensors}
        for name, buffer in self._memory.items():
            context.set_tensor_address(name, buffer.reserve(self._sizes[name]))

    def run(self, inputs: Placed, outputs: Mapping[str, Buffer], stream: Stream) -> None:
        for name, (address, _) in inputs.items():
            stream.copy(self._memory[name].address, address, self._sizes[name])
        if self._instance is None:
            self._enqueue(stream)  # compiles and allocates what a capture must not
            stream.wait()
            self._instance = self._captured()
        else:
            launched = self._cuda.cudaGraphLaunch(self._instance, stream.handle)
            check(launched, f"launching the CUDA graph of {self._source}")
        for name in self.shapes:
            size = self._sizes[name]
            stream.copy(outputs[name].reserve(size), self._memory[name].address, size)

    def _captured(self) -> Any:
        """Return what launches the run, captured on a stream that nobody else uses or waits for."""
        cuda, stream = self._cuda, Stream(apart=True)
        capturable = getattr(self._context, "is_stream_capturable", None)  # of TensorRT-RTX alone
        if capturable is not None and not capturable(stream.handle):
            raise self._refused("TensorRT-RTX says so; build the engine again")
        mode = cuda.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        check(cuda.cudaStreamBeginCapture(stream.handle, mode), "capturing a CUDA graph")
        try:
            self._enqueue(stream)
        finally:
            ended = cuda.cudaStreamEndCapture(stream.handle)
        graph = check(ended, f"{self._source} cannot be captured as a CUDA graph")
        try:
            return check(cuda.cudaGraphInstantiate(graph, 0), "instantiating a CUDA graph")
        finally:
            cuda.cudaGraphDestroy(graph)

    def _enqueue(self, stream: Stream) -> None:
        if not self._context.execute_async_v3(stream.handle):
            raise self._refused("TensorRT refuses to run it; try other inputs")

    def _refused(self, reason: str) -> RefineMaskError:
        return RefineMaskError(
            f"{self._source} cannot be captured as a CUDA graph: {reason}, or leave out cuda_graphs"
        )

    def __del__(self) -> None:
        if getattr(self, "_instance", None) is not None:
            self._cuda.cudaGraphExecDestroy(self._instance)
