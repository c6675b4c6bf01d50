"""Multiply-adds of the graphs of the suite: what their times are compared with."""

import torch

from refinemask.benchmarks.suite.graphs import Graph
from refinemask.export.passes import rewritten
from refinemask.models import build_model
from refinemask.models.complexity import mask_head_multiply_adds, multiply_adds

Counts = dict[str, int]


def counted(graph: Graph, height: int, width: int, rois: int) -> Counts:
    """Count the multiply-adds of a graph for one image, those of dense operators.

    Args:
        graph: which one.
        height: of the padded image in pixels.
        width: likewise.
        rois: whose masks are predicted.

    Returns:
        `detector` (backbone, FPN, RPN and box head), `mask_head` after the rewrites of the graph,
        and `all`.
    """
    parts, _ = multiply_adds(graph.config, height, width, rois)
    detector = sum(parts.values()) - parts["mask_head"]
    mask_head = mask_head_count(graph, height, width, rois)
    return {"detector": detector, "mask_head": mask_head, "all": detector + mask_head}


def mask_head_count(graph: Graph, height: int, width: int, rois: int) -> int:
    """Count those of the mask head alone; arguments are those of `counted`."""
    with torch.device("meta"):
        model = build_model(graph.config)
    changed, _ = rewritten(model, graph.optimize)
    return mask_head_multiply_adds(changed, rois, height, width)
