"""What is known of an engine: the JSON file beside it, checked before TensorRT sees a byte.

An engine is code, so only one with its record is opened, and only where the record says it runs.
"""

import json
import re
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from refinemask.engines.tensorrt.flavours import FLAVOURS, Flavour
from refinemask.engines.tensorrt.profile import Profile, Range
from refinemask.errors import RefineMaskError
from refinemask.files import sha256
from refinemask.inference import native
from refinemask.inference.metadata import MAX_BYTES, ArtifactMetadata, sidecar_path
from refinemask.printable import is_clean, last_line, shown

SCHEMA_VERSION = 1
ENGINE_SUFFIXES = (".engine", ".plan")
"""Names of engines end so."""
_DIGEST = re.compile("[0-9a-f]{64}")
_DAMAGED = (KeyError, TypeError, ValueError, AttributeError, RecursionError, OSError)
_MAX_LENGTH = 4096
"""Longest text in a record, in characters: paths have up to this many."""


@dataclass(frozen=True)
class EngineRecord:
    """An engine: what it was built from, with what, and for which inputs and GPUs."""

    tool_version: str
    """Version of RefineMask Deploy that built it."""
    runtime: str
    """tensorrt or tensorrt_rtx."""
    runtime_version: str
    engine_sha256: str
    artifact: str
    """Path of the artifact, as it was given."""
    artifact_sha256: str
    """What its seal says; see `Artifact.sha256`."""
    metadata: ArtifactMetadata
    """Of the artifact: class names, limits, form, precision."""
    profile: Profile
    compute_capabilities: tuple[str, ...]
    """GPUs that it runs on, such as 8.9; none for all that TensorRT-RTX supports."""
    plugins_sha256: str | None
    """Hash of the plugin library; None if the engine has no plugins."""
    options: tuple[str, ...]
    """Words of the command that built it, beside artifact, runtime and output."""
    schema_version: int = SCHEMA_VERSION

    @property
    def flavour(self) -> Flavour:
        """What runs it."""
        return FLAVOURS[self.runtime]

    def command(self, engine: Path) -> str:
        """Return the command that builds the engine again."""
        words = ["refinemask", "build", self.artifact, "--runtime", self.runtime]
        return shlex.join([*words, "--output", str(engine), *self.options])

    def to_json(self) -> str:
        """Return it as JSON."""
        values = asdict(self) | {"metadata": json.loads(self.metadata.to_json())}
        return json.dumps(values, indent=1)

    @staticmethod
    def from_json(text: str) -> "EngineRecord":
        """Read what `to_json` returns, and check it.

        Raises:
            RefineMaskError: it is damaged, or a later version wrote it.
        """
        try:
            values = json.loads(text)
            if values["schema_version"] != SCHEMA_VERSION:
                raise RefineMaskError(
                    f"it has the schema version {shown(values['schema_version'])}, and this "
                    f"version of refinemask reads {SCHEMA_VERSION}"
                )
            values["metadata"] = ArtifactMetadata.from_json(json.dumps(values["metadata"]))
            values["profile"] = _profile(values["profile"])
            for name in ("compute_capabilities", "options"):
                values[name] = tuple(values[name])
            record = EngineRecord(**values)
            _check(record)
        except _DAMAGED as error:
            raise RefineMaskError(f"it is damaged ({last_line(error)})") from error
        return record


def read_record(engine: Path) -> EngineRecord:
    """Read the record of an engine and check that the engine is the one that it is about.

    Raises:
        RefineMaskError: one of the two files is missing, damaged or of another engine.
    """
    beside = sidecar_path(engine)
    if not engine.is_file():
        raise RefineMaskError(
            f"engine {engine} does not exist; build it with: refinemask build ARTIFACT --runtime "
            f"{' or '.join(FLAVOURS)} --output {shlex.quote(str(engine))}"
        )
    if not beside.is_file():
        raise RefineMaskError(
            f"{engine} has no record {beside.name} beside it, and engines are code: only those "
            "that refinemask build wrote are opened; copy the two files together, or build it again"
        )
    try:
        if beside.stat().st_size > MAX_BYTES:
            raise RefineMaskError("it is too large")
        record = EngineRecord.from_json(beside.read_text(encoding="utf-8"))
    except (RefineMaskError, OSError, ValueError) as error:
        raise RefineMaskError(
            f"{beside} is not the record of an engine: {error}; build the engine again with "
            "refinemask build"
        ) from error
    if sha256(engine) != record.engine_sha256:
        raise RefineMaskError(
            f"{engine} is not the engine that {beside.name} is about: it was damaged, cut short or "
            f"exchanged; copy the two files again, or build it with: {record.command(engine)}"
        )
    return record


def check_host(record: EngineRecord, engine: Path) -> None:
    """Check that an engine fits the TensorRT and the plugin library that are installed here.

    Raises:
        RefineMaskError: it does not; the error says what differs and how to build it again.
    """
    flavour = record.flavour
    here = flavour.version()
    differs = None
    if here != record.runtime_version and "--version-compatible" not in record.options:
        differs = f"{flavour.title} {record.runtime_version}, and this is {here}"
    elif record.plugins_sha256 is not None:
        library = native.require("trt", f"the engine {engine}")
        if sha256(library) != record.plugins_sha256:
            differs = f"another plugin library than {library}"
    if differs is not None:
        raise RefineMaskError(
            f"{engine} was built with {differs}; build it again with: {record.command(engine)}"
        )


def check_gpu(record: EngineRecord, engine: Path, capability: str) -> None:
    """Raise RefineMaskError unless an engine runs on a GPU of a compute capability."""
    if record.compute_capabilities and capability not in record.compute_capabilities:
        raise RefineMaskError(
            f"{engine} was built for GPUs of compute capability "
            f"{', '.join(record.compute_capabilities)}, and this one has {capability}; build it "
            f"again on it with: {record.command(engine)}"
        )


def _profile(values: dict[str, Any]) -> Profile:
    def ranges(named: dict[str, Any]) -> dict[str, Range]:
        return {name: _range(triple) for name, triple in named.items()}

    return Profile(ranges(values["shapes"]), ranges(values["values"]))


def _range(triple: Any) -> Range:
    minimum, optimum, maximum = (tuple(shape) for shape in triple)
    if not all(type(size) is int and size >= 0 for size in (*minimum, *optimum, *maximum)):
        raise ValueError(f"the profile has the shapes {shown(triple)}")
    return minimum, optimum, maximum


def _check(record: EngineRecord) -> None:
    """Raise an error of `_DAMAGED` unless all values are as they are written."""
    if record.runtime not in FLAVOURS:
        raise ValueError(f"the runtime is {shown(record.runtime)}")
    texts = [record.tool_version, record.runtime_version, record.artifact]
    for text in (*texts, *record.compute_capabilities, *record.options):
        if type(text) is not str or len(text) > _MAX_LENGTH or not is_clean(text):
            raise ValueError(f"a text is {shown(text)}")
    plugins = [] if record.plugins_sha256 is None else [record.plugins_sha256]
    for digest in (record.engine_sha256, record.artifact_sha256, *plugins):
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"a hash is {shown(digest)}")
