"""Metadata of artifacts (standard library only).

The same JSON is in the ONNX file, under the `metadata_props` key `refinemask`, and in
`<artifact>.json` beside it, there with the SHA-256 of the file's seal. It is read as a stranger's:
every value is checked before anything is made of it.
"""

import dataclasses
import json
import math
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from refinemask.configs.config import ModelConfig
from refinemask.configs.output_kinds import OutputKind
from refinemask.configs.precisions import PRECISIONS, Precision
from refinemask.errors import RefineMaskError
from refinemask.inference.sizes import DIVISOR, MAX_BATCH, MAX_SIDE, MIN_SIDE
from refinemask.printable import is_clean, last_line, one_line, shown

METADATA_KEY = "refinemask"
SCHEMA_VERSION = 2
MAX_SAMPLING_RATIO = 8
"""Most samples of the static form, per bin and axis."""
MAX_BYTES = 1 << 22
"""Longest metadata, in bytes: those of LVIS, with 1203 classes, have 60,000."""
_MAX_NAME = 1000
"""Longest text in it, in characters."""
_DAMAGED = (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
"""What JSON of another structure raises, or JSON too deep or with numbers too large."""
_AGAIN = "export the artifact again with refinemask-export"


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
        self._require("short_side", 1, MAX_SIDE)
        self._require("long_side", self.short_side, MAX_SIDE)
        self._require("divisor", DIVISOR, MAX_SIDE, DIVISOR)
        self._require("min_size", MIN_SIDE, MAX_SIDE, self.divisor)
        self._require("max_size", self.min_size, MAX_SIDE, self.divisor)
        for name in ("height", "width"):
            self._require(name, self.min_size, self.max_size, self.divisor, optional=True)
        self._require("batch", 1, MAX_BATCH, optional=True)

    def _require(
        self, name: str, least: int, most: int, step: int = 1, optional: bool = False
    ) -> None:
        value = getattr(self, name)
        if value is None and optional:
            return
        if type(value) is not int or not least <= value <= most or value % step:
            kind = "an integer" if step == 1 else f"a multiple of {step}"
            raise RefineMaskError(
                f"the input limit {name} of an artifact must be {kind} from {least} to {most}"
                f"{' or null' if optional else ''}, got {shown(value)}; {_AGAIN}"
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
    """Form of the graph: portable, fused or static; torch for a checkpoint that an engine runs."""
    precision: Precision
    """In which it computes, see `configs.precisions`."""
    weights: str
    """trained or synthetic."""
    checkpoint_sha256: str | None
    """SHA-256 of the source checkpoint; None for synthetic weights."""
    parity: dict[str, Any]
    """Figures of the parity gate at export, and whether it `passed`."""
    sampling_ratio: int | None = None
    """Samples of RoIAlign per bin and axis where those of the model adapt to the RoI; None if they
    do in the artifact, too, as in every form but static."""
    outputs: OutputKind = "detections"
    """What the graph returns; "masks" takes the boxes as an input."""
    adaptive_depth: bool = False
    """Whether small RoIs stop before fine stages."""
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        if len(self.class_names) != len(self.category_ids):
            raise RefineMaskError(
                f"artifact metadata has {len(self.class_names)} class names but "
                f"{len(self.category_ids)} category ids; {_AGAIN}"
            )
        for name in (self.tool_version, self.preset, *self.class_names):
            _check_name(name)
        if not all(abs(category) < 1 << 63 for category in self.category_ids):
            raise RefineMaskError(
                f"the category ids in artifact metadata must be below 2^63; {_AGAIN}"
            )
        self._check_origin()
        _check_figures(self.parity)
        self._check_model()

    def _check_origin(self) -> None:
        for field, allowed in (
            ("form", ("portable", "fused", "static", "torch")),
            ("precision", PRECISIONS),
            ("weights", ("trained", "synthetic")),
            ("outputs", get_args(OutputKind)),
        ):
            if getattr(self, field) not in allowed:
                raise RefineMaskError(
                    f"the {field} in artifact metadata must be {' or '.join(allowed)}, got "
                    f"{shown(getattr(self, field))}; {_AGAIN}"
                )
        if type(self.adaptive_depth) is not bool or (self.adaptive_depth and self.form == "static"):
            raise RefineMaskError(
                "the adaptive_depth in artifact metadata must be true or false, and false in the "
                f"form static, got {shown(self.adaptive_depth)} in the form {self.form}; {_AGAIN}"
            )
        ratio = self.sampling_ratio
        fixed = type(ratio) is int and 1 <= ratio <= MAX_SAMPLING_RATIO
        if not (fixed if self.form == "static" else ratio is None):
            raise RefineMaskError(
                f"the sampling_ratio in artifact metadata must be from 1 to {MAX_SAMPLING_RATIO} "
                f"in the form static, and null in others, got {shown(ratio)} in the form "
                f"{self.form}; {_AGAIN}"
            )
        digest = self.checkpoint_sha256
        if digest is not None and not (
            isinstance(digest, str) and re.fullmatch("[0-9a-f]{64}", digest)
        ):
            raise RefineMaskError(
                "the checkpoint_sha256 in artifact metadata must be 64 hexadecimal digits or null, "
                f"got {shown(digest)}; {_AGAIN}"
            )

    def _check_model(self) -> None:
        try:
            model = self.model
        except RefineMaskError as error:
            raise RefineMaskError(
                f"the configuration in artifact metadata is refused: {one_line(str(error))}"
            ) from error
        for field, value in (
            ("preset", model.preset),
            ("class_names", model.class_names),
            ("category_ids", model.category_ids),
        ):
            if getattr(self, field) != value:
                raise RefineMaskError(
                    f"the {field} in artifact metadata contradicts the configuration of its model; "
                    f"{_AGAIN}"
                )

    @cached_property
    def model(self) -> ModelConfig:
        """The configuration of the model."""
        return ModelConfig.from_dict(self.config)

    def to_json(self, **more: str) -> str:
        """Return the metadata as indented JSON, with further entries."""
        return json.dumps(dataclasses.asdict(self) | more, indent=2)

    @staticmethod
    def from_json(text: str) -> "ArtifactMetadata":
        """Read the JSON that `to_json` writes.

        Raises:
            RefineMaskError: `text` is not artifact metadata, or that of another schema version, or
                a value in it is not allowed.
        """
        try:
            if len(text) > MAX_BYTES:
                raise ValueError(f"more than {MAX_BYTES} characters")
            values = json.loads(text)
            version = values.pop("schema_version")
        except _DAMAGED as error:
            raise RefineMaskError(f"not the metadata of an artifact; {_AGAIN}") from error
        if type(version) is not int or version != SCHEMA_VERSION:
            raise RefineMaskError(
                f"artifact metadata has schema version {shown(version)}, this version of "
                f"RefineMask Deploy reads {SCHEMA_VERSION}; {_AGAIN} of this version"
            )
        try:
            values["class_names"] = _all(str, values["class_names"])
            values["category_ids"] = _all(int, values["category_ids"])
            values["input_limits"] = InputLimits(**values["input_limits"])
            return ArtifactMetadata(**values)
        except _DAMAGED as error:
            raise RefineMaskError(
                f"artifact metadata is damaged ({last_line(error)}); {_AGAIN}"
            ) from error


def sidecar_path(artifact: str | Path) -> Path:
    """Return the path of the JSON file beside `artifact`."""
    return Path(f"{artifact}.json")


def _all(kind: type, values: Any) -> tuple[Any, ...]:
    if not isinstance(values, list) or not all(type(value) is kind for value in values):
        raise TypeError(f"a list of {kind.__name__} is expected, got {shown(values)}")
    return tuple(values)


def _check_name(name: Any) -> None:
    """Check a text that is shown, drawn and written: no half of a surrogate pair, no escapes."""
    if type(name) is not str or not len(name) <= _MAX_NAME:
        raise RefineMaskError(
            f"a name in artifact metadata must be a text of at most {_MAX_NAME} characters, got "
            f"{shown(name)}; {_AGAIN}"
        )
    if not is_clean(name):
        raise RefineMaskError(
            "names in artifact metadata must be without control characters and representable in "
            f"UTF-8, got {shown(name)}; rename it, and {_AGAIN}"
        )


def _check_figures(parity: Any) -> None:
    if not isinstance(parity, dict) or not all(
        value is None or (isinstance(value, bool | int | float) and _is_finite(value))
        for value in parity.values()
    ):
        raise RefineMaskError(
            "the parity figures in artifact metadata must be numbers by name, got "
            f"{shown(parity)}; {_AGAIN}"
        )
    if parity and type(parity.get("passed")) is not bool:
        raise RefineMaskError(
            f"the parity figures in artifact metadata do not say whether they passed; {_AGAIN}"
        )


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that no float holds
        return False
