"""Build a TensorRT-RTX engine from an ONNX file and a profile; no GPU is needed.

NVIDIA's builder runs in a process of its own: a model that it refuses can end the process, and its
ONNX parser looks for libtensorrt_rtx.so, while the package has only libtensorrt_rtx.so.1. A link of
the first name on the library path of the new process makes up for that.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import refinemask
from refinemask.engines.tensorrt.profile import Profile, Shape
from refinemask.errors import RefineMaskError

LIBRARY = "libtensorrt_rtx.so"


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
) -> BuiltEngine:
    """Build an engine.

    Args:
        onnx_file: the model; it may keep weights in files beside it.
        profile: the range of its inputs.
        plugin_libraries: libraries with the plugins for its custom operators.
        timeout: seconds after which to give up.

    Raises:
        RefineMaskError: TensorRT-RTX is not installed, a library does not load, or NVIDIA's parser
            or builder refuses the model; the message contains what they logged.
    """
    if not Path(onnx_file).is_file():
        raise RefineMaskError(f"the ONNX file {onnx_file} does not exist; check the path")
    request = {
        "onnx": str(Path(onnx_file).resolve()),
        "libraries": [str(Path(library).resolve()) for library in plugin_libraries],
        **asdict(profile),
    }
    reply, data = _run_worker(f"build {onnx_file}", "build", request, timeout)
    return BuiltEngine(
        data=data,
        layers=tuple(
            Layer(layer["name"], layer["kind"], _tensors(layer["outputs"]))
            for layer in reply["layers"]
        ),
        outputs=_tensors(reply["outputs"]),
        seconds=reply["seconds"],
    )


def list_creators(plugin_libraries: Sequence[Path]) -> tuple[PluginCreator, ...]:
    """List the plugins that libraries contain.

    Raises:
        RefineMaskError: TensorRT-RTX is not installed, or a library does not load.
    """
    request = {"libraries": [str(Path(library).resolve()) for library in plugin_libraries]}
    reply, _ = _run_worker("list its plugins", "creators", request, timeout=600.0)
    return tuple(PluginCreator(**creator) for creator in reply["creators"])


def _run_worker(
    purpose: str, task: str, request: dict[str, Any], timeout: float
) -> tuple[dict[str, Any], bytes]:
    """Run a task of `worker` in a new process; return its reply and its data.

    Raises:
        RefineMaskError: the process failed, was killed or took too long.
    """
    library = _find_library()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / LIBRARY).symlink_to(library)
        data_file = Path(folder) / "data"
        # This package, whatever is in the current folder.
        python_path = [str(Path(refinemask.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        library_path = [folder, os.environ.get("LD_LIBRARY_PATH", "")]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, python_path)),
            "LD_LIBRARY_PATH": os.pathsep.join(filter(None, library_path)),
        }
        worker = f"{__package__}.worker"
        command = [sys.executable, "-P", "-m", worker, task, str(data_file)]
        try:
            done = subprocess.run(
                command,
                input=json.dumps(request),
                env=environment,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise RefineMaskError(
                f"TensorRT-RTX did not {purpose} within {timeout:.0f} seconds; allow more"
            ) from None
        if done.returncode == 0:
            data = data_file.read_bytes() if data_file.exists() else b""
            return json.loads(done.stdout.splitlines()[-1]), data
    reason = done.stderr.strip()[-4000:] or "it logged nothing"
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        reason = f"the process was ended by {name}\n{reason}"
    raise RefineMaskError(f"TensorRT-RTX could not {purpose}:\n{reason}")


def _find_library() -> Path:
    spec = find_spec("tensorrt_rtx_libs")
    if spec is None or spec.origin is None or find_spec("tensorrt_rtx_bindings") is None:
        raise RefineMaskError(
            "TensorRT-RTX is not installed; pip install 'refinemask[tensorrt-rtx]'"
        )
    return Path(spec.origin).parent / f"{LIBRARY}.1"


def _tensors(entries: list[dict[str, Any]]) -> tuple[Tensor, ...]:
    return tuple(Tensor(one["name"], one["dtype"], tuple(one["shape"])) for one in entries)
