"""Run portable artifacts with OpenVINO on the CPU."""

import threading
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from refinemask.engines.base import (
    OUTPUT_NAMES,
    Engine,
    check_file,
    check_names,
    damaged,
    read_metadata,
)
from refinemask.errors import RefineMaskError
from refinemask.inference.metadata import METADATA_KEY
from refinemask.inference.onnx_properties import read_properties
from refinemask.inference.structures import RawArrays


def open_engine(path: str | Path, device: str, threads: int | None) -> Engine:
    """Open an artifact; see `refinemask.engines.open`."""
    return OpenVinoEngine(path, device, threads)


@cache
def shared_core() -> openvino.Core:
    """Return the one OpenVINO core of this process.

    Each core installs an alternative signal stack where there is one already (Python's faulthandler
    has one), and puts the previous back when it goes. Cores that do not go in reverse order leave a
    stack that is freed, and the next signal, be it Ctrl-C, ends the process.
    """
    return openvino.Core()


class OpenVinoEngine(Engine):
    """A compiled OpenVINO model; safe to use from several threads, each has its own request."""

    def __init__(self, path: str | Path, device: str = "cpu", threads: int | None = None) -> None:
        """Load the artifact `path`; see `refinemask.engines.open`."""
        path = Path(path)
        check_file(path)
        if device != "cpu":
            raise RefineMaskError(
                f"the openvino engine runs on the device cpu only, got {device!r}"
            )
        # Before OpenVINO reads the file: operators it does not have can end the process.
        metadata = read_metadata(path, read_properties(path).get(METADATA_KEY))
        if metadata.form != "portable":
            raise RefineMaskError(
                f"{path} is an artifact of the form {metadata.form}, and OpenVINO runs portable "
                "ones only; export it with refinemask-export --form portable"
            )
        super().__init__(metadata)
        core = shared_core()
        try:
            model = core.read_model(path)
        except RuntimeError as error:
            raise damaged(path, error) from error
        check_names(
            path,
            [value.get_any_name() for value in model.inputs],
            [value.get_any_name() for value in model.outputs],
        )
        settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if self.metadata.precision == "float32":
            # Otherwise OpenVINO computes in bfloat16 where the processor has it.
            settings["INFERENCE_PRECISION_HINT"] = "f32"
        if threads is not None:
            settings["INFERENCE_NUM_THREADS"] = threads
        try:
            self._model = core.compile_model(model, "CPU", settings)
        except RuntimeError as error:
            raise damaged(path, error) from error
        self._local = threading.local()

    def _run(self, images: NDArray[np.uint8], image_sizes: NDArray[np.int64]) -> RawArrays:
        if not hasattr(self._local, "request"):
            self._local.request = self._model.create_infer_request()
        results = self._local.request.infer({"images": images, "image_sizes": image_sizes})
        return RawArrays(*(results[name] for name in OUTPUT_NAMES))
