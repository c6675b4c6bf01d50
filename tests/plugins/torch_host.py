"""PyTorch as a host of our operators: runs the graphs of the other hosts, node by node."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from refinemask.ops.compiled import operators
from tests.plugins.hosts import Host


class TorchSession:
    """A graph of our operators alone, on one device."""

    def __init__(self, serialized: bytes, threads: int, library: Path | None, device: str) -> None:
        self._graph = onnx.load_from_string(serialized).graph
        self._threads, self._device = threads, device

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        values = {name: torch.from_numpy(array).to(self._device) for name, array in inputs.items()}
        before = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        try:
            for node in self._graph.node:
                outputs = _call(node, [values[name] for name in node.input])
                values.update(zip(node.output, outputs, strict=True))
        finally:
            torch.set_num_threads(before)
        return [values[output.name].cpu().numpy() for output in self._graph.output]

    def output_shape(self) -> list[Any]:
        pytest.skip("PyTorch has no graph; its shapes are tested in tests/ops/test_compiled.py")


def _call(node: Any, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    """Call the operator of a node, whose attributes are arguments in PyTorch."""
    given = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
    ours = operators()
    assert ours is not None
    if node.op_type == "BatchedNMS":
        shifts = given.get("max_shifted", -1), given.get("first_shift", 0)
        thresholds = given["iou_threshold"], given["score_threshold"]
        selected = ours.batched_nms(*inputs, *thresholds, given["max_per_image"], *shifts)
        return selected, torch.tensor(len(selected))
    if node.op_type == "BoundaryRefine":
        return (ours.boundary_refine(*inputs, given["boundary_width"]),)
    if node.op_type == "PasteMasks":
        masks, boxes, size = inputs
        if size.is_floating_point():
            raise TypeError("PasteMasks: size must be integers")
        return (ours.paste_masks(masks, boxes, size.tolist(), given["threshold"]),)
    if node.op_type == "NonZeroPlaces":
        places = ours.nonzero_places(*inputs)
        return places, torch.tensor(len(places))
    if node.op_type == "GatherTiles":
        return (ours.gather_tiles(*inputs, given["height"], given["width"], given["margin"]),)
    if node.op_type == "ScatterTiles":
        return (ours.scatter_tiles(*inputs),)
    if node.op_type == "ConvAtPlaces":
        return (ours.conv_at_places(*inputs, given["dilation"]),)
    rois, *features = inputs
    names = ("output_size", "strides", "sampling_ratio", "finest_scale", "aligned")
    options = [given[name] for name in names]
    return (ours.multiscale_roi_align(rois, features, *options, given.get("epsilon_after_log", 0)),)


def _on(device: str) -> Host:
    def make(serialized: bytes, threads: int, library: Path | None) -> TorchSession:
        return TorchSession(serialized, threads, library, device)

    return Host(f"torch-{device}", "torch", make, reads_nodes=False, checks_rois=device == "cpu")


TORCH_HOSTS = [_on("cpu"), *([_on("cuda")] if torch.cuda.is_available() else [])]
