"""What must be known of an ONNX graph before a runtime may read it (standard library only).

The runtimes trust a graph in more than they check: they read tensors from files and from memory
that it names, and end the process over operators that they do not have. Artifacts need none of
that, so whatever `refinemask-export` does not write is refused. Graphs inside a graph are those of
the loops of the static form, with nothing in them that may not be outside.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from refinemask.inference.protobuf import Reader

OPERATORS = "refinemask"
"""Domain of our own operators (architecture 8)."""
_DOMAINS = {"": "", "ai.onnx": "", OPERATORS: OPERATORS}
_TYPES = {1: "float32", 2: "uint8", 7: "int64", 9: "bool"}

# Numbers of the fields of ONNX's messages.
_MODEL_GRAPH, _MODEL_OPSETS, _MODEL_PROPERTIES = 7, 8, 14
_GRAPH_NODES, _GRAPH_TENSORS, _GRAPH_INPUTS, _GRAPH_OUTPUTS = 1, 5, 11, 12
_NODE_OPERATOR, _NODE_ATTRIBUTES, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS = 5, 6, 10
_TENSOR_FILE, _TENSOR_LOCATION = 13, 14
_TYPE_DENOTATION = 6
_REFUSED_IN_MODEL = {20: "training information", 25: "functions of its own"}
_REFUSED_IN_GRAPH = {15: "sparse tensors"}
_REFUSED_IN_ATTRIBUTE = {
    11: "graphs inside a node",
    **dict.fromkeys((22, 23), "sparse tensors"),
}

Shape = tuple[int | None, ...]
"""Lengths of dimensions, None where they are dynamic."""


class RefusedGraphError(Exception):
    """The graph has something that no artifact has; the text says what, after "it has"."""


@dataclass(frozen=True)
class Tensor:
    """An input or an output of a graph.

    Attributes:
        name: its name.
        dtype: as NumPy names it, "" for another type than those of artifacts.
        shape: its shape.
    """

    name: str
    dtype: str
    shape: Shape


@dataclass(frozen=True)
class OnnxGraph:
    """What artifacts have to say about their graph.

    Attributes:
        inputs: in order.
        outputs: in order.
        fused: whether it has operators of our own.
        loops: whether it has loops.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    fused: bool
    loops: bool


def read_properties(data: bytes) -> dict[str, str]:
    """Return the `metadata_props` of an ONNX file, without its graph.

    Raises:
        ValueError: `data` is not an ONNX file.
    """
    reader = Reader(data)
    entries = list(reader.messages(None, _MODEL_PROPERTIES))
    return dict(_entry(reader, entry) for entry in entries)


def read_graph(data: bytes) -> OnnxGraph:
    """Return the interface of the graph of an ONNX file.

    Raises:
        RefusedGraphError: it has tensors outside of the file, operators of unknown domains,
            functions, graphs inside of nodes other than loops, sparse tensors, or inputs or outputs
            that are no tensors.
        ValueError: `data` is not an ONNX file.
    """
    reader = Reader(data)
    domains: set[str] = set()
    content = _Content([], [], domains)
    for number, value in _known(reader, None, _REFUSED_IN_MODEL):
        if number == _MODEL_OPSETS:
            domains.update(_domain(reader, name) for name in reader.messages(value, 1))
        elif number == _MODEL_GRAPH:
            _read_content(reader, value, content)
    inputs, outputs = tuple(content.inputs), tuple(content.outputs)
    return OnnxGraph(inputs, outputs, OPERATORS in domains, content.loops)


@dataclass
class _Content:
    """What is found in the parts of a graph; the domains are those of its loops, too."""

    inputs: list[Tensor]
    outputs: list[Tensor]
    domains: set[str]
    loops: bool = False


