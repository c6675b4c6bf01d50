"""Layers of a detector: its inner tensors by name, the same in PyTorch and in every graph.

A graph returns its detections only. Where two runtimes part is seen in what they compute on the
way: what the modules of the detector take and return. `torch.export` records which nodes of the
captured program these are, and `export_graph` gives the values that they become the names of the
layers, in every form. A name costs nothing, and makes it possible to turn the value into an output.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import onnx_ir as ir
from torch.export import ExportedProgram
from torch.utils._pytree import tree_unflatten

from refinemask.export.calls import Call
from refinemask.models.fcn_mask_head import ROI_SIZE
from refinemask.models.refine_mask_head import STAGE_SIZES

PREFIX = "layer/"
"""Of the names of values in a graph."""
MODULES = ("backbone", "neck", "rpn_head", "roi_head.bbox_head", "roi_head.mask_head")
"""Whose inputs and outputs are layers, in the order they run."""
_FIRST_LEVEL = 2
_LEVELS = range(_FIRST_LEVEL, 7)
LAYERS = (
    *(f"c{level}" for level in _LEVELS[:-1]),
    *(f"p{level}" for level in _LEVELS),
    *(f"rpn_logits_p{level}" for level in _LEVELS),
    *(f"rpn_deltas_p{level}" for level in _LEVELS),
    *("proposals", "class_logits", "box_deltas", "detections", "scores", "semantic_logits"),
    *(f"mask_logits_{size}" for size in STAGE_SIZES),
    "masks",
)
"""In the order they are computed; not every detector has all. `scores` and `masks` are outputs."""


def layers(calls: Mapping[str, Call]) -> dict[str, Any]:
    """Return the layers by name, but for the outputs.

    Args:
        calls: of `MODULES`, or of those that ran; what stands for tensors may be of any type.

    Returns:
        Feature maps float32 (B, C, H, W): `c2` to `c5` of the backbone, `p2` to `p6` of the FPN.
        Of the RPN, for each level, `rpn_logits_p2` (B, A) and `rpn_deltas_p2` (B, A, 4). Then
        `proposals` (K, 5), the RoIs of the box head, its `class_logits` (K, classes + 1) and
        `box_deltas` (K, classes, 4). `detections` (N, 5), the RoIs of the mask head, and its
        `mask_logits_14` (N, 1, 14, 14) and so on before refinement; of RefineMask `semantic_logits`
        (B, 1, H / 4, W / 4), which come before these.
    """
    return dict(_layers(calls))


def _layers(calls: Mapping[str, Call]) -> Iterator[tuple[str, Any]]:
    yield from _levels("c", calls["backbone"].result)
    yield from _levels("p", calls["neck"].result)
    if "rpn_head" in calls:
        logits, deltas = calls["rpn_head"].result
        yield from _levels("rpn_logits_p", logits)
        yield from _levels("rpn_deltas_p", deltas)
        box_head = calls["roi_head.bbox_head"]
        yield "proposals", box_head.arguments[1]
        yield from zip(("class_logits", "box_deltas"), box_head.result, strict=True)
    mask_head = calls["roi_head.mask_head"]
    yield "detections", mask_head.arguments[1]
    masks = mask_head.result
    if not isinstance(masks, list):
        if masks.semantic is not None:
            yield "semantic_logits", masks.semantic
        masks = masks.stages
    sizes = STAGE_SIZES if len(masks) > 1 else (2 * ROI_SIZE,)
    yield from zip((f"mask_logits_{size}" for size in sizes), masks, strict=True)


def _levels(kind: str, values: Any) -> Iterator[tuple[str, Any]]:
    return ((f"{kind}{level}", value) for level, value in enumerate(values, _FIRST_LEVEL))


def traced_layers(program: ExportedProgram) -> dict[str, str]:
    """Return which node of a captured program each layer is, both by name."""
    calls = {}
    for entry in program.module_call_graph:
        name = entry.fqn.removeprefix("detector.")
        if entry.signature is not None and name in MODULES:
            taken = [getattr(value, "name", None) for value in entry.signature.inputs]
            returned = [getattr(value, "name", None) for value in entry.signature.outputs]
            arguments, _ = tree_unflatten(taken, entry.signature.in_spec)
            calls[name] = Call(arguments, tree_unflatten(returned, entry.signature.out_spec))
    inputs = set(program.graph_signature.user_inputs)
    return {layer: node for layer, node in layers(calls).items() if node not in inputs}


def name_values(graph: ir.Graph, names: Mapping[str, str]) -> None:
    """Name the values of a graph that are layers, but for those that nothing in it needs.

    Args:
        graph: the simplified graph.
        names: of the values until now, by layer.
    """
    values = {value.name: value for node in graph for value in node.outputs}
    for layer, name in names.items():
        if name in values:
            values[name].name = PREFIX + layer
