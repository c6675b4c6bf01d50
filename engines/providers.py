"""Execution providers of ONNX Runtime: what computes the nodes of a graph, and where.

A provider that is asked for is never replaced by another one in silence: a session that does not
begin with it is an error.
"""

import ctypes
import hashlib
import json
import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import onnxruntime

from refinemask.engines.plugin_providers import find_plugin_device, plugin_options
from refinemask.engines.tensorrt.cache import cache_folder
from refinemask.errors import RefineMaskError
from refinemask.files import sha256
from refinemask.inference import native
from refinemask.inference.artifact import Artifact
from refinemask.printable import last_line
from refinemask.version import __version__

logger = logging.getLogger(__name__)

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"

_LIBRARIES = {CUDA: "cuda", TENSORRT: "tensorrt"}
"""Of which library of ONNX Runtime each one is."""


@dataclass(frozen=True)
class Provider:
    """An execution provider on a device.

    Attributes:
        name: its name in ONNX Runtime.
        operators: the library of our operators for what the form fused has of them.
        options: its settings.
        others: those that get the nodes it does not take, in order, each with its settings.
        devices: of a plugin, the `OrtEpDevice` that it runs on; none if it is built in.
        advice: what to do where it does not start.
    """

    name: str
    operators: native.Kind
    options: Mapping[str, str] = field(default_factory=dict)
    others: tuple[tuple[str, Mapping[str, str]], ...] = ()
    devices: Sequence[Any] = ()
    advice: str = "use another provider, or another form of the artifact"

    def start(
        self, model: Path | bytes, source: str, options: onnxruntime.SessionOptions
    ) -> onnxruntime.InferenceSession:
        """Return a session of an ONNX file that begins with this provider.

        Raises:
            RefineMaskError: the provider does not start, or refuses the file, `source` in errors.
            Exception: the CPU's refuses the file.
        """
        given = None
        if self.devices:
            options.add_provider_for_devices(list(self.devices), dict(self.options))
        else:
            given = [(self.name, self.options), *self.others]
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        try:
            session = onnxruntime.InferenceSession(model, options, given, enable_fallback=0)
        except Exception as error:  # The runtime's errors have no base class in common.
            if self.name == CPU:
                raise
            raise self._failure(source, self._missing_library() or last_line(error)) from error
        if session.get_providers()[0] != self.name:
            raise self._failure(source, self._missing_library() or "it does not start")
        return session

    def check_nodes(self, session: onnxruntime.InferenceSession, source: str) -> None:
        """Log which providers run how many nodes of a session.

        Raises:
            RefineMaskError: this one runs none of them.
        """
        assigned = getattr(session, "get_provider_graph_assignment_info", None)  # since 1.24
        if self.name == CPU or assigned is None:
            return
        nodes: Counter[str] = Counter()
        for part in assigned():
            nodes[part.ep_name] += len(part.get_nodes())
        if not nodes[self.name]:
            raise self._failure(source, f"it takes none of the {nodes.total()} nodes")
        counts = ", ".join(f"{name}: {count}" for name, count in nodes.most_common())
        logger.info("%s: nodes by provider of ONNX Runtime: %s", source, counts)

    def _failure(self, source: str, reason: str) -> RefineMaskError:
        return RefineMaskError(
            f"ONNX Runtime cannot run {source} with its {self.name}: {reason}; {self.advice}"
        )

    def _missing_library(self) -> str | None:
        """Return what keeps the library of a built-in provider from being loaded."""
        stem = _LIBRARIES.get(self.name)
        if stem is None:
            return None
        folder = Path(onnxruntime.__file__).parent / "capi"
        try:
            ctypes.CDLL(str(folder / f"libonnxruntime_providers_{stem}.so"))
        except OSError as error:
            return last_line(error)
        return None


