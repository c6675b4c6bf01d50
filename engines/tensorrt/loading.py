"""An engine in TensorRT: loaded onto the current GPU, and asked about its inputs and outputs."""

import weakref
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from refinemask.engines.tensorrt.cuda_graphs import GraphExecution
from refinemask.engines.tensorrt.execution import Execution
from refinemask.engines.tensorrt.kernel_cache import KernelCache, kernels_path
from refinemask.engines.tensorrt.record import EngineRecord
from refinemask.engines.tensorrt.refit import refit
from refinemask.engines.tensorrt.run_options import TensorRtOptions
from refinemask.errors import RefineMaskError
from refinemask.inference import native


class LoadedEngine:
    """An engine that TensorRT has loaded.

    Attributes:
        inputs: names of its inputs.
        outputs: names of its outputs.
    """

    def __init__(
        self, path: Path, record: EngineRecord, index: int, options: TensorRtOptions
    ) -> None:
        """Load the engine at `path`, which `record` is about, onto the current GPU.

        Args:
            path: the engine.
            record: what is known of it.
            index: number of the GPU.
            options: how the engine is to run; with the artifact only if the engine lacks weights.

        Raises:
            RefineMaskError: TensorRT refuses the engine, the weights or the plugin library.
        """
        self._path = path
        self._options = options
        self.trt = trt = import_module(record.flavour.module)
        if record.plugins_sha256 is not None:
            _load_plugins(trt, native.require("trt", f"the engine {path}"))
        self._logger = trt.Logger(trt.Logger.ERROR)
        self._runtime = trt.Runtime(self._logger)
        if options.embedded_code:
            self._runtime.engine_host_code_allowed = True
        self._engine = self._runtime.deserialize_cuda_engine(path.read_bytes())
        if self._engine is None:
            raise RefineMaskError(
                f"{record.flavour.title} does not load {path}; build it again with: "
                f"{record.command(path)}"
            )
        if options.artifact is not None:
            refit(trt, self._logger, self._engine, options.artifact, str(path))
        self._config = self._runtime_config(record, index) if record.flavour.portable else None
        self.inputs = self._names("INPUT")
        self.outputs = self._names("OUTPUT")

    def execution(self) -> Execution | GraphExecution:
        """Return what runs the engine.

        Raises:
            RefineMaskError: memory of the GPU runs out.
        """
        source = str(self._path)
        if self._options.cuda_graphs:
            dtypes = {name: self.dtype(name) for name in (*self.inputs, *self.outputs)}
            return GraphExecution(self._context, dtypes, self.outputs, source)
        return Execution(self.trt, self._context(), self.outputs, source)

    def dtype(self, name: str) -> np.dtype[Any]:
        """Return the type of the elements of an input or output."""
        return np.dtype(self.trt.nptype(self._engine.get_tensor_dtype(name)))

    def is_on_host(self, name: str) -> bool:
        """Return whether TensorRT wants an input on the host."""
        location = self._engine.get_tensor_location(name)
        return bool(location == self.trt.TensorLocation.HOST)

    def _runtime_config(self, record: EngineRecord, index: int) -> Any:
        """Return how contexts of TensorRT-RTX run, which compiles kernels when it needs them.

        They are kept when the engine is no longer used, or the process ends.
        """
        config = self._engine.create_runtime_config()
        cache = config.create_runtime_cache()
        kernels = KernelCache(cache, kernels_path(record, index), index)
        config.set_runtime_cache(cache)
        weakref.finalize(self, kernels.save)
        if self._options.cuda_graphs:  # which must not capture the slow kernels of the meantime
            strategy = self.trt.DynamicShapesKernelSpecializationStrategy.EAGER
            config.dynamic_shapes_kernel_specialization_strategy = strategy
        return config

    def _context(self) -> Any:
        configured = () if self._config is None else (self._config,)
        context = self._engine.create_execution_context(*configured)
        if context is None:
            raise RefineMaskError(
                f"{self._path} cannot be run: there is no memory for it on the GPU; build it again "
                "with smaller --max-shapes"
            )
        return context

    def _names(self, mode: str) -> list[str]:
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        return [name for name in names if self._engine.get_tensor_mode(name).name == mode]


def _load_plugins(trt: Any, library: Path) -> None:
    """Load a plugin library, once in a process: a second copy is refused."""
    registry = trt.get_plugin_registry()
    if any(creator.plugin_namespace == "refinemask" for creator in registry.all_creators):
        return
    if registry.load_library(str(library)) is None:
        raise RefineMaskError(
            f"TensorRT does not load the plugin library {library}; {native.BUILD}"
        )
