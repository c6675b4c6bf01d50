"""The network of an artifact as nvinfer can feed and read it.

nvinfer writes one input, float32 (B, 3, H, W), and reads outputs of a fixed size behind the batch;
it knows no booleans, and earlier releases of it no 64-bit integers. Artifacts take pixels as uint8
(B, H, W, 3), and the sizes of the images. So two small graphs go around the same network.

Pixels are whole numbers, which float32 holds exactly: nvinfer converts them from 8 bits with the
factor 1. The network begins by making them float32, so none of its numbers changes.
"""

from collections.abc import MutableSequence

import onnx
from onnx import TensorProto

from refinemask.errors import RefineMaskError
from refinemask.export.deepstream.sizes import Size

_PREFIX = "network_"
"""Of the names of the network's inputs and outputs inside the whole."""

_BEFORE = """
before (float[B, 3, H, W] images) => (float[B, H, W, 3] network_images,
                                      int64[B, 2] network_image_sizes)
<int64[1, 2] frame_size = {{{height}, {width}}}, int64[1] frame_one = {{1}}>
{{
    network_images = Transpose<perm = [0, 2, 3, 1]>(images)
    frame_batch = Shape<start = 0, end = 1>(images)
    frame_repeats = Concat<axis = 0>(frame_batch, frame_one)
    network_image_sizes = Tile(frame_size, frame_repeats)
}}
"""
_AFTER = """
after (int64[B, D] network_labels, int64[B] network_num_detections, bool[B] network_truncated)
    => (int32[B, D] labels, int32[B, 1] num_detections, int32[B, 1] truncated)
<int64[1] result_axis = {1}>
{
    labels = Cast<to = 6>(network_labels)
    result_count = Cast<to = 6>(network_num_detections)
    num_detections = Unsqueeze(result_count, result_axis)
    result_truncated = Cast<to = 6>(network_truncated)
    truncated = Unsqueeze(result_truncated, result_axis)
}
"""


def deepstream_graph(model: onnx.ModelProto, canvas: Size, scaled: Size) -> onnx.ModelProto:
    """Return a network for nvinfer.

    Args:
        model: the graph of an artifact of the form static.
        canvas: (height, width) of its images, padding included.
        scaled: (height, width) of the part of them that is a frame.

    Returns:
        A graph from `images`, float32 (B, 3, H, W), RGB from 0 to 255, to `boxes` float32 (B, D, 4)
        in its pixels, `scores` float32 (B, D), `labels` int32 (B, D), `masks` float32 (B, D, M, M),
        `num_detections` int32 (B, 1) and `truncated` int32 (B, 1).

    Raises:
        RefineMaskError: the graph does more with its images than making them float32.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    uses = {node.op_type for node in graph.node if "images" in node.input}
    if not uses <= {"Cast", "Shape"}:
        raise RefineMaskError(
            f"the graph gives its images to {', '.join(sorted(uses))}, not only to Cast and Shape; "
            "export the artifact again with refinemask-export"
        )
    before = onnx.parser.parse_graph(_BEFORE.format(height=scaled[0], width=scaled[1]))
    after = onnx.parser.parse_graph(_AFTER)
    for node in graph.node:
        _rename(node.input, {"images", "image_sizes"})
        _rename(node.output, {output.name for output in after.output})
    nodes = [*before.node, *graph.node, *after.node]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*before.initializer, *after.initializer])
    batch = next(value for value in graph.input if value.name == "images").type.tensor_type.shape
    images: tuple[int | str, ...] = (batch.dim[0].dim_value or batch.dim[0].dim_param, 3, *canvas)
    del graph.input[:]
    graph.input.append(onnx.helper.make_tensor_value_info("images", TensorProto.FLOAT, images))
    changed = {output.name: len(output.type.tensor_type.shape.dim) for output in after.output}
    for output in graph.output:
        if output.name in changed:
            output.type.tensor_type.elem_type = TensorProto.INT32
            if len(output.type.tensor_type.shape.dim) < changed[output.name]:
                output.type.tensor_type.shape.dim.add().dim_value = 1
    del result.metadata_props[:]  # it is an artifact no longer
    onnx.checker.check_model(result, full_check=True)
    return result


def _rename(names: MutableSequence[str], which: set[str]) -> None:
    for index, name in enumerate(names):
        if name in which:
            names[index] = _PREFIX + name
