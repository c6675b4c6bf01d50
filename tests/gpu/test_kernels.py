"""The CUDA kernels on a GPU against PyTorch's references; no TensorRT is needed."""

import ctypes

import pytest
import torch

from tests.tensorrt.kernel_cases import CHECKS
from tests.tensorrt.kernels import Kernels, compile_library

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def kernels(gpu, tmp_path_factory) -> Kernels:
    """Return the kernels, compiled for this machine's GPU."""
    library = compile_library(tmp_path_factory.mktemp("kernels"), cuda=True)
    return Kernels(ctypes.CDLL(str(library)), "cuda")


@pytest.mark.parametrize("operator", CHECKS)
def test_kernel(kernels, operator):
    CHECKS[operator](kernels)


def test_the_same_bits_on_every_run(kernels):
    """Candidates are collected in any order; what is selected must not depend on it."""
    generator = torch.Generator().manual_seed(5)
    corners = torch.rand((4, 4000, 5, 2), generator=generator) * 900
    boxes = torch.cat((corners, corners + 80), -1)
    scores = torch.rand((4, 4000, 5), generator=generator).round(decimals=2)  # with many ties
    first = kernels.batched_nms(boxes, scores, 0.7, 0.1, 1000)
    for _ in range(20):
        assert torch.equal(kernels.batched_nms(boxes, scores, 0.7, 0.1, 1000), first)


def test_a_stream_that_is_captured(kernels):
    """Nothing is allocated or waited for: a CUDA graph can hold the kernels."""
    for check in CHECKS.values():
        check(kernels)
        graph = torch.cuda.CUDAGraph()
        side = torch.cuda.Stream()
        with torch.cuda.stream(side):
            check(kernels)  # so that the last launch is on this stream
            torch.cuda.synchronize()
            with torch.cuda.graph(graph, stream=side):
                assert kernels.again() == 0
        graph.replay()
        torch.cuda.synchronize()
