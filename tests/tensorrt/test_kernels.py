"""What the threads of the CUDA kernels compute, run by the CPU, against the references.

`tests/gpu/test_kernels.py` puts the same inputs through the kernels themselves.
"""

import ctypes

import pytest

from tests.tensorrt.kernel_cases import CHECKS
from tests.tensorrt.kernels import Kernels, compile_library


@pytest.fixture(scope="module")
def kernels(tmp_path_factory) -> Kernels:
    """Return the kernels, compiled for the CPU."""
    library = compile_library(tmp_path_factory.mktemp("kernels"), cuda=False)
    return Kernels(ctypes.CDLL(str(library)), "cpu")


@pytest.mark.parametrize("operator", CHECKS)
def test_kernel(kernels, operator):
    CHECKS[operator](kernels)