def choose_provider(
    name: str | None, device: str, threads: int | None, artifact: Artifact
) -> Provider:
    """Return the provider for an artifact.

    Args:
        name: "tensorrt", which is built into onnxruntime-gpu; a plugin: NAME of its package
            onnxruntime-ep-NAME, or the name of a provider of `onnxruntime.get_ep_devices()`, such
            as one that this program has registered; None for that of the device.
        device: "cpu", "cuda" or "cuda:N"; of plugins "cpu", "gpu:N" or "npu:N".
        threads: CPU threads for one inference; None leaves the number to the runtime.
        artifact: what is to run.

    Raises:
        RefineMaskError: there is no such provider or device here.
    """
    if name is None:
        return _of_device(device)
    if name == "tensorrt":
        return _tensorrt(device, artifact)
    found, kind = find_plugin_device(name, device)
    return Provider(
        found.ep_name,
        "ort",  # Plugins know nothing of our operators, which run on the CPU.
        plugin_options(found.ep_name, kind, threads),
        devices=(found,),
    )


def _of_device(device: str) -> Provider:
    return Provider(CPU, "ort") if device == "cpu" else _cuda(device)


def _cuda(device: str) -> Provider:
    kind, _, index = device.partition(":")
    if kind != "cuda" or not (index or "0").isdecimal():
        raise RefineMaskError(f"unknown device {device!r}; choose cpu, cuda or cuda:N")
    if CUDA not in onnxruntime.get_available_providers():
        raise RefineMaskError(
            f"this ONNX Runtime is built without CUDA, which device {device!r} needs; replace the "
            "package onnxruntime with: pip install 'refinemask[gpu]', or use the device cpu"
        )
    load_libraries(CUDA)
    # Parity is that of float32; the provider's default rounds products to TF32.
    options = {"device_id": index or "0", "use_tf32": "0"}
    advice = (
        "check the NVIDIA driver with nvidia-smi, install the libraries of CUDA with: pip install "
        "'onnxruntime-gpu[cuda,cudnn]', or use the device cpu"
    )
    return Provider(CUDA, "ort_cuda", options, ((CPU, {}),), advice=advice)


def _tensorrt(device: str, artifact: Artifact) -> Provider:
    if device == "cpu":
        raise RefineMaskError(
            "the provider tensorrt runs on GPUs, got the device 'cpu'; use cuda or cuda:N"
        )
    cuda = _cuda(device)
    if TENSORRT not in onnxruntime.get_available_providers():
        raise RefineMaskError(
            "this ONNX Runtime is built without its TensorRT provider; replace it with: "
            "pip install 'refinemask[gpu]'"
        )
    load_libraries(TENSORRT)
    os.environ["NVIDIA_TF32_OVERRIDE"] = "0"  # The provider has no option for it.
    plugins = None
    if artifact.metadata.form == "fused":
        plugins = native.find("trt_auto", f"the fused artifact {artifact.path} in TensorRT")
    folder = str(_engine_folder(artifact, plugins))
    options = {
        "device_id": cuda.options["device_id"],
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": folder,
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": folder,
    }
    if plugins is not None:
        options["trt_extra_plugin_lib_paths"] = str(plugins)
    advice = (
        "check the NVIDIA driver with nvidia-smi, and install TensorRT 10 with: pip install "
        f"'tensorrt<11', or use the runtime onnxruntime on {device}"
    )
    others = ((cuda.name, cuda.options), *cuda.others)
    return Provider(TENSORRT, cuda.operators, options, others, advice=advice)


def load_libraries(provider: str) -> None:
    """Load CUDA and TensorRT from their Python packages, where the loader does not look for them.

    Those that are missing are missed when the provider does not start.
    """
    if hasattr(onnxruntime, "preload_dlls"):  # since 1.21
        with redirect_stdout(None):
            onnxruntime.preload_dlls()
    if provider == TENSORRT:
        with suppress(ImportError):
            import_module("tensorrt")


def _engine_folder(artifact: Artifact, plugins: Path | None) -> Path:
    """Return where the engines of an artifact are kept, which ONNX Runtime names itself."""
    key = [
        artifact.sha256,
        sha256(plugins) if plugins else None,
        onnxruntime.__version__,
        __version__,
    ]
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]
    folder = cache_folder() / "onnxruntime_tensorrt" / digest
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RefineMaskError(
            f"cannot make the folder {folder} for engines: {error.strerror or error}; name another "
            "one with REFINEMASK_CACHE"
        ) from error
    return folder
