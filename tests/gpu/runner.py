"""Build engines with the TensorRT at hand, and run them on PyTorch tensors."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from refinemask.engines.tensorrt.build import build_engine
from refinemask.engines.tensorrt.flavours import FLAVOURS
from refinemask.engines.tensorrt.profile import Profile

RTX_CAPABILITIES = {(7, 5), (8, 0), (8, 6), (8, 9), (12, 0), (12, 1)}


def build(onnx_file: Path, profile: Profile, libraries: Sequence[Path]) -> "Runner":
    """Build an engine with TensorRT or else TensorRT-RTX; skip the test where there is neither."""
    installed = [one for one in FLAVOURS.values() if find_spec(one.module) is not None]
    if not installed:
        pytest.skip("neither TensorRT nor TensorRT-RTX is installed")
    flavour = installed[0]
    if flavour.portable and torch.cuda.get_device_capability() not in RTX_CAPABILITIES:
        pytest.skip(
            f"TensorRT-RTX does not run on {torch.cuda.get_device_name()}; install TensorRT"
        )
    engine = build_engine(onnx_file, profile, libraries, flavour=flavour)
    return Runner(import_module(flavour.module), engine.data, libraries)


def _load(trt: Any, libraries: Sequence[Path]) -> None:
    """Load plugin libraries that this process has not loaded before."""
    registry = trt.get_plugin_registry()
    present = {creator.name for creator in registry.all_creators}
    for library in libraries:
        if "MultiScaleRoIAlign" not in present:
            assert registry.load_library(str(library)) is not None, f"{library} does not load"


class Runner:
    """An engine and one context; inputs and outputs are tensors on the GPU."""

    def __init__(self, trt: Any, engine: bytes, libraries: Sequence[Path]) -> None:
        self._trt = trt
        self._logger = trt.Logger(trt.Logger.WARNING)
        self._runtime = trt.Runtime(self._logger)
        _load(trt, libraries)
        self.engine = self._runtime.deserialize_cuda_engine(engine)
        assert self.engine is not None, "the engine does not load"
        self._context = self.engine.create_execution_context()
        self._names = [self.engine.get_tensor_name(i) for i in range(self.engine.num_io_tensors)]
        self._allocator = _make_allocator(trt)

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run on inputs by name; those that are shapes stay on the CPU."""
        kept = []
        for name, tensor in inputs.items():
            location = self.engine.get_tensor_location(name)
            on_host = location == self._trt.TensorLocation.HOST
            placed = (tensor.cpu() if on_host else tensor.cuda()).contiguous()
            kept.append(placed)
            assert self._context.set_input_shape(name, tuple(placed.shape))
            # An empty tensor has no address, and TensorRT wants one.
            address = placed.data_ptr() or self._allocator.room.data_ptr()
            assert self._context.set_tensor_address(name, address)
        outputs = [name for name in self._names if name not in inputs]
        for name in outputs:
            assert self._context.set_output_allocator(name, self._allocator)
        assert self._context.execute_async_v3(torch.cuda.current_stream().cuda_stream)
        torch.cuda.synchronize()
        return {name: self._output(name) for name in outputs}

    def _output(self, name: str) -> Tensor:
        trt = self._trt
        types = {
            trt.float32: torch.float32,
            trt.float16: torch.float16,
            trt.bfloat16: torch.bfloat16,
            trt.int64: torch.int64,
            trt.uint8: torch.uint8,
        }
        dtype = types[self.engine.get_tensor_dtype(name)]
        shape = self._allocator.shapes[name]
        count = int(torch.Size(shape).numel())
        return self._allocator.buffers[name].view(dtype)[:count].view(shape).clone()


def _make_allocator(trt: Any) -> Any:
    class Allocator(trt.IOutputAllocator):
        """Keeps one buffer an output, as large as it has ever been."""

        def __init__(self) -> None:
            trt.IOutputAllocator.__init__(self)
            self.buffers: dict[str, Tensor] = {}
            self.shapes: dict[str, tuple[int, ...]] = {}
            self.room = torch.empty(256, dtype=torch.uint8, device="cuda")

        def reallocate_output(self, name: str, memory: int, size: int, alignment: int) -> int:
            buffer = self.buffers.get(name, self.room[:0])
            if len(buffer) < max(size, 8):
                # Rounded up, so that it can be viewed as elements of 8 bytes.
                buffer = torch.empty(-(-max(size, 8) // 8) * 8, dtype=torch.uint8, device="cuda")
                self.buffers[name] = buffer
            return int(buffer.data_ptr())

        def reallocate_output_async(
            self, name: str, memory: int, size: int, alignment: int, stream: int
        ) -> int:
            return self.reallocate_output(name, memory, size, alignment)

        def notify_shape(self, name: str, shape: Any) -> None:
            self.shapes[name] = tuple(shape)

    return Allocator()
