"""Graphs of one custom operator, run by a host with our operator library."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from tests.plugins.hosts import HOSTS, Host, Session

TYPES = {
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.float16): TensorProto.FLOAT16,
    np.dtype(np.float64): TensorProto.DOUBLE,
    np.dtype(np.int64): TensorProto.INT64,
    np.dtype(np.uint8): TensorProto.UINT8,
}

Arrays = Mapping[str, NDArray[Any]]
Declared = tuple[str, np.dtype[Any], int | None]
"""Name, type and rank of an input; with None as the rank its shape is not declared."""


def use(host: Host) -> None:
    """Run graphs in another host from now on."""
    global _host  # what a fixture sets for the tests of a module
    _host = host


_host = HOSTS["onnxruntime"]


def host() -> Host:
    """Return the host that runs graphs."""
    return _host


def node(operator: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> Any:
    """Return a node of our domain with the attributes that TensorRT finds its plugin by."""
    return helper.make_node(
        operator,
        inputs,
        outputs,
        domain="refinemask",
        plugin_namespace="refinemask",
        plugin_version="1",
        **attributes,
    )


def model(nodes: Sequence[Any], inputs: Sequence[Declared], outputs: Mapping[str, int]) -> bytes:
    """Return a model whose inputs have dynamic lengths, and outputs no declared shape."""
    declared = [
        helper.make_tensor_value_info(
            name,
            TYPES[dtype],
            None if rank is None else [f"{name}_{axis}" for axis in range(rank)],
        )
        for name, dtype, rank in inputs
    ]
    results = [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()]
    graph = helper.make_graph(list(nodes), "graph", declared, results)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("refinemask", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()


def open_session(serialized: bytes, threads: int = 2, library: Path | None = None) -> Session:
    return _host.open(serialized, threads, library or _host.library())


@lru_cache(maxsize=64)
def _session(
    host_name: str,
    operator: str,
    inputs: tuple[Declared, ...],
    outputs: tuple[tuple[str, int], ...],
    attributes: tuple[tuple[str, Any], ...],
    threads: int,
) -> Session:
    values = {key: list(value) if isinstance(value, tuple) else value for key, value in attributes}
    only = node(operator, [name for name, _, _ in inputs], [name for name, _ in outputs], **values)
    return open_session(model([only], inputs, dict(outputs)), threads)


def session(
    operator: str,
    inputs: Arrays,
    outputs: Mapping[str, int],
    threads: int = 2,
    ranked: bool = True,
    **attributes: Any,
) -> Session:
    """Open a graph of one node for arrays of the types and ranks of `inputs`.

    Args:
        operator: its name.
        inputs: an array an input, by name.
        outputs: ONNX type of each output, by name.
        threads: threads of the session.
        ranked: whether the ranks of the inputs are declared.
        attributes: of the node; lists as tuples.
    """
    if not (ranked or _host.takes_any_rank):
        pytest.skip(f"{_host.name} compiles no graph whose inputs have no rank")
    declared = tuple(
        (name, array.dtype, array.ndim if ranked else None) for name, array in inputs.items()
    )
    fixed = tuple(sorted(attributes.items()))
    return _session(_host.name, operator, declared, tuple(outputs.items()), fixed, threads)


def feature_inputs(rois: NDArray[Any], features: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {"rois": rois, **{f"features_{level}": map for level, map in enumerate(features)}}


ROI_ALIGN: dict[str, Any] = {
    "output_size": 7,
    "sampling_ratio": 0,
    "strides": (4, 8, 16, 32),
    "finest_scale": 56.0,
    "aligned": 1,
}
NMS: dict[str, Any] = {"iou_threshold": 0.5, "score_threshold": 0.05, "max_per_image": 100}


def roi_align(
    rois: NDArray[Any],
    features: Sequence[NDArray[Any]],
    threads: int = 2,
    ranked: bool = True,
    **attributes: Any,
) -> NDArray[Any]:
    """Run MultiScaleRoIAlign; the attributes default to `ROI_ALIGN`."""
    inputs = feature_inputs(rois, features)
    kind = TYPES[features[0].dtype]
    opened = session(
        "MultiScaleRoIAlign",
        inputs,
        {"pooled": kind},
        threads,
        ranked,
        **(ROI_ALIGN | attributes),
    )
    return opened.run(inputs)[0]


def batched_nms(
    boxes: NDArray[Any], scores: NDArray[Any], threads: int = 2, **attributes: Any
) -> NDArray[np.int64]:
    """Run BatchedNMS; check the count and return the selection."""
    inputs = {"boxes": boxes, "scores": scores}
    outputs = {"selected": TensorProto.INT64, "num_selected": TensorProto.INT64}
    opened = session("BatchedNMS", inputs, outputs, threads, **(NMS | attributes))
    selected, count = opened.run(inputs)
    assert selected.shape == (count, 3) and count.shape == ()
    return selected


def boundary_refine(
    coarse: NDArray[Any], fine: NDArray[Any], width: int = 1, threads: int = 2
) -> NDArray[Any]:
    inputs = {"coarse_logits": coarse, "fine_logits": fine}
    outputs = {"refined": TYPES[fine.dtype]}
    opened = session("BoundaryRefine", inputs, outputs, threads, boundary_width=width)
    return opened.run(inputs)[0]


def paste_masks(
    masks: NDArray[Any],
    boxes: NDArray[Any],
    size: Sequence[int],
    threshold: float = 0.5,
    threads: int = 2,
) -> NDArray[np.uint8]:
    inputs = {"masks": masks, "boxes": boxes, "size": np.array(size, np.int64)}
    outputs = {"pasted": TensorProto.UINT8}
    opened = session(
        "PasteMasks",
        inputs,
        outputs,
        threads,
        threshold=threshold,
        tensorrt_plugin_shape_input_indices=(2,),
    )
    return opened.run(inputs)[0]


def nonzero_places(mask: NDArray[Any], threads: int = 2) -> NDArray[np.int64]:
    """Run NonZeroPlaces; check the count and return the places."""
    outputs = {"places": TensorProto.INT64, "num_places": TensorProto.INT64}
    places, count = session("NonZeroPlaces", {"mask": mask}, outputs, threads).run({"mask": mask})
    assert places.shape == (count, 3) and count.shape == ()
    return places


def gather_tiles(
    maps: NDArray[Any],
    places: NDArray[Any],
    size: tuple[int, int],
    margin: int,
    threads: int = 2,
) -> NDArray[Any]:
    inputs = {"maps": maps, "places": places}
    attributes: dict[str, Any] = {"height": size[0], "width": size[1], "margin": margin}
    outputs = {"tiles": TYPES[maps.dtype]}
    return session("GatherTiles", inputs, outputs, threads, **attributes).run(inputs)[0]


def scatter_tiles(
    tiles: NDArray[Any], places: NDArray[Any], like: NDArray[Any], threads: int = 2
) -> NDArray[Any]:
    inputs = {"tiles": tiles, "places": places, "like": like}
    outputs = {"maps": TYPES[tiles.dtype]}
    return session("ScatterTiles", inputs, outputs, threads).run(inputs)[0]


def conv_at_places(
    maps: NDArray[Any],
    places: NDArray[Any],
    weight: NDArray[Any],
    bias: NDArray[Any],
    dilation: int = 1,
    threads: int = 2,
) -> NDArray[Any]:
    inputs = {"maps": maps, "places": places, "weight": weight, "bias": bias}
    outputs = {"values": TYPES[maps.dtype]}
    return session("ConvAtPlaces", inputs, outputs, threads, dilation=dilation).run(inputs)[0]
