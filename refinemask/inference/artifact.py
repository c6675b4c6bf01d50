"""Artifacts: exported files with metadata, read without a runtime."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refinemask.errors import RefineMaskError
from refinemask.inference.metadata import METADATA_KEY, ArtifactMetadata
from refinemask.inference.onnx_properties import read_properties
from refinemask.inference.structures import RawOutputs

INPUT_NAMES = ("images", "image_sizes")
OUTPUT_NAMES = RawOutputs._fields


@dataclass(frozen=True)
class Artifact:
    """A file that engines run.

    Attributes:
        path: the file.
        kind: its file format, "onnx".
        metadata: what it says about itself.
    """

    path: Path
    kind: str
    metadata: ArtifactMetadata

    @staticmethod
    def open(path: str | Path) -> "Artifact":
        """Read the metadata of an ONNX file, without its graph.

        Raises:
            RefineMaskError: there is no such file, or it is not an artifact.
        """
        path = Path(path)
        _check_file(path)
        text = read_properties(path).get(METADATA_KEY)
        if text is None:
            raise RefineMaskError(
                f"{path} has no metadata {METADATA_KEY!r}: it was not exported by "
                "refinemask-export; make an artifact with "
                f"refinemask-export --model MODEL --output {path.name}"
            )
        try:
            return Artifact(path, "onnx", ArtifactMetadata.from_json(text))
        except RefineMaskError as error:
            raise RefineMaskError(f"{path}: {error}") from error

    def check(self, inputs: Iterable[str], outputs: Iterable[str]) -> None:
        """Raise RefineMaskError unless the graph has the inputs and outputs of an artifact."""
        for side, found, expected in (
            ("inputs", list(inputs), INPUT_NAMES),
            ("outputs", list(outputs), OUTPUT_NAMES),
        ):
            if set(found) != set(expected):
                raise RefineMaskError(
                    f"{self.path} has the {side} {', '.join(found)}, not {', '.join(expected)}; "
                    "export it again with refinemask-export"
                )

    def describe(self) -> dict[str, Any]:
        """Return the metadata as JSON values, but for the configuration and its classes."""
        repeated = ("preset", "config", "class_names", "category_ids")
        values = dataclasses.asdict(self.metadata)
        return {name: value for name, value in values.items() if name not in repeated}

    def load_error(self, error: Exception) -> RefineMaskError:
        """Return the error for an artifact that a runtime refuses to load."""
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return RefineMaskError(
            f"cannot load {self.path} as an ONNX artifact: {lines[-1]}; "
            "export it again with refinemask-export"
        )


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise RefineMaskError(f"artifact {path} is a folder; give a file inside it")
    if not path.is_file():
        raise RefineMaskError(
            f"artifact {path} does not exist; make it with "
            f"refinemask-export --model MODEL --output {path}"
        )
    if path.stat().st_size == 0:
        raise RefineMaskError(f"artifact {path} is empty; export it again with refinemask-export")
