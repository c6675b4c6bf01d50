"""On paper: how fast each stage could run on GPUs at best, from work and datasheets.

A model, no measurement: no GPU has run any of this for it. Each convolution and matrix product
takes as long as its multiply-adds need at the rate of the tensor cores, or as its inputs, weights
and outputs need to pass the memory once, whichever is longer; everything else is taken to be free,
as a compiler fuses most of it. So it is a floor, in float16.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from refinemask.benchmarks.suite.graphs import Graph
from refinemask.export.passes import rewritten
from refinemask.models import Detector, build_model
from refinemask.models.complexity import PARTS

BYTES = 2
"""Of a number in float16."""
PROPOSALS = 1000


@dataclass(frozen=True)
class Gpu:
    """What a datasheet of NVIDIA says.

    Attributes:
        name: of the GPU.
        flops: in float16 on tensor cores without sparsity, a second.
        bandwidth: of its memory, bytes a second.
        source: the datasheet.
    """

    name: str
    flops: float
    bandwidth: float
    source: str


GPUS = (
    Gpu("T4", 65e12, 320e9, "NVIDIA T4 Tensor Core GPU: 65 TFLOPS mixed precision, 320 GB/s"),
    Gpu("L4", 121e12, 300e9, "NVIDIA L4 Tensor Core GPU: 242 TFLOPS with sparsity, 300 GB/s"),
    Gpu("A10", 125e12, 600e9, "NVIDIA A10 Tensor Core GPU: 125 TFLOPS, 600 GB/s"),
    Gpu("H100", 989e12, 3.35e12, "NVIDIA H100 SXM: 1,979 TFLOPS with sparsity, 3.35 TB/s"),
)


@dataclass(frozen=True)
class Work:
    """One convolution or matrix product.

    Attributes:
        flops: two for each multiply-add.
        bytes: of inputs, weights and outputs in float16.
    """

    flops: int
    bytes: int

    def seconds(self, gpu: Gpu) -> float:
        """Return how long a GPU takes at least."""
        return max(self.flops / gpu.flops, self.bytes / gpu.bandwidth)


def gpu_model(presets: tuple[str, str], height: int, width: int, rois: int) -> dict[str, Any]:
    """Derive the floors of both models before and after the rewrites.

    Args:
        presets: of the models.
        height: of the padded image in pixels.
        width: likewise.
        rois: whose masks are predicted.

    Returns:
        `padded_size`, `rois`, `gpus` with their datasheets, and `models`: for each by name its
        `stages`, of which each has `gflops`, `megabytes` and `milliseconds` by GPU, and `all`, the
        milliseconds by GPU.
    """
    models = {}
    for preset in presets:
        for graph in (Graph(preset, optimize="none"), Graph(preset)):
            state = "after the rewrites" if graph.optimize == "all" else "before"
            stages = stage_work(graph, height, width, rois)
            floors = {
                name: {
                    "gflops": sum(one.flops for one in work) / 1e9,
                    "megabytes": sum(one.bytes for one in work) / 1e6,
                    "milliseconds": {
                        gpu.name: 1e3 * sum(one.seconds(gpu) for one in work) for gpu in GPUS
                    },
                }
                for name, work in stages.items()
            }
            total = {
                gpu.name: sum(one["milliseconds"][gpu.name] for one in floors.values())
                for gpu in GPUS
            }
            models[f"{preset}, {state}"] = {"stages": floors, "all": total}
    return {
        "padded_size": [height, width],
        "rois": rois,
        "gpus": {gpu.name: gpu.source for gpu in GPUS},
        "models": models,
    }


def stage_work(graph: Graph, height: int, width: int, rois: int) -> dict[str, list[Work]]:
    """Return the convolutions and matrix products of each of `PARTS`, without running them."""
    with torch.device("meta"):
        model, _ = rewritten(build_model(graph.config), graph.optimize)
        image = torch.empty(1, 3, height, width)
        found, labels = torch.empty(rois, 5), torch.empty(rois, dtype=torch.int64)
        proposals = torch.empty(PROPOSALS, 5)
    with _recorded() as work:
        for part, run in zip(PARTS, _stages(model, image, proposals, found, labels), strict=True):
            work.begin(part)
            run()
    return dict(work.by_stage)


def _stages(
    model: Detector, image: Tensor, proposals: Tensor, found: Tensor, labels: Tensor
) -> Iterator[Callable[[], Any]]:
    """Yield what runs each of `PARTS`; each takes what the one before it has computed."""
    kept: dict[str, Any] = {}

    def keep(name: str, value: Any) -> None:
        kept[name] = value

    yield lambda: keep("maps", model.backbone(image))
    yield lambda: keep("features", model.neck(kept["maps"]))
    yield lambda: model.rpn_head(kept["features"])
    yield lambda: model.roi_head.bbox_head(kept["features"], proposals)
    yield lambda: model.roi_head.mask_head(kept["features"], found, labels)


class _Recorder(TorchDispatchMode):
    """Notes the work of what PyTorch's counter of operations knows."""

    def __init__(self) -> None:
        super().__init__()
        self.by_stage: dict[str, list[Work]] = defaultdict(list)
        self._stage = ""

    def begin(self, stage: str) -> None:
        """Add what follows to a stage."""
        self._stage = stage

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, and note its work."""
        out = func(*args, **(kwargs or {}))
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            tensors = [value for value in (*args, out) if isinstance(value, Tensor)]
            size = BYTES * sum(tensor.numel() for tensor in tensors)
            flops = count(*args, **(kwargs or {}), out_val=out)
            self.by_stage[self._stage].append(Work(flops, size))
        return out


@contextmanager
def _recorded() -> Iterator[_Recorder]:
    with torch.no_grad(), _Recorder() as recorder:
        yield recorder
