"""The operators of `refinemask.ops.places` -> one node each.

The second output of NonZeroPlaces, the number of rows of the first, is there for TensorRT, which
has the size of a data-dependent tensor as a tensor. Graphs do not use it.
"""

from typing import Any

from onnx.defs import OpSchema

from refinemask.export.forms.fused.operators import emit, operator

_INT = OpSchema.AttrType.INT
_MAPS = OpSchema.FormalParameter("maps", "T", "(B, C, H, W)")
_PLACES = OpSchema.FormalParameter("places", "tensor(int64)", "(T, 3): map, row and column")
_TILES = OpSchema.FormalParameter("tiles", "T", "(T, C, h, w)")
_NONZERO = operator(
    "NonZeroPlaces",
    inputs=[OpSchema.FormalParameter("mask", "tensor(float)", "(B, H, W)")],
    outputs=[_PLACES, OpSchema.FormalParameter("num_places", "tensor(int64)", "T")],
    required={},
)
_GATHER = operator(
    "GatherTiles",
    inputs=[_MAPS, _PLACES],
    outputs=[_TILES],
    required={"height": _INT, "width": _INT, "margin": _INT},
)
_SCATTER = operator(
    "ScatterTiles",
    inputs=[_TILES, _PLACES, OpSchema.FormalParameter("like", "T", "(B, any, H, W)")],
    outputs=[_MAPS],
    required={},
)
_CONV = operator(
    "ConvAtPlaces",
    inputs=[
        _MAPS,
        _PLACES,
        OpSchema.FormalParameter("weight", "T", "(O, C, k, k)"),
        OpSchema.FormalParameter("bias", "T", "(O,)"),
    ],
    outputs=[OpSchema.FormalParameter("values", "T", "(T, O)")],
    required={"dilation": _INT},
)


def nonzero_places(mask: Any) -> Any:
    """Emit the node; argument and result as those of the operator of the same name."""
    places, _ = emit(_NONZERO, mask)
    return places


def gather_tiles(maps: Any, places: Any, height: int, width: int, margin: int) -> Any:
    """Emit the node; arguments and result as those of the operator of the same name."""
    return emit(_GATHER, maps, places, height=height, width=width, margin=margin)


def scatter_tiles(tiles: Any, places: Any, like: Any) -> Any:
    """Emit the node; arguments and result as those of the operator of the same name."""
    return emit(_SCATTER, tiles, places, like)


def conv_at_places(maps: Any, places: Any, weight: Any, bias: Any, dilation: int) -> Any:
    """Emit the node; arguments and result as those of the operator of the same name."""
    return emit(_CONV, maps, places, weight, bias, dilation=dilation)
