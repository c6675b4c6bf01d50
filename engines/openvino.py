"""Run artifacts with OpenVINO on the CPU."""

import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import openvino
from numpy.typing import NDArray
from openvino.frontend import FrontEndManager

from refinemask.engines.base import Engine
from refinemask.engines.graph import GraphEngine, Inputs
from refinemask.engines.openvino_settings import cpu_settings
from refinemask.engines.runtimes import RUNTIMES
from refinemask.errors import RefineMaskError
from refinemask.inference import native
from refinemask.inference.artifact import Artifact


def open_engine(path: str | Path | Artifact, device: str, threads: int | None) -> Engine:
    """Open an artifact; see `refinemask.engines.open`."""
    artifact = Artifact.open(path)
    # Before OpenVINO reads the file: operators that it does not have can end the process.
    RUNTIMES["openvino"].check_form(artifact)
    return OpenVinoEngine(artifact, device, threads)


@cache
def shared_core() -> openvino.Core:
    """Return the one OpenVINO core of this process.

    Each core installs an alternative signal stack if there is one already (Python's faulthandler
    has one), and restores the previous one when it is destroyed. Cores destroyed in another order
    than the reverse leave a freed stack in place, and the next signal, such as Ctrl-C, kills the
    process.
    """
    return openvino.Core()


def read_onnx(path: Path, operators: Path | None = None) -> openvino.Model:
    """Read an ONNX file, with the library of our operators if its graph has any.

    Not by `Core.read_model`, which lets the name of the file choose a format.

    Raises:
        RuntimeError: OpenVINO cannot read it.
    """
    reader = FrontEndManager().load_by_framework("onnx")
    if operators is not None:
        reader.add_extension(str(operators))
    return reader.convert(reader.load(str(path)))


class OpenVinoEngine(GraphEngine):
    """A compiled OpenVINO model; safe to use from several threads: each has its own request."""

    def __init__(
        self, artifact: Artifact, device: str, threads: int | None, count: bool = False
    ) -> None:
        """Load `artifact`; see `refinemask.engines.open`. With `count`, its layers are timed."""
        super().__init__(artifact.metadata, str(artifact.path))
        if device != "cpu":
            raise RefineMaskError(
                f"the openvino engine runs on the device cpu only, got {device!r}"
            )
        settings: dict[str, Any] = {**cpu_settings(threads), "PERF_COUNT": count}
        operators = None
        if artifact.metadata.form == "fused":
            operators = native.require("openvino", f"the fused artifact {artifact.path}")
        core = shared_core()
        try:
            model = read_onnx(artifact.path, operators)
            self._model = core.compile_model(model, "CPU", settings)
        except RuntimeError as error:
            raise artifact.load_error(error) from error
        self._local = threading.local()

    def layer_counts(self) -> list[tuple[str, str, float]]:
        """Return name, kind and seconds of each layer in the last run of this thread."""
        found = self._local.request.get_profiling_info()
        return [(one.node_name, one.node_type, one.real_time.total_seconds()) for one in found]

    def _fetch(self, names: Sequence[str], inputs: Inputs) -> Sequence[NDArray[Any]]:
        if not hasattr(self._local, "request"):
            self._local.request = self._model.create_infer_request()
        results = self._local.request.infer(dict(inputs))
        return [results[name] for name in names]
