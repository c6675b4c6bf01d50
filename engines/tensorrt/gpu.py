"""The NVIDIA GPU that engines are built on and run on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from refinemask.errors import RefineMaskError


@dataclass(frozen=True)
class Gpu:
    """A GPU.

    Attributes:
        index: its number in CUDA.
        name: as NVIDIA calls it.
        capability: its compute capability, such as "8.9".
    """

    index: int
    name: str
    capability: str


def current_gpu(index: int = 0) -> Gpu:
    """Return a GPU.

    Raises:
        RefineMaskError: there is none of this number, its driver is missing or too old, or the
            Python interface of CUDA is not installed.
    """
    cuda = cuda_runtime()
    properties = check(cuda.cudaGetDeviceProperties(index), f"there is no GPU cuda:{index}")
    return Gpu(index, properties.name.decode(), f"{properties.major}.{properties.minor}")


def use_gpu(index: int) -> None:
    """Make a GPU the current one of this thread.

    Raises:
        RefineMaskError: as `current_gpu`.
    """
    check(cuda_runtime().cudaSetDevice(index), f"there is no GPU cuda:{index}")


@contextmanager
def on_gpu(index: int) -> Iterator[None]:
    """Make a GPU the current one of this thread, and afterwards whatever was current before.

    Raises:
        RefineMaskError: as `current_gpu`.
    """
    from cuda.bindings import driver

    _, before = driver.cuCtxGetCurrent()  # what another library uses, or none
    use_gpu(index)
    try:
        yield
    finally:
        driver.cuCtxSetCurrent(before)


def cuda_runtime() -> Any:
    """Return the Python interface of the CUDA runtime.

    Raises:
        RefineMaskError: it is not installed.
    """
    try:
        from cuda.bindings import runtime
    except ImportError as error:
        raise RefineMaskError(
            "engines need the Python interface of CUDA; install it with: pip install "
            "'refinemask[tensorrt-rtx]'"
        ) from error
    return runtime


def check(result: tuple[Any, ...], purpose: str) -> Any:
    """Return the value of a call of CUDA.

    Raises:
        RefineMaskError: it failed; the error begins with `purpose`.
    """
    status, *values = result
    if int(status):
        cuda = cuda_runtime()
        _, text = cuda.cudaGetErrorString(status)
        raise RefineMaskError(
            f"{purpose}: {text.decode()} ({status.name}); check GPU and driver with nvidia-smi"
        )
    return values[0] if values else None
