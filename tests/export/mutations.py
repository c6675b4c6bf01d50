"""Small faults of an exported graph: what a wrong translation or an edited file would look like.

Each function changes a graph in place, in one respect. They find nodes by what they do, not by
their names, which belong to the exporter.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto, helper, numpy_helper

Mutation = Callable[[GraphProto], None]
Value = NDArray[Any] | np.generic


def nodes(graph: GraphProto, kind: str, **attributes: object) -> list[NodeProto]:
    """Return the nodes of an operator that have these attributes."""
    return [
        node
        for node in graph.node
        if node.op_type == kind
        and attributes.items()
        <= {a.name: helper.get_attribute_value(a) for a in node.attribute}.items()
    ]


def constant(graph: GraphProto, name: str) -> np.ndarray | None:
    """Return the value of an initializer or a Constant node; None of other values."""
    for tensor in graph.initializer:
        if tensor.name == name:
            return numpy_helper.to_array(tensor)
    for node in nodes(graph, "Constant"):
        if name in node.output:
            return np.asarray(numpy_helper.to_array(helper.get_attribute_value(node.attribute[0])))
    return None


def set_constant(graph: GraphProto, node: NodeProto, place: int, value: Value) -> None:
    """Give a node another constant as one of its inputs; other nodes keep theirs."""
    name = f"mutated_{len(graph.initializer)}"
    graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    node.input[place] = name


def set_attribute(node: NodeProto, name: str, value: object) -> None:
    """Change an attribute."""
    kept = [attribute for attribute in node.attribute if attribute.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, value)])


def insert(
    graph: GraphProto, node: NodeProto, place: int, kind: str, value: Value, axis: int | None = None
) -> None:
    """Apply an operator with a constant to one input of a node."""
    source, name = node.input[place], f"mutated_value_{len(graph.initializer)}"
    added = helper.make_node(kind, [source, ""], [name])
    if axis is not None:
        set_attribute(added, "axis", axis)
    set_constant(graph, added, 1, value)
    node.input[place] = name
    graph.node.insert(list(graph.node).index(node), added)


def consumers(graph: GraphProto, name: str) -> Iterator[tuple[NodeProto, int]]:
    """Yield each node that reads a value, and as which input."""
    for node in list(graph.node):
        for place, source in enumerate(node.input):
            if source == name:
                yield node, place


def change_output(graph: GraphProto, name: str, kind: str, value: Value) -> None:
    """Apply an operator with a constant to an output of the graph."""
    for node in graph.node:
        for place, output in enumerate(node.output):
            if output == name:
                node.output[place] = f"{name}_unchanged"
    for node, place in consumers(graph, name):
        node.input[place] = f"{name}_unchanged"
    added = helper.make_node(kind, [f"{name}_unchanged", ""], [name])
    if kind == "Gather":
        set_attribute(added, "axis", 1)
    set_constant(graph, added, 1, value)
    graph.node.append(added)


# Input.


def swap_channels(graph: GraphProto) -> None:
    """Take RGB for BGR."""
    ((node, place),) = [
        (node, place) for node, place in consumers(graph, "images") if node.op_type != "Shape"
    ]
    insert(graph, node, place, "Gather", np.array([2, 1, 0]), axis=3)


def keep_the_padding(graph: GraphProto) -> None:
    """Leave the padding at the normalised value of black instead of 0."""
    node = nodes(graph, "Where")[0]
    blank = constant(graph, node.input[2])
    assert blank is not None and not blank.any()
    node.input[2] = node.input[1]


def scale_the_input(graph: GraphProto) -> None:
    """Divide by a standard deviation that is 0.2 % larger."""
    first = nodes(graph, "Conv")[0]
    insert(graph, first, 0, "Div", np.float32(1.002))


# Boxes.


def suppress_proposals_later(graph: GraphProto) -> None:
    """Suppress proposals at an IoU of 0.71 instead of 0.7."""
    set_constant(graph, nodes(graph, "NonMaxSuppression")[0], 3, np.array([0.71], np.float32))


def suppress_detections_later(graph: GraphProto) -> None:
    """Suppress detections at an IoU of 0.51 instead of 0.5."""
    set_constant(graph, nodes(graph, "NonMaxSuppression")[1], 3, np.array([0.51], np.float32))


def raise_the_threshold(graph: GraphProto) -> None:
    """Ask detections for a score of 0.055 instead of 0.05."""
    set_constant(graph, nodes(graph, "NonMaxSuppression")[1], 4, np.array([0.055], np.float32))


def take_one_detection_less(graph: GraphProto) -> None:
    """Keep 14 detections, one less than there are in a photograph."""
    set_constant(graph, nodes(graph, "NonMaxSuppression")[1], 2, np.array([14]))


def take_fewer_proposals(graph: GraphProto) -> None:
    """Keep 900 proposals instead of 1000."""
    set_constant(graph, nodes(graph, "NonMaxSuppression")[0], 2, np.array([900]))


def shift_box_rois(graph: GraphProto) -> None:
    """Pool the box head's features 0.01 cells off."""
    _shift_rois(graph, 7, 0.01)


