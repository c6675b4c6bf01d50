"""TensorRT engines: building them, in a process of its own, and running them."""

from pathlib import Path
from typing import TYPE_CHECKING

from refinemask.engines.tensorrt.flavours import TENSORRT

if TYPE_CHECKING:
    from refinemask.engines.base import Engine
    from refinemask.engines.tensorrt.run_options import TensorRtOptions
    from refinemask.inference.artifact import Artifact


def open_engine(
    path: "str | Path | Artifact",
    device: str,
    threads: int | None,
    options: "TensorRtOptions | None" = None,
) -> "Engine":
    """Open an engine of TensorRT; see `runtime.open_with`."""
    from refinemask.engines.tensorrt.run_options import TensorRtOptions
    from refinemask.engines.tensorrt.runtime import open_with

    return open_with(TENSORRT, path, device, threads, options or TensorRtOptions())
