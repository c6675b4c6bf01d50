"""Artifacts byte by byte: ONNX files without the package `onnx`, which tests may bend."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from refinemask.configs.presets import maskrcnn_small
from refinemask.inference.artifact import interface
from refinemask.inference.metadata import METADATA_KEY, ArtifactMetadata, InputLimits
from refinemask.inference.onnx_graph import Tensor
from refinemask.inference.seal import seal

_TYPES = {"float32": 1, "uint8": 2, "int64": 7, "bool": 9}


def make_metadata(
    limits: InputLimits | None = None,
    class_names: tuple[str, ...] = ("person",),
    **changes: Any,
) -> ArtifactMetadata:
    """Return the metadata of a small Mask R-CNN with the given fields changed."""
    config = maskrcnn_small().with_classes(class_names)
    fields: dict[str, Any] = {
        "tool_version": "0.1.0",
        "preset": config.preset,
        "config": config.to_dict(),
        "class_names": config.class_names,
        "category_ids": config.category_ids,
        "input_limits": limits or InputLimits(64, 96),
        "form": "portable",
        "precision": "float32",
        "weights": "trained",
        "checkpoint_sha256": None,
        "parity": {},
    }
    return ArtifactMetadata(**(fields | changes))


def field(number: int, content: bytes | str | int) -> bytes:
    """Encode a field of a protobuf message."""
    if isinstance(content, int):
        return _varint(number << 3) + _varint(content)
    content = content.encode() if isinstance(content, str) else content
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def field_of_long_tag(number: int, content: bytes | str | int) -> bytes:
    """Encode a field whose tag has the bit 2^32: runtimes drop it, and read the field `number`."""
    return field(number + (1 << 29), content)


def _varint(number: int) -> bytes:
    encoded = b""
    while number > 127:
        encoded, number = encoded + bytes([number & 127 | 128]), number >> 7
    return encoded + bytes([number])


def value_info(tensor: Tensor) -> bytes:
    """Encode an input or output of a graph."""
    shape = b"".join(
        field(1, field(2, "n") if length is None else field(1, length)) for length in tensor.shape
    )
    kind = field(1, _TYPES.get(tensor.dtype, 11)) + field(2, shape)
    return field(1, tensor.name) + field(2, field(1, kind))


def model_bytes(
    metadata: ArtifactMetadata | str | None = None,
    nodes: Sequence[bytes] = (),
    *,
    graph: bytes = b"",
    model: bytes = b"",
    inputs: Sequence[Tensor] | None = None,
    outputs: Sequence[Tensor] | None = None,
) -> bytes:
    """Return the file of an artifact whose graph computes nothing.

    Args:
        metadata: its metadata, or a text in their place; those of `make_metadata` if None.
        nodes: messages of nodes.
        graph: further fields of the graph.
        model: further fields of the model.
        inputs: those of the graph, by default those of an artifact.
        outputs: likewise.
    """
    known = metadata if isinstance(metadata, ArtifactMetadata) else make_metadata()
    text = metadata if isinstance(metadata, str) else known.to_json()
    expected = interface(known)
    content = b"".join(field(1, node) for node in nodes) + graph
    content += b"".join(field(11, value_info(one)) for one in inputs or expected[0])
    content += b"".join(field(12, value_info(one)) for one in outputs or expected[1])
    entry = field(1, METADATA_KEY) + field(2, text)
    return sealed(field(1, 10) + field(7, content) + model + field(14, entry))


def sealed(model: bytes) -> bytes:
    """Return a serialised ONNX model with its seal behind it."""
    return model + seal(sha256(model).hexdigest())