def shift_mask_rois(graph: GraphProto) -> None:
    """Pool the mask head's features 0.01 cells off."""
    _shift_rois(graph, 14, 0.01)


def _shift_rois(graph: GraphProto, size: int, cells: float) -> None:
    for node in nodes(graph, "RoiAlign", output_height=size):
        (scale,) = (a.f for a in node.attribute if a.name == "spatial_scale")
        insert(graph, node, 1, "Add", np.float32(cells / scale))


def sample_once(graph: GraphProto) -> None:
    """Sample each bin of the box head's RoIs once instead of as often as their size asks for."""
    for node in nodes(graph, "RoiAlign", output_height=7):
        set_attribute(node, "sampling_ratio", 1)


def sample_the_finest_maps_twice(graph: GraphProto) -> None:
    """Sample the bins of the 56x56 maps four times each."""
    for node in nodes(graph, "RoiAlign", output_height=56):
        set_attribute(node, "sampling_ratio", 2)


def forget_half_a_pixel(graph: GraphProto) -> None:
    """Pool the box head's features half a cell off."""
    for node in nodes(graph, "RoiAlign", output_height=7):
        set_attribute(node, "coordinate_transformation_mode", "output_half_pixel")


def move_a_level_boundary(graph: GraphProto) -> None:
    """Pool RoIs from the second level from a side of 120 pixels on instead of 112."""
    for node in nodes(graph, "GreaterOrEqual"):
        value = constant(graph, node.input[1])
        if value is not None and value.size == 1 and abs(value.item() - 112) < 0.1:
            set_constant(graph, node, 1, np.float32(120))


def swap_coordinates(graph: GraphProto) -> None:
    """Return boxes as y1, x1, y2, x2."""
    change_output(graph, "boxes", "Gather", np.array([1, 0, 3, 2]))


def widen_boxes(graph: GraphProto) -> None:
    """Return boxes in an image 0.01 % larger."""
    change_output(graph, "boxes", "Mul", np.float32(1.0001))


def label_otherwise(graph: GraphProto) -> None:
    """Count classes from 1."""
    change_output(graph, "labels", "Add", np.array(1))


def scale_scores(graph: GraphProto) -> None:
    """Return scores 0.02 % lower."""
    change_output(graph, "scores", "Mul", np.float32(0.9998))


def count_images_from_one(graph: GraphProto) -> None:
    """Return 1 as the index of the first image of a batch."""
    change_output(graph, "image_index", "Add", np.array(1))


# Masks.


def take_the_next_class(graph: GraphProto) -> None:
    """Predict the mask of the class after the detection's."""
    (classes,) = (
        tensor.dims[0] - 1 for tensor in graph.initializer if tensor.name.endswith("fc_cls.bias")
    )
    rows = [node for node, _ in consumers(graph, "labels") if node.op_type == "Clip"]
    for node in rows:
        insert(graph, node, 0, "Add", np.array(1))
        insert(graph, node, 0, "Mod", np.array(classes))


def _windows(graph: GraphProto) -> list[NodeProto]:
    """Return the convolutions that count the foreground around each pixel."""
    found = []
    for node in nodes(graph, "Conv"):
        weight = constant(graph, node.input[1])
        if weight is not None and weight.shape == (1, 1, 3, 3) and (weight == 1).all():
            found.append(node)
    return found


