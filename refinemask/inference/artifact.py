"""Artifacts: exported files with metadata, read and checked before a runtime sees them."""

import dataclasses
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refinemask.errors import RefineMaskError
from refinemask.inference.metadata import MAX_BYTES, METADATA_KEY, ArtifactMetadata, sidecar_path
from refinemask.inference.onnx_graph import (
    OnnxGraph,
    RefusedGraphError,
    Shape,
    Tensor,
    read_graph,
    read_properties,
)
from refinemask.inference.padded_outputs import PaddedOutputs
from refinemask.inference.seal import check_seal
from refinemask.inference.structures import RawOutputs
from refinemask.printable import last_line, one_line

_LARGEST = 1 << 31
"""Bytes that an ONNX file cannot have; what is larger is not read."""
_AGAIN = "export it again with refinemask-export"


@dataclass(frozen=True)
class Artifact:
    """A file that engines run.

    Attributes:
        path: the file.
        kind: its file format, "onnx".
        metadata: what it says about itself.
        sha256: the SHA-256 of its content up to the seal, which it has been checked against.
    """

    path: Path
    kind: str
    metadata: ArtifactMetadata
    sha256: str

    @staticmethod
    def open(path: "str | Path | Artifact") -> "Artifact":
        """Read the metadata of an ONNX file, and check all that a runtime would take on trust.

        What has been opened already is returned as it is.

        The content is that which was exported (architecture 7), the metadata are within their
        limits, the graph has the inputs and outputs of artifacts (architecture 5), it consists of
        the operators of its form, and needs no other file. The file beside it belongs to it.

        Raises:
            RefineMaskError: there is no such file, or it is not such an artifact.
        """
        if isinstance(path, Artifact):
            return path
        path = Path(path)
        data = _read(path)
        try:
            text = read_properties(data).get(METADATA_KEY)
            if text is None:
                raise RefineMaskError(
                    f"{path} has no metadata {METADATA_KEY!r}: it was not exported by "
                    "refinemask-export; make an artifact with "
                    f"refinemask-export --model MODEL --output {path.name}"
                )
            digest = check_seal(data)
            if digest is None:
                raise RefineMaskError(
                    f"{path} is not as it was exported: its SHA-256 is not the one at its end. It "
                    "was damaged or changed, or an earlier version wrote it; copy it again, or "
                    f"{_AGAIN}"
                )
            metadata = _metadata(path, text)
            _check_graph(path, read_graph(data), metadata)
        except RefusedGraphError as error:
            raise RefineMaskError(
                f"{path} is refused: it has {error}, which no artifact has; {_AGAIN}"
            ) from error
        except ValueError as error:
            raise RefineMaskError(
                f"{path} is not an ONNX file, or it is damaged; {_AGAIN}"
            ) from error
        _check_sidecar(path, digest)
        return Artifact(path, "onnx", metadata, digest)

    def describe(self) -> dict[str, Any]:
        """Return the metadata as JSON values, but for the configuration and its classes."""
        repeated = ("preset", "config", "class_names", "category_ids")
        values = dataclasses.asdict(self.metadata)
        return {name: value for name, value in values.items() if name not in repeated}

    def load_error(self, error: Exception) -> RefineMaskError:
        """Return the error for an artifact that a runtime refuses to load."""
        return RefineMaskError(
            f"cannot load {self.path} as an ONNX artifact: {last_line(error)}; {_AGAIN}"
        )


