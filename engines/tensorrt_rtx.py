"""Run engines of TensorRT-RTX, as `tensorrt` runs those of TensorRT."""

from pathlib import Path

from refinemask.engines.base import Engine
from refinemask.engines.tensorrt.flavours import TENSORRT_RTX
from refinemask.engines.tensorrt.run_options import TensorRtOptions
from refinemask.engines.tensorrt.runtime import open_with
from refinemask.inference.artifact import Artifact


def open_engine(
    path: str | Path | Artifact,
    device: str,
    threads: int | None,
    options: TensorRtOptions | None = None,
) -> Engine:
    """Open an engine of TensorRT-RTX; see `runtime.open_with`."""
    return open_with(TENSORRT_RTX, path, device, threads, options or TensorRtOptions())
