"""The operators of the domain `refinemask`, as the translations emit them.

A node is one operator of ONNX Runtime's operator library and one plugin of TensorRT, whose parser
finds it by the name of the operator and two attributes that every node carries.
"""

from collections.abc import Sequence
from typing import Any

from onnx.defs import OpSchema
from onnxscript.values import Op, Opset

DOMAIN, VERSION = "refinemask", 1
_PLUGIN = {"plugin_namespace": DOMAIN, "plugin_version": str(VERSION)}
FLOATS = ("tensor(float)", "tensor(float16)", "tensor(bfloat16)")


def emit(schema: OpSchema, *inputs: Any, **attributes: int | float | Sequence[int] | None) -> Any:
    """Emit a node of an operator; attributes that are None are left out."""
    given = {name: value for name, value in attributes.items() if value is not None}
    return Op(Opset(DOMAIN, VERSION), schema.name, schema)(*inputs, **given, **_PLUGIN)


def operator(
    name: str,
    inputs: Sequence[OpSchema.FormalParameter],
    outputs: Sequence[OpSchema.FormalParameter],
    required: dict[str, OpSchema.AttrType],
    optional: Sequence[str] = (),
) -> OpSchema:
    """Describe an operator over T, a type of features.

    Args:
        name: of the operator and of the plugin.
        inputs: in order; the last may be variadic.
        outputs: in order.
        required: type of each attribute that every node has.
        optional: names of integers that a node has where they are not the default.
    """
    attributes = [OpSchema.Attribute(key, kind) for key, kind in required.items()]
    attributes += [
        OpSchema.Attribute(key, OpSchema.AttrType.INT, required=False) for key in optional
    ]
    attributes += [OpSchema.Attribute(key, OpSchema.AttrType.STRING) for key in _PLUGIN]
    return OpSchema(
        name,
        DOMAIN,
        VERSION,
        inputs=inputs,
        outputs=outputs,
        type_constraints=[("T", list(FLOATS), "features")],
        attributes=attributes,
    )
