"""Small ONNX graphs around each operator, and the profiles that they are built for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from refinemask.engines.tensorrt.profile import Profile

DOMAIN = {"domain": "refinemask", "plugin_namespace": "refinemask", "plugin_version": "1"}
TYPES = {
    "float32": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
    "bfloat16": TensorProto.BFLOAT16,
    "int32": TensorProto.INT32,
}

ROI_ALIGN: dict[str, Any] = {
    "output_size": 7,
    "sampling_ratio": 0,
    "strides": [4, 8],
    "finest_scale": 56.0,
    "aligned": 1,
}
NMS: dict[str, Any] = {"iou_threshold": 0.5, "score_threshold": 0.05, "max_per_image": 100}
BOUNDARY_REFINE: dict[str, Any] = {"boundary_width": 1}
PASTE_MASKS: dict[str, Any] = {"threshold": 0.5, "tensorrt_plugin_shape_input_indices": [2]}


@dataclass(frozen=True)
class Graph:
    """A model and the inputs that an engine of it is built for."""

    model: onnx.ModelProto
    profile: Profile

    def save(self, folder: Path) -> Path:
        """Write the model into a folder; return its path."""
        path = folder / "model.onnx"
        onnx.save(self.model, path)
        return path


def node(operator: str, inputs: list[str], outputs: list[str], **attributes: Any) -> Any:
    """Return one node of our domain."""
    return helper.make_node(operator, inputs, outputs, **attributes, **DOMAIN)


def value(name: str, dtype: int, shape: list[int | str] | None) -> Any:
    """Describe an input or output."""
    return helper.make_tensor_value_info(name, dtype, shape)


def graph(nodes: list[Any], inputs: list[Any], outputs: list[Any], profile: Profile) -> Graph:
    """Put nodes together."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("refinemask", 1)]
    made = helper.make_graph(nodes, "graph", inputs, outputs)
    return Graph(helper.make_model(made, opset_imports=opsets, ir_version=9), profile)


def roi_align(dtype: str = "float32", rois: str = "float32", **attributes: Any) -> Graph:
    """MultiScaleRoIAlign on two levels, with any number of RoIs, images and any sizes."""
    return graph(
        [node("MultiScaleRoIAlign", ["rois", "p2", "p3"], ["pooled"], **attributes)],
        [
            value("rois", TYPES[rois], ["K", 5]),
            value("p2", TYPES[dtype], ["B", 16, "H2", "W2"]),
            value("p3", TYPES[dtype], ["B", 16, "H3", "W3"]),
        ],
        [value("pooled", TYPES[dtype], None)],
        Profile(
            {
                "rois": ((0, 5), (100, 5), (1000, 5)),
                "p2": ((1, 16, 8, 8), (1, 16, 200, 336), (4, 16, 336, 336)),
                "p3": ((1, 16, 4, 4), (1, 16, 100, 168), (4, 16, 168, 168)),
            }
        ),
    )


def batched_nms(boxes_per_group: bool, scores: str = "float32", **attributes: Any) -> Graph:
    """BatchedNMS of any number of images and boxes, in 80 groups; a Cast makes the count int64."""
    most = 1000
    box: tuple[int, ...] = (80, 4) if boxes_per_group else (4,)
    return graph(
        [
            node("BatchedNMS", ["boxes", "scores"], ["selected", "size"], **attributes),
            helper.make_node("Cast", ["size"], ["count"], to=TensorProto.INT64),
        ],
        [
            value("boxes", TYPES["float32"], ["B", "K", *box]),
            value("scores", TYPES[scores], ["B", "K", 80]),
        ],
        [value("selected", TensorProto.INT64, None), value("count", TensorProto.INT64, None)],
        Profile(
            {
                "boxes": ((1, 0, *box), (1, most, *box), (4, most, *box)),
                "scores": ((1, 0, 80), (1, most, 80), (4, most, 80)),
            }
        ),
    )


def boundary_refine(dtype: str = "float32", fine: str = "", **attributes: Any) -> Graph:
    """BoundaryRefine from 28 to 56 cells, of any number of masks."""
    return graph(
        [node("BoundaryRefine", ["coarse", "fine"], ["refined"], **attributes)],
        [
            value("coarse", TYPES[dtype], ["K", 1, 28, 28]),
            value("fine", TYPES[fine or dtype], ["K", 1, 56, 56]),
        ],
        [value("refined", TYPES[dtype], None)],
        Profile(
            {
                "coarse": ((0, 1, 28, 28), (100, 1, 28, 28), (400, 1, 28, 28)),
                "fine": ((0, 1, 56, 56), (100, 1, 56, 56), (400, 1, 56, 56)),
            }
        ),
    )


def paste_masks(dtype: str = "float32", **attributes: Any) -> Graph:
    """PasteMasks into images whose size is an input; a Cast makes it uint8 in every runtime."""
    return graph(
        [
            node("PasteMasks", ["masks", "boxes", "size"], ["pasted"], **attributes),
            helper.make_node("Cast", ["pasted"], ["bitmaps"], to=TensorProto.UINT8),
        ],
        [
            value("masks", TYPES[dtype], ["N", 112, 112]),
            value("boxes", TYPES["float32"], ["N", 4]),
            value("size", TensorProto.INT64, [2]),
        ],
        [value("bitmaps", TensorProto.UINT8, None)],
        Profile(
            {
                "masks": ((0, 112, 112), (100, 112, 112), (400, 112, 112)),
                "boxes": ((0, 4), (100, 4), (400, 4)),
            },
            {"size": ((32, 32), (800, 1333), (2048, 2048))},
        ),
    )


def detections(dtype: str = "float32") -> Graph:
    """Suppression, RoIs of as many boxes as are left, pooling and a convolution over them."""
    constants = {"zero": [0], "two": [2], "one": [1], "minus": [-1], "columns": [0, 1]}
    nodes = [
        helper.make_node("Constant", [], [name], value_ints=list(values))
        for name, values in constants.items()
    ]
    weight = helper.make_tensor("weight", TYPES["float32"], [8, 16, 3, 3], [0.01] * 8 * 16 * 9)
    nodes += [
        helper.make_node("Constant", [], ["weight32"], value=weight),
        helper.make_node("Cast", ["weight32"], ["weight"], to=TYPES[dtype]),
        node("BatchedNMS", ["boxes", "scores"], ["selected", "count"], **NMS),
        helper.make_node("Gather", ["selected", "columns"], ["which"], axis=1),
        helper.make_node("GatherND", ["boxes", "which"], ["corners"]),
        helper.make_node("Gather", ["selected", "zero"], ["image"], axis=1),
        helper.make_node("Cast", ["image"], ["image32"], to=TensorProto.FLOAT),
        helper.make_node("Concat", ["image32", "corners"], ["rois"], axis=1),
        node("MultiScaleRoIAlign", ["rois", "p2", "p3"], ["pooled"], **ROI_ALIGN),
        helper.make_node("Conv", ["pooled", "weight"], ["features"], pads=[1, 1, 1, 1]),
    ]
    pooling = roi_align(dtype, **ROI_ALIGN)
    suppression = batched_nms(boxes_per_group=False, **NMS)
    return graph(
        nodes,
        [*suppression.model.graph.input, *pooling.model.graph.input[1:]],
        [value("features", TYPES[dtype], None)],
        Profile(
            {
                **suppression.profile.shapes,
                **{name: pooling.profile.shapes[name] for name in ("p2", "p3")},
            }
        ),
    )
