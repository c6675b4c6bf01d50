"""Metadata of artifacts (standard library only).

The same JSON is in the ONNX file, under the `metadata_props` key `refinemask`, and in
`<artifact>.json` beside it.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refinemask.errors import RefineMaskError
from refinemask.inference.sizes import DIVISOR, MAX_SIDE, MIN_SIDE

METADATA_KEY = "refinemask"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class InputLimits:
    """The images that an artifact takes; a batch, height or width of None is dynamic."""

    short_side: int
    """Length to which the shorter side of an image is resized, in pixels."""
    long_side: int
    """Upper bound of the longer side, in pixels."""
    min_size: int = MIN_SIDE
    """Smallest padded height and width."""
    max_size: int = MAX_SIDE
    """Largest padded height and width."""
    divisor: int = DIVISOR
    """Padded heights and widths are multiples of it."""
    batch: int | None = None
    height: int | None = None
    width: int | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            optional = name in ("batch", "height", "width")
            if not ((value is None and optional) or (type(value) is int and value >= 1)):
                raise RefineMaskError(
                    f"the input limit {name} of an artifact must be an integer >= 1"
                    f"{' or null' if optional else ''}, got {value!r}; export the artifact again"
                )


@dataclass(frozen=True)
class ArtifactMetadata:
    """Origin of an artifact, its input and its output."""

    tool_version: str
    """Version of RefineMask Deploy that exported it."""
    preset: str
    config: dict[str, Any]
    """`ModelConfig.to_dict()` of the model."""
    class_names: tuple[str, ...]
    category_ids: tuple[int, ...]
    input_limits: InputLimits
    form: str
    """Form of the graph: portable, fused or static."""
    precision: str
    weights: str
    """trained or synthetic."""
    checkpoint_sha256: str | None
    """SHA-256 of the source checkpoint; None for synthetic weights."""
    parity: dict[str, Any]
    """Figures of the parity gate at export."""
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        if len(self.class_names) != len(self.category_ids):
            raise RefineMaskError(
                f"artifact metadata has {len(self.class_names)} class names but "
                f"{len(self.category_ids)} category ids; export the artifact again"
            )

    def to_json(self) -> str:
        """Return the metadata as indented JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2)

    @staticmethod
    def from_json(text: str) -> "ArtifactMetadata":
        """Read the JSON that `to_json` writes.

        Raises:
            RefineMaskError: `text` is not artifact metadata, or that of another schema version.
        """
        again = "export the artifact again with refinemask-export"
        try:
            values = json.loads(text)
            version = values.pop("schema_version")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RefineMaskError(f"not the metadata of an artifact; {again}") from error
        if version != SCHEMA_VERSION:
            raise RefineMaskError(
                f"artifact metadata has schema version {version!r}, this version of RefineMask "
                f"Deploy reads {SCHEMA_VERSION}; {again} of this version"
            )
        try:
            values["class_names"] = _all(str, values["class_names"])
            values["category_ids"] = _all(int, values["category_ids"])
            values["input_limits"] = InputLimits(**values["input_limits"])
            return ArtifactMetadata(**values)
        except (KeyError, TypeError) as error:
            raise RefineMaskError(f"artifact metadata is damaged ({error}); {again}") from error


def _all(kind: type, values: Any) -> tuple[Any, ...]:
    if not isinstance(values, list) or not all(type(value) is kind for value in values):
        raise TypeError(f"a list of {kind.__name__} is expected, got {str(values)[:60]}")
    return tuple(values)


def sidecar_path(artifact: str | Path) -> Path:
    """Return the path of the JSON file beside `artifact`."""
    return Path(f"{artifact}.json")