def _read_content(reader: Reader, graph: range, content: _Content, in_loop: bool = False) -> None:
    for part, value in _known(reader, graph, _REFUSED_IN_GRAPH):
        if part == _GRAPH_NODES:
            loop = _check_node(reader, value, content.domains)
            if loop is not None:
                if in_loop:
                    raise RefusedGraphError("a loop inside a loop")
                content.loops = True
                _read_content(reader, loop, _Content([], [], content.domains), in_loop=True)
        elif part == _GRAPH_TENSORS:
            _check_tensor(reader, value)
        elif part == _GRAPH_INPUTS:
            content.inputs.append(_tensor(reader, value))
        elif part == _GRAPH_OUTPUTS:
            content.outputs.append(_tensor(reader, value))


def _known(
    reader: Reader, message: range | None, refused: dict[int, str]
) -> Iterator[tuple[int, range]]:
    """Yield the fields of a message that are not plain numbers, none of which is `refused`."""
    for number, value in reader.fields(message):
        if number in refused:
            raise RefusedGraphError(refused[number])
        if isinstance(value, range):
            yield number, value


def _entry(reader: Reader, message: range) -> tuple[str, str]:
    """Read a `StringStringEntryProto`: the key is field 1, the value field 2."""
    found = {number: value for number, value in reader.fields(message) if isinstance(value, range)}
    key, value = (reader.text(found.get(number, range(0))) for number in (1, 2))
    return key, value


def _check_node(reader: Reader, node: range, domains: set[str]) -> range | None:
    """Check the tensors in the attributes of a node, and add the domain of its operator.

    Returns:
        The graph inside of it, if it is a loop.
    """
    domain, operator, graphs = "", "", []
    for number, value in _known(reader, node, {}):
        if number == _NODE_DOMAIN:
            domain = _domain(reader, value)
        elif number == _NODE_OPERATOR:
            operator = reader.text(value)
        elif number == _NODE_ATTRIBUTES:
            for part, content in _known(reader, value, _REFUSED_IN_ATTRIBUTE):
                if part in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
                    _check_tensor(reader, content)
                elif part == _ATTRIBUTE_GRAPH:
                    graphs.append(content)
    domains.add(domain)
    if graphs and ((domain, operator) != ("", "Loop") or len(graphs) > 1):
        raise RefusedGraphError("a graph inside a node that is no loop")
    return graphs[0] if graphs else None


def _check_tensor(reader: Reader, tensor: range) -> None:
    for number, value in reader.fields(tensor):
        if number == _TENSOR_FILE or (number == _TENSOR_LOCATION and value != 0):
            raise RefusedGraphError("tensors outside of the file")


def _domain(reader: Reader, name: range) -> str:
    domain = reader.text(name)
    if domain not in _DOMAINS:
        raise RefusedGraphError(f"operators of the domain {domain[:60]!r}")
    return _DOMAINS[domain]


def _tensor(reader: Reader, value_info: range) -> Tensor:
    name, dtype = "", ""
    shape: list[int | None] = []
    for number, value in _known(reader, value_info, {}):
        if number == 1:
            name = reader.text(value)
        elif number == 2:
            for tensor in _tensor_types(reader, value):
                for part, content in reader.fields(tensor):
                    if part == 1 and isinstance(content, int):
                        dtype = _TYPES.get(content, "")
                    elif part == 2 and isinstance(content, range):
                        shape += [_length(reader, one) for one in reader.messages(content, 1)]
    return Tensor(name, dtype, tuple(shape))


def _tensor_types(reader: Reader, kind: range) -> Iterator[range]:
    """Yield the parts of a type, which no other type follows: that would replace the tensor."""
    for number, value in _known(reader, kind, {}):
        if number == 1:
            yield value
        elif number != _TYPE_DENOTATION:
            raise RefusedGraphError("inputs or outputs that are no tensors")


def _length(reader: Reader, dimension: range) -> int | None:
    """Return the length of a dimension, None for a name: of the two, the last one counts."""
    length = None
    for number, value in reader.fields(dimension):
        if number == 1 and isinstance(value, int):
            length = value
        elif number == 2 and isinstance(value, range):
            length = None
    return length
