"""On paper: how fast each stage could run on GPUs at best, from work and datasheets.

A model, no measurement: no GPU has run any of this for it. Each convolution and matrix product
takes as long as its multiply-adds need at the rate of the tensor cores, or as its inputs, weights
and outputs need to pass the memory once, whichever is longer; everything else is taken to be free,
as a compiler fuses most of it. So it is a floor, in float16.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from refinemask.benchmarks.suite.candidates import network_inputs
from refinemask.benchmarks.suite.counts import rewritten_model
from refinemask.benchmarks.suite.graphs import Graph
from refinemask.benchmarks.suite.layout import Scene
from refinemask.inference import native
from refinemask.models.detector import normalise
from refinemask.ops.compiled import compiled_operators

BYTES = 2
"""Of a number in float16."""
PROPOSALS = 1000
_CONV_AT_PLACES = "refinemask.conv_at_places"


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


def gpu_model(presets: tuple[str, str], scene: Scene) -> dict[str, Any]:
    """Derive the floors of both models before and after the rewrites.

    Args:
        presets: of the models.
        scene: which PyTorch runs, as the work depends on where boxes and outlines are.

    Returns:
        `padded_size`, `boxes` and the `covered` share of P2, `gpus` with their datasheets, and
        `models`: for each by name its `stages`, of which each has `gflops`, `megabytes` and
        `milliseconds` by GPU, and `all`, the milliseconds by GPU.
    """
    models = {}
    for preset in presets:
        for graph in (Graph(preset, optimize="none"), Graph(preset)):
            state = "after the rewrites" if graph.optimize == "all" else "before"
            stages = {name: _floor(work) for name, work in stage_work(graph, scene).items()}
            total = {
                gpu.name: sum(one["milliseconds"][gpu.name] for one in stages.values())
                for gpu in GPUS
            }
            models[f"{preset}, {state}"] = {"stages": stages, "all": total}
    config = Graph(presets[0]).config.input
    prepared, _ = network_inputs(scene, (config.short_side, config.long_side))
    return {
        "padded_size": list(prepared.image.shape[:2]),
        "boxes": len(scene.boxes),
        "covered": scene.covered(),
        "gpus": {gpu.name: gpu.source for gpu in GPUS},
        "models": models,
    }


def _floor(work: list[Work]) -> dict[str, Any]:
    return {
        "gflops": sum(one.flops for one in work) / 1e9,
        "megabytes": sum(one.bytes for one in work) / 1e6,
        "milliseconds": {gpu.name: 1e3 * sum(one.seconds(gpu) for one in work) for gpu in GPUS},
    }


@torch.no_grad()
def stage_work(graph: Graph, scene: Scene) -> dict[str, list[Work]]:
    """Return the convolutions and matrix products of each of `PARTS` while PyTorch runs a scene."""
    model, _ = rewritten_model(graph)
    config, heads = model.config.input, model.roi_head
    _, inputs = network_inputs(scene, (config.short_side, config.long_side))
    images, sizes, rois, labels = (torch.from_numpy(values) for values in inputs.values())
    pixels = normalise(images, sizes, config)
    native.require("torch", "deriving the work of operators of our own")
    with compiled_operators(), _Recorder() as recorder:
        recorder.stage = "backbone"
        maps = model.backbone(pixels)
        recorder.stage = "fpn"
        features = model.neck(maps)
        recorder.stage = "rpn"
        model.rpn_head(features)
        recorder.stage = "box_head"
        heads.bbox_head(features, torch.zeros(PROPOSALS, 5))
        recorder.stage = "mask_head"
        heads.mask_head(features, rois, labels)
    return dict(recorder.by_stage)


class _Recorder(TorchDispatchMode):
    """Notes the work of what PyTorch's counter of operations knows, by stage."""

    def __init__(self) -> None:
        super().__init__()
        self.by_stage: dict[str, list[Work]] = defaultdict(list)
        self.stage = ""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, and note its work."""
        out = func(*args, **(kwargs or {}))
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            tensors = [value for value in (*args, out) if isinstance(value, Tensor)]
            size = BYTES * sum(tensor.numel() for tensor in tensors)
            flops = count(*args, **(kwargs or {}), out_val=out)
            self.by_stage[self.stage].append(Work(flops, size))
        elif str(func._overloadpacket) == _CONV_AT_PLACES:
            maps, places, weight, *_ = args
            self.by_stage[self.stage].append(_at_places(maps, places, weight, out))
        return out


def _at_places(maps: Tensor, places: Tensor, weight: Tensor, out: Tensor) -> Work:
    """Return the work of a convolution at some places; no pixel of the maps is read twice."""
    read = min(maps.numel(), len(places) * weight[0].numel())
    size = BYTES * (read + weight.numel() + out.numel())
    return Work(2 * len(places) * weight.numel(), size)
