"""Bring a captured program into the operations that PyTorch's ONNX exporter translates.

The exporter would decompose the program first, which traces all of it again and takes as long as
everything else together. Nearly all operations of a detector have a translation as they are; this
pass replaces the others one by one:

    add_, relu_, detach_, ...   the same out of place, as nothing else uses their input
    to(x, dtype)                x where it has that type, else a copy
    a & b                       logical_and(a, b) of booleans
    index_copy(x, 0, i, y)      index_put(x, [i], y)
    conv_transpose2d            convolution, transposed
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import Node

_aten = torch.ops.aten
_OUT_OF_PLACE: dict[Any, Any] = {
    _aten.add_.Tensor: _aten.add.Tensor,
    _aten.relu_.default: _aten.relu.default,
    _aten.hardtanh_.default: _aten.hardtanh.default,
    _aten.detach_.default: _aten.detach.default,
}


def make_functional(program: ExportedProgram) -> ExportedProgram:
    """Rewrite a program in place, and answer the exporter's request to decompose it with itself."""
    for node in program.graph.nodes:
        if node.op == "call_function" and node.target in _REWRITES:
            _REWRITES[node.target](node)
    program.graph.lint()
    program.graph_module.recompile()
    program.run_decompositions = lambda table: program
    return program


def _out_of_place(node: Node) -> None:
    assert list(node.all_input_nodes[0].users) == [node], f"{node} changes what others use"
    node.target = _OUT_OF_PLACE[node.target]


def _convert(node: Node) -> None:
    source = node.args[0]
    assert isinstance(source, Node)
    dtype = node.meta["val"].dtype
    if source.meta["val"].dtype == dtype:
        node.replace_all_uses_with(source)
        node.graph.erase_node(node)
    else:
        _become(node, _aten._to_copy.default, source, dtype=dtype)


def _logical_and(node: Node) -> None:
    assert node.meta["val"].dtype == torch.bool
    node.target = _aten.logical_and.default


def _index_put(node: Node) -> None:
    target, dim, index, source = node.args
    assert dim == 0
    _become(node, _aten.index_put.default, target, [index], source)


def _transposed_convolution(node: Node) -> None:
    defaults = (None, [1, 1], [0, 0], [0, 0], 1, [1, 1])
    x, weight = node.args[:2]
    given = node.args[2:]
    bias, stride, padding, output_padding, groups, dilation = given + defaults[len(given) :]
    arguments = (x, weight, bias, stride, padding, dilation, True, output_padding, groups)
    _become(node, _aten.convolution.default, *arguments)


def _become(node: Node, target: Any, *args: Any, **kwargs: Any) -> None:
    node.target, node.args, node.kwargs = target, args, kwargs


_REWRITES: dict[Any, Callable[[Node], None]] = {
    **dict.fromkeys(_OUT_OF_PLACE, _out_of_place),
    _aten.to.dtype: _convert,
    _aten.to.dtype_layout: _convert,
    _aten.__and__.Tensor: _logical_and,
    _aten.index_copy.default: _index_put,
    _aten.conv_transpose2d.input: _transposed_convolution,
}
