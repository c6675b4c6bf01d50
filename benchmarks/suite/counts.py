"""Multiply-adds of the graphs of the suite: what their times are compared with."""

from collections.abc import Sequence

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from refinemask.benchmarks.suite.candidates import network_inputs
from refinemask.benchmarks.suite.graphs import Graph
from refinemask.benchmarks.suite.layout import Scene
from refinemask.checkpoints import synthetic_model
from refinemask.export.forms import FORMS
from refinemask.export.passes import Rewrite, rewritten
from refinemask.models import Detector
from refinemask.models.adaptive_depth import with_adaptive_depth
from refinemask.models.complexity import mask_head_multiply_adds, multiply_adds
from refinemask.models.detector import normalise

Counts = dict[str, int]


def counted(
    graph: Graph, scenes: Sequence[Scene], sides: tuple[int, int], boxes: Sequence[int]
) -> dict[str, Counts]:
    """Count the multiply-adds of a graph for one image.

    Where they depend on the image, as some are computed only where it shows, they are counted while
    PyTorch runs the scenes.

    Args:
        graph: which one.
        scenes: of equal size.
        sides: see `network_inputs`.
        boxes: numbers of them.

    Returns:
        By number of boxes the median of the scenes: `detector` (backbone, FPN, RPN and box head),
        `mask_head`, and `all`.
    """
    model, rewrites = rewritten_model(graph)
    height, width = network_inputs(scenes[0], sides)[0].image.shape[:2]
    parts, _ = multiply_adds(graph.config, height, width)
    detector = sum(parts.values()) - parts["mask_head"]
    if graph.adaptive_depth or any(rewrite.saved is None for rewrite in rewrites):
        heads = np.median([_on_scene(model, scene, sides, boxes) for scene in scenes], axis=0)
    else:
        heads = np.array([mask_head_multiply_adds(model, n, height, width) for n in boxes])
    return {
        str(count): {"detector": detector, "mask_head": head, "all": detector + head}
        for count, head in zip(boxes, heads.astype(int).tolist(), strict=True)
    }


def rewritten_model(graph: Graph) -> tuple[Detector, list[Rewrite]]:
    """Return the model of a graph after the rewrites of its export, and what these did."""
    sparse = FORMS[graph.form].sparse
    model, rewrites = rewritten(synthetic_model(graph.config), graph.optimize, sparse=sparse)
    return (with_adaptive_depth(model) if graph.adaptive_depth else model), rewrites


@torch.no_grad()
def _on_scene(
    model: Detector, scene: Scene, sides: tuple[int, int], boxes: Sequence[int]
) -> list[int]:
    """Count those of the mask head for the first boxes of a scene, by their numbers."""
    _, inputs = network_inputs(scene, sides)
    images, sizes, rois, labels = (torch.from_numpy(values) for values in inputs.values())
    features = model.features(normalise(images, sizes, model.config.input))
    found = []
    for count in boxes:
        with FlopCounterMode(display=False) as counter:
            model.roi_head.mask_head(features, rois[:count], labels[:count])
        found.append(counter.get_total_flops() // 2)  # it takes a product and its sum for two
    return found
