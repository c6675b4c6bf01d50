"""Time of each layer of a TensorRT engine, as TensorRT reports it after a run."""

from collections import defaultdict
from typing import Any


def make_profiler(trt: Any) -> Any:
    """Return a `trt.IProfiler` that sums what is reported to it in `seconds`, by layer."""

    class Profiler(trt.IProfiler):
        def __init__(self) -> None:
            trt.IProfiler.__init__(self)
            self.seconds: dict[str, float] = defaultdict(float)

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            self.seconds[layer_name] += ms / 1000

    return Profiler()
