"""Build an engine from an ONNX file and a profile; TensorRT-RTX needs no GPU for it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from refinemask.engines.tensorrt.flavours import TENSORRT_RTX, Flavour
from refinemask.engines.tensorrt.process import Progress, run_worker
from refinemask.engines.tensorrt.profile import Profile, Shape
from refinemask.errors import RefineMaskError


@dataclass(frozen=True)
class Tensor:
    """One tensor of a network; a dimension known only at run time is -1."""

    name: str
    dtype: str
    shape: Shape


@dataclass(frozen=True)
class Layer:
    """One layer of a network, as the ONNX parser created it."""

    name: str
    kind: str
    outputs: tuple[Tensor, ...]


@dataclass(frozen=True)
class BuiltEngine:
    """An engine, and the network it was built from."""

    data: bytes
    layers: tuple[Layer, ...]
    outputs: tuple[Tensor, ...]
    seconds: float


@dataclass(frozen=True)
class PluginCreator:
    """A plugin in a library; `fields` maps names to types such as "INT64"."""

    name: str
    version: str
    namespace: str
    fields: Mapping[str, str]


def build_engine(
    onnx_file: Path,
    profile: Profile,
    plugin_libraries: Sequence[Path] = (),
    timeout: float = 1800.0,
    *,
    flavour: Flavour = TENSORRT_RTX,
    settings: Mapping[str, Any] | None = None,
    log: Path | None = None,
    progress: Progress | None = None,
) -> BuiltEngine:
    """Build an engine.

    Args:
        onnx_file: the model; it may keep weights in files beside it.
        profile: the range of its inputs.
        plugin_libraries: libraries with the plugins for its custom operators.
        timeout: seconds after which to give up.
        flavour: what the engine is for.
        settings: of the builder, see `worker.configure`.
        log: a file that gets what NVIDIA's libraries log.
        progress: called with the steps of the builder that are done, and their number.

    Raises:
        RefineMaskError: it is not installed, a library does not load, or NVIDIA's parser or builder
            refuses the model; the message contains what they logged.
    """
    if not Path(onnx_file).is_file():
        raise RefineMaskError(f"the ONNX file {onnx_file} does not exist; check the path")
    request = {
        "onnx": str(Path(onnx_file).resolve()),
        "libraries": [str(Path(library).resolve()) for library in plugin_libraries],
        "settings": dict(settings or {}),
        **asdict(profile),
    }
    reply, data = run_worker(
        flavour, f"build {onnx_file}", "build", request, timeout, log=log, progress=progress
    )
    return BuiltEngine(
        data=data,
        layers=tuple(
            Layer(layer["name"], layer["kind"], _tensors(layer["outputs"]))
            for layer in reply["layers"]
        ),
        outputs=_tensors(reply["outputs"]),
        seconds=reply["seconds"],
    )


def list_creators(
    plugin_libraries: Sequence[Path], flavour: Flavour = TENSORRT_RTX
) -> tuple[PluginCreator, ...]:
    """List the plugins that libraries contain.

    Raises:
        RefineMaskError: TensorRT is not installed, or a library does not load.
    """
    request = {"libraries": [str(Path(library).resolve()) for library in plugin_libraries]}
    reply, _ = run_worker(flavour, "list its plugins", "creators", request, timeout=600.0)
    return tuple(PluginCreator(**creator) for creator in reply["creators"])


def _tensors(entries: list[dict[str, Any]]) -> tuple[Tensor, ...]:
    return tuple(Tensor(one["name"], one["dtype"], tuple(one["shape"])) for one in entries)
