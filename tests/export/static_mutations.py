"""Small faults of a graph of the static form; see `mutations`."""

import numpy as np
from onnx import GraphProto, NodeProto

from tests.export.mutations import Mutation, change_output, constant, nodes, set_constant


def _with_constant(graph: GraphProto, kind: str, *values: float) -> list[NodeProto]:
    """Return the nodes of an operator whose second input is about this constant."""
    expected = np.array(values, np.float32)
    found = []
    for node in nodes(graph, kind):
        value = constant(graph, node.input[1])
        if value is not None and value.size == len(values) and np.allclose(value, expected):
            found.append(node)
    assert found
    return found


def static_proposals(graph: GraphProto) -> None:
    """Suppress proposals at an IoU of 0.71 instead of 0.7."""
    (node,) = _with_constant(graph, "Greater", 0.7)
    set_constant(graph, node, 1, np.float32(0.71))


def static_steps(graph: GraphProto) -> None:
    """Suppress by boxes that are suppressed themselves, which the second step would correct."""
    for node in nodes(graph, "Loop"):
        set_constant(graph, node, 0, np.int64(1))


def static_pixels(graph: GraphProto) -> None:
    """Pool all features a fiftieth of a cell off."""
    for node in _with_constant(graph, "Sub", 0.5):
        set_constant(graph, node, 1, np.float32(0.52))


def static_levels(graph: GraphProto) -> None:
    """Pool RoIs from the second level from a side of 120 pixels on instead of 112."""
    for node in _with_constant(graph, "GreaterOrEqual", 112, 224, 448):
        set_constant(graph, node, 1, np.array([120, 240, 480], np.float32))


def static_count(graph: GraphProto) -> None:
    """Count one detection less than there are."""
    change_output(graph, "num_detections", "Sub", np.int64(1))


STATIC: tuple[Mutation, ...] = (
    static_proposals,
    static_steps,
    static_pixels,
    static_levels,
    static_count,
)