def interface(metadata: ArtifactMetadata) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Return the inputs and the outputs that the graph of an artifact has (architecture 5)."""
    limits, side = metadata.input_limits, metadata.model.mask_head.mask_size
    inputs = (
        Tensor("images", "uint8", (limits.batch, limits.height, limits.width, 3)),
        Tensor("image_sizes", "int64", (limits.batch, 2)),
    )
    if metadata.outputs == "masks":
        given = (Tensor("rois", "float32", (None, 5)), Tensor("labels", "int64", (None,)))
        return inputs + given, (Tensor("masks", "float32", (None, side, side)),)
    found: Shape = (None,)
    others = [Tensor("image_index", "int64", found)]
    if metadata.form == "static":
        found = (limits.batch, metadata.model.max_detections)
        others = [
            Tensor("num_detections", "int64", (limits.batch,)),
            Tensor("truncated", "bool", (limits.batch,)),
        ]
    outputs = (
        Tensor("boxes", "float32", (*found, 4)),
        Tensor("scores", "float32", found),
        Tensor("labels", "int64", found),
        *others,
        Tensor("masks", "float32", (*found, side, side)),
    )
    return inputs, outputs


def output_type(metadata: ArtifactMetadata) -> type[RawOutputs[Any]] | type[PaddedOutputs[Any]]:
    """Return the type whose fields are the outputs of an artifact."""
    return PaddedOutputs if metadata.form == "static" else RawOutputs


def _read(path: Path) -> bytes:
    if path.is_dir():
        raise RefineMaskError(f"artifact {path} is a folder; give a file inside it")
    if not path.exists():
        raise RefineMaskError(
            f"artifact {path} does not exist; make it with "
            f"refinemask-export --model MODEL --output {path}"
        )
    if not path.is_file():
        raise RefineMaskError(f"artifact {path} is not a regular file; give an ONNX file")
    try:
        size = path.stat().st_size
        if size >= _LARGEST:
            raise RefineMaskError(
                f"artifact {path} has {size} bytes, and ONNX files are smaller than {_LARGEST}; "
                "give an ONNX file"
            )
        data = path.read_bytes()
    except OSError as error:
        raise RefineMaskError(f"cannot read {path}: {error.strerror or error}") from error
    except MemoryError as error:
        raise RefineMaskError(f"cannot read {path}: its {size} bytes do not fit memory") from error
    if not data:
        raise RefineMaskError(f"artifact {path} is empty; {_AGAIN}")
    return data


def _metadata(path: Path, text: str) -> ArtifactMetadata:
    try:
        metadata = ArtifactMetadata.from_json(text)
    except RefineMaskError as error:
        raise RefineMaskError(f"{path}: {error}") from error
    return metadata


def _check_graph(path: Path, graph: OnnxGraph, metadata: ArtifactMetadata) -> None:
    """Check that a graph is what the metadata say of it."""
    if graph.fused and graph.loops:
        raise RefusedGraphError("loops beside operators of our own")
    form = "fused" if graph.fused else "static" if graph.loops else "portable"
    # The loops of the form static suppress boxes, of which a graph that is given boxes has no need.
    loopless = metadata.form == "static" and metadata.outputs == "masks" and form == "portable"
    if metadata.form != form and not loopless:
        raise RefineMaskError(
            f"{path} is refused: its metadata say that its form is {metadata.form}, and its "
            f"operators are those of the form {form}; {_AGAIN}"
        )
    for side, found, expected in zip(
        ("inputs", "outputs"), (graph.inputs, graph.outputs), interface(metadata), strict=True
    ):
        if Counter(found) != Counter(expected):
            raise RefineMaskError(
                f"{path} has the {side} {_listed(found)}, not {_listed(expected)}; {_AGAIN}"
            )


def _listed(tensors: tuple[Tensor, ...]) -> str:
    def described(tensor: Tensor) -> str:
        lengths = ("?" if length is None else str(length) for length in tensor.shape)
        return f"{tensor.name} {tensor.dtype or 'of another type'} ({', '.join(lengths)})"

    return one_line(", ".join(map(described, tensors)) or "none")


def _check_sidecar(path: Path, digest: str) -> None:
    """Check that the JSON file beside an artifact, if there is one, belongs to it."""
    sidecar = sidecar_path(path)
    try:
        if not sidecar.exists():
            return
        readable = sidecar.is_file() and sidecar.stat().st_size <= MAX_BYTES
        values = json.loads(sidecar.read_bytes()) if readable else None
    except (OSError, ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or values.get("sha256") != digest:
        raise RefineMaskError(
            f"{sidecar} is not the metadata of {path} but of another file; delete it, or copy the "
            "two files together"
        )
