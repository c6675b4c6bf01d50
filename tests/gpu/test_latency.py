"""How long the kernels take at the shapes of R50, 800×1344, beside what PyTorch takes.

The floor is the time in which a copy moves every input and output once. Run with `-s` to read the
table; with REFINEMASK_GPU_RESULTS=FILE it is appended to a file too.
"""

import ctypes
from collections.abc import Callable

import pytest
import torch

from refinemask.ops.batched_nms import batched_nms
from refinemask.ops.boundary_refine import boundary_refine
from refinemask.ops.multiscale_roi_align import multiscale_roi_align
from tests.gpu.results import bytes_per_microsecond, microseconds, report
from tests.tensorrt.kernels import Kernels, compile_library

pytestmark = [pytest.mark.gpu, pytest.mark.slow]
STRIDES = (4, 8, 16, 32)


@pytest.fixture(scope="module")
def kernels(gpu, tmp_path_factory) -> Kernels:
    """Return the kernels, compiled for this machine's GPU."""
    library = compile_library(tmp_path_factory.mktemp("kernels"), cuda=True)
    return Kernels(ctypes.CDLL(str(library)), "cuda")


def rois(count: int) -> torch.Tensor:
    """RoIs of one image of 800×1344, of sizes of all levels."""
    corner = torch.rand(count, 2, device="cuda") * torch.tensor([1000.0, 500.0], device="cuda")
    size = 16 * torch.exp(torch.rand(count, 2, device="cuda") * 3.3)
    return torch.cat((torch.zeros(count, 1, device="cuda"), corner, corner + size), 1)


def test_latency(kernels, gpu):
    maps = [torch.randn(1, 256, 800 // s, 1344 // s, device="cuda") for s in STRIDES]
    halves = [level.half() for level in maps]
    thousand, hundred = rois(1000), rois(100)
    corners = torch.rand(1, 1000, 80, 2, device="cuda") * 900
    boxes = torch.cat((corners, corners + 100), -1)
    scores = torch.rand(1, 1000, 80, device="cuda") ** 8
    coarse = torch.randn(100, 1, 56, 56, device="cuda")
    fine = torch.randn(100, 1, 112, 112, device="cuda")
    masks = torch.rand(100, 112, 112, device="cuda")
    frame = torch.randint(0, 256, (1080, 1920, 3), dtype=torch.uint8, device="cuda")
    cases: dict[str, tuple[Callable[[], object], Callable[[], object] | None]] = {
        "MultiScaleRoIAlign, 1000 of 7×7": (
            lambda: kernels.multiscale_roi_align(thousand, maps, 7, STRIDES),
            lambda: multiscale_roi_align(thousand, maps, 7, STRIDES),
        ),
        "MultiScaleRoIAlign, 1000 of 7×7, channels last": (
            lambda: kernels.multiscale_roi_align(thousand, maps, 7, STRIDES, channels_last=True),
            None,
        ),
        "MultiScaleRoIAlign, 1000 of 7×7, channels last, float16": (
            lambda: kernels.multiscale_roi_align(thousand, halves, 7, STRIDES, channels_last=True),
            None,
        ),
        "MultiScaleRoIAlign, 100 of 14×14": (
            lambda: kernels.multiscale_roi_align(hundred, maps, 14, STRIDES),
            lambda: multiscale_roi_align(hundred, maps, 14, STRIDES),
        ),
        "MultiScaleRoIAlign, P2 alone, 100 of 56×56": (
            lambda: kernels.multiscale_roi_align(hundred, maps[:1], 56, STRIDES[:1]),
            lambda: multiscale_roi_align(hundred, maps[:1], 56, STRIDES[:1]),
        ),
        "BatchedNMS, 80 × 1000": (
            lambda: kernels.batched_nms(boxes, scores, 0.5, 0.05, 100),
            lambda: batched_nms(boxes, scores, 0.5, 0.05, 100),
        ),
        "BoundaryRefine, 100 of 112×112": (
            lambda: kernels.boundary_refine(coarse, fine),
            lambda: boundary_refine(coarse, fine),
        ),
        "PasteMasks, 100 into 800×1333": (
            lambda: kernels.paste_masks(masks, hundred[:, 1:], 800, 1333),
            None,
        ),
        "preparation of an image, 1080×1920 to 750×1333": (
            lambda: kernels.prepare_image(frame, 0, (750, 1333), (768, 1344)),
            None,
        ),
    }
    speed, rows = bytes_per_microsecond(), []
    for name, (ours, reference) in cases.items():
        ours()
        floor = kernels.moved / speed
        time = microseconds(kernels.again)
        theirs = "" if reference is None else f"{microseconds(reference):.0f}"
        rows.append([name, f"{time:.0f}", f"{floor:.1f}", f"{time / floor:.1f}", theirs])
    columns = ["Case", "µs", "floor, µs", "times the floor", "PyTorch, µs"]
    report(f"Kernels on {gpu}, where a copy moves {speed / 1e6:.2f} TB/s", columns, rows)
