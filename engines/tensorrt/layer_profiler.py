"""Time of each layer of a TensorRT engine, as TensorRT reports it after a run."""

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from refinemask.engines.tensorrt.execution import Execution

if TYPE_CHECKING:
    from refinemask.engines.tensorrt.runtime import TensorRtEngine


def profile_layers(engine: "TensorRtEngine", trt: Any) -> dict[str, float]:
    """Let an engine, which is opened without CUDA graphs, time its layers from now on.

    It waits for the GPU in every run.

    Args:
        engine: the engine.
        trt: the module that runs it.

    Returns:
        Seconds by name of a layer, which grow with every run.
    """
    execution = engine._execution
    assert isinstance(execution, Execution)  # CUDA graphs have a context for each shape
    profiler = make_profiler(trt)
    execution._context.profiler = profiler
    return profiler.seconds


def make_profiler(trt: Any) -> Any:
    """Return a `trt.IProfiler` that sums what is reported to it in `seconds`, by layer."""

    class Profiler(trt.IProfiler):
        def __init__(self) -> None:
            trt.IProfiler.__init__(self)
            self.seconds: dict[str, float] = defaultdict(float)

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            self.seconds[layer_name] += ms / 1000

    return Profiler()