def widen_the_boundary(graph: GraphProto) -> None:
    """Refine two pixels on either side of the outline instead of one."""
    for window in _windows(graph):
        set_constant(graph, window, 1, np.ones((1, 1, 5, 5), np.float32))
        set_attribute(window, "pads", [2] * 4)
        ((division, _),) = consumers(graph, window.output[0])
        set_constant(graph, division, 1, np.float32(25))


def move_the_outline(graph: GraphProto) -> None:
    """Take for foreground what has a logit of at least 0.02 instead of 0, at 28x28."""
    window = _windows(graph)[0]
    cast = next(node for node in graph.node if window.input[0] in node.output)
    decision = next(node for node in graph.node if cast.input[0] in node.output)
    assert decision.op_type == "GreaterOrEqual"
    set_constant(graph, decision, 1, np.float32(0.02))


def move_the_corners(graph: GraphProto) -> None:
    """Enlarge the last mask with half pixels instead of corners in place."""
    node = nodes(graph, "Resize", coordinate_transformation_mode=b"align_corners")[-1]
    set_attribute(node, "coordinate_transformation_mode", "half_pixel")


def move_the_corners_of_the_features(graph: GraphProto) -> None:
    """Enlarge the last features with corners in place instead of half pixels."""
    node = nodes(graph, "Resize", coordinate_transformation_mode=b"half_pixel")[-1]
    set_attribute(node, "coordinate_transformation_mode", "align_corners")


def keep_less(graph: GraphProto) -> None:
    """Keep the coarse mask from a share of 0.6 of the interior instead of 0.5."""
    masks = nodes(graph, "Resize", coordinate_transformation_mode=b"align_corners")
    for resize in masks:
        for node, _ in consumers(graph, resize.output[0]):
            if node.op_type == "GreaterOrEqual" and constant(graph, node.input[1]) == 0.5:
                set_constant(graph, node, 1, np.float32(0.6))


PORTABLE: tuple[Mutation, ...] = (
    swap_channels,
    keep_the_padding,
    scale_the_input,
    suppress_proposals_later,
    suppress_detections_later,
    raise_the_threshold,
    take_one_detection_less,
    take_fewer_proposals,
    shift_box_rois,
    shift_mask_rois,
    sample_once,
    sample_the_finest_maps_twice,
    forget_half_a_pixel,
    move_a_level_boundary,
    swap_coordinates,
    widen_boxes,
    label_otherwise,
    scale_scores,
    count_images_from_one,
    widen_the_boundary,
    move_the_outline,
    move_the_corners,
    move_the_corners_of_the_features,
    keep_less,
)


# The fused form.


def _operators(graph: GraphProto, kind: str, **attributes: object) -> list[NodeProto]:
    found = nodes(graph, kind, **attributes)
    assert found and all(node.domain == "refinemask" for node in found)
    return found


def fused_boundary(graph: GraphProto) -> None:
    """Refine two pixels on either side of the outline instead of one."""
    for node in _operators(graph, "BoundaryRefine"):
        set_attribute(node, "boundary_width", 2)


def fused_proposals(graph: GraphProto) -> None:
    """Suppress proposals at an IoU of 0.71 instead of 0.7."""
    set_attribute(_operators(graph, "BatchedNMS")[0], "iou_threshold", 0.71)


def fused_pixels(graph: GraphProto) -> None:
    """Pool the box head's features half a cell off."""
    for node in _operators(graph, "MultiScaleRoIAlign", output_size=7):
        set_attribute(node, "aligned", 0)


def fused_samples(graph: GraphProto) -> None:
    """Sample the bins of the 56x56 maps four times each."""
    for node in _operators(graph, "MultiScaleRoIAlign", output_size=56):
        set_attribute(node, "sampling_ratio", 2)


def fused_levels(graph: GraphProto) -> None:
    """Pool RoIs from the second level from a side of 120 pixels on instead of 112."""
    for node in _operators(graph, "MultiScaleRoIAlign"):
        set_attribute(node, "finest_scale", 60.0)


FUSED: tuple[Mutation, ...] = (
    fused_boundary,
    fused_proposals,
    fused_pixels,
    fused_samples,
    fused_levels,
)

OF_CLASSES: tuple[Mutation, ...] = (take_the_next_class,)
"""Faults that show with several classes only."""
