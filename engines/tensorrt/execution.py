"""An execution context of an engine, and the memory that TensorRT gets for its outputs."""

from collections.abc import Mapping
from typing import Any

from refinemask.engines.tensorrt.memory import Buffer, Stream
from refinemask.engines.tensorrt.profile import Shape
from refinemask.errors import RefineMaskError

Placed = Mapping[str, tuple[int, Shape]]
"""Inputs by name: the address where each is, and its shape."""


class Execution:
    """Enqueues runs of an engine, one after the other."""

    def __init__(self, trt: Any, context: Any, outputs: list[str], source: str) -> None:
        self._context = context
        self._source = source
        self._allocator = _make_allocator(trt)
        for name in outputs:
            context.set_output_allocator(name, self._allocator)

    def run(
        self, inputs: Placed, outputs: Mapping[str, Buffer], stream: Stream
    ) -> dict[str, Shape]:
        """Enqueue a run, and return the shape of each output.

        Where shapes depend on values, this waits for them.

        Args:
            inputs: every input of the engine.
            outputs: memory for every output, which grows to what it takes.
            stream: what the run is enqueued on.

        Raises:
            RefineMaskError: TensorRT refuses the inputs, or memory runs out.
        """
        for name, (address, shape) in inputs.items():
            self._context.set_input_shape(name, shape)
            self._context.set_tensor_address(name, address)
        shapes = self._allocator.begin(outputs)
        accepted = self._context.execute_async_v3(stream.handle)
        self._allocator.begin({})  # whoever called owns the memory
        if not accepted:
            raise RefineMaskError(f"{self._source} cannot be run: TensorRT refuses the inputs")
        return shapes

    def profile(self, profiler: Any) -> None:
        """Report the time of each layer to a `trt.IProfiler` from now on, waiting for every run."""
        self._context.profiler = profiler


def _make_allocator(trt: Any) -> Any:
    """Return what gives TensorRT memory for outputs, whose sizes it says while it enqueues."""

    class Allocator(trt.IOutputAllocator):
        def __init__(self) -> None:
            trt.IOutputAllocator.__init__(self)
            self.begin({})

        def begin(self, buffers: Mapping[str, Buffer]) -> dict[str, Shape]:
            """Give memory from `buffers` from now on; return what gets the shapes of outputs."""
            self.buffers = buffers
            self.shapes: dict[str, Shape] = {}
            return self.shapes

        def reallocate_output(self, name: str, memory: int, size: int, alignment: int) -> int:
            return self.buffers[name].reserve(size)

        def reallocate_output_async(
            self, name: str, memory: int, size: int, alignment: int, stream: int
        ) -> int:
            return self.buffers[name].reserve(size)

        def notify_shape(self, name: str, shape: Any) -> None:
            self.shapes[name] = tuple(shape)

    return Allocator()
