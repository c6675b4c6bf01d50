"""Kernels that TensorRT-RTX has compiled for an engine, kept for the next process."""

import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Any

from refinemask.engines.tensorrt.cache import cache_folder
from refinemask.engines.tensorrt.gpu import check, cuda_runtime, current_gpu, on_gpu
from refinemask.engines.tensorrt.record import EngineRecord
from refinemask.files import atomic_path

logger = logging.getLogger(__name__)

_HASH = 32
"""Bytes of the SHA-256 at the beginning of a file."""


class KernelCache:
    """The kernels of one engine: those that a file has, and those compiled since."""

    def __init__(self, cache: Any, path: Path, index: int) -> None:
        """Load kernels; what does not fit is compiled again.

        Args:
            cache: TensorRT-RTX's, still empty.
            path: the file, which need not exist.
            index: number of the GPU, which is the current one.
        """
        self._cache = cache
        self._path = path
        self._index = index
        self._process = os.getpid()
        self._saved = read_checked(path)
        if self._saved is not None and not cache.deserialize(self._saved):
            logger.warning("%s does not fit this GPU and driver; compiling again", path)

    def save(self) -> None:
        """Write the kernels, if there are others than in the file; a failure is only logged."""
        if os.getpid() != self._process:  # CUDA does not survive a fork
            return
        try:
            with on_gpu(self._index):
                kernels = bytes(memoryview(self._cache.serialize()))
            if kernels != self._saved:
                write_checked(self._path, kernels)
                self._saved = kernels
        except Exception as error:  # the process may be about to end
            logger.warning("the compiled kernels are not kept in %s: %s", self._path, error)


def kernels_path(record: EngineRecord, index: int) -> Path:
    """Return where the kernels of an engine for a GPU and its driver are kept.

    Raises:
        RefineMaskError: there is no such GPU.
    """
    gpu = current_gpu(index)
    driver = check(cuda_runtime().cudaDriverGetVersion(), "the version of the driver")
    key = [record.engine_sha256, record.runtime_version, gpu.name, gpu.capability, driver]
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]
    return cache_folder() / "kernels" / f"{digest}.kernels"


def read_checked(path: Path) -> bytes | None:
    """Return what `write_checked` wrote; None where there is nothing, or it is damaged."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        logger.warning("cannot read %s: %s; compiling again", path, error.strerror or error)
        return None
    data = content[_HASH:]
    if hashlib.sha256(data).digest() != content[:_HASH]:
        logger.warning("%s is damaged; compiling again", path)
        return None
    return data


def write_checked(path: Path, data: bytes) -> None:
    """Write data with their hash, whole or not at all.

    Raises:
        RefineMaskError: the file cannot be written.
    """
    with atomic_path(path) as file:
        file.write_bytes(hashlib.sha256(data).digest() + data)
