"""The process in which TensorRT runs; `process` starts it.

usage: python -m refinemask.engines.tensorrt.worker MODULE TASK DATA_FILE, with a request as JSON on
standard input. Every line of standard output is JSON: {"progress": [step, steps]} now and then, and
{"reply": ...} at the end. Errors go to standard error, with exit status 1, and so does whatever
NVIDIA's libraries print.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from refinemask.engines.tensorrt.gpu import use_gpu
from refinemask.errors import RefineMaskError

trt: Any = import_module(sys.argv[1])

Json = dict[str, Any]


class WorkerError(Exception):
    """A message for the caller; the log is on standard error already."""


class Log(trt.ILogger):
    """Writes warnings and errors to standard error."""

    def __init__(self) -> None:
        trt.ILogger.__init__(self)

    def log(self, severity: Any, message: str) -> None:
        """Write one message; called by TensorRT, from its own threads too."""
        if severity.value <= trt.ILogger.Severity.WARNING.value:
            sys.stderr.write(f"[{severity.name}] {message}\n")


class Progress(trt.IProgressMonitor):
    """Writes how far the outermost phases are, and cancels a build that nobody waits for."""

    def __init__(self) -> None:
        trt.IProgressMonitor.__init__(self)
        self._parent = os.getppid()
        self._steps: dict[str, int] = {}

    def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
        """Remember how many steps an outermost phase has; called by TensorRT."""
        if parent_phase is None:
            self._steps[phase_name] = num_steps

    def step_complete(self, phase_name: str, step: int) -> bool:
        """Return whether to go on; called by TensorRT."""
        if phase_name in self._steps:
            write({"progress": [step + 1, self._steps[phase_name]]})
        return os.getppid() == self._parent

    def phase_finish(self, phase_name: str) -> None:
        """Do nothing; called by TensorRT."""


def build(request: Json, data_file: Path) -> Json:
    """Build an engine and write it to `data_file`; return its build time and its network."""
    log = Log()
    if request["settings"].get("gpu"):
        use_gpu(request["settings"]["gpu"])
    load_libraries(request["libraries"])
    builder = trt.Builder(log)
    # TensorRT 11 has strongly typed networks only, and no flag for them.
    typed = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    network = builder.create_network(0 if typed is None else 1 << int(typed))
    parser = trt.OnnxParser(network, log)
    if not parser.parse_from_file(request["onnx"]):
        errors = [parser.get_error(i) for i in range(parser.num_errors)]
        reasons = [f"{e.node_operator()} {e.node_name()!r}: {e.desc()}" for e in errors]
        raise WorkerError("\n".join(["the parser refuses the model", *reasons]))
    config = configure(builder, request["settings"])
    config.add_optimization_profile(make_profile(builder, network, request))
    start = time.perf_counter()
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise WorkerError(f"the builder refuses the model{advice(request['settings'])}")
    data_file.write_bytes(engine)
    timing_cache = request["settings"].get("timing_cache")
    if timing_cache is not None:
        Path(timing_cache).write_bytes(config.get_timing_cache().serialize())
    return {"seconds": time.perf_counter() - start, **summarise(network)}


def advice(settings: Json) -> str:
    """Return what to try after a build that failed."""
    if "STRIP_PLAN" in settings.get("flags", ()):
        return (
            "; engines without weights are built only where a GPU is: build without --strip-weights"
        )
    return ""


def configure(builder: Any, settings: Json) -> Any:
    """Return the configuration of a build."""
    config = builder.create_builder_config()
    config.progress_monitor = Progress()
    if hasattr(trt.BuilderFlag, "TF32"):
        config.clear_flag(trt.BuilderFlag.TF32)  # the parity gate is about float32
    for name in settings.get("flags", ()):
        config.set_flag(getattr(trt.BuilderFlag, name))
    for name, size in settings.get("memory_pools", {}).items():
        config.set_memory_pool_limit(getattr(trt.MemoryPoolType, name), size)
    if settings.get("level") is not None:
        config.builder_optimization_level = settings["level"]
    compatibility = settings.get("hardware_compatibility", "none")
    if compatibility != "none":
        levels = trt.HardwareCompatibilityLevel
        config.hardware_compatibility_level = getattr(levels, compatibility.upper())
    set_capabilities(config, settings.get("compute_capabilities", ()))
    timing_cache = settings.get("timing_cache")
    if timing_cache is not None:
        known = Path(timing_cache).read_bytes()
        config.set_timing_cache(config.create_timing_cache(known), ignore_mismatch=False)
    return config


def set_capabilities(config: Any, names: list[str]) -> None:
    """Restrict an engine of TensorRT-RTX to GPUs of some compute capabilities."""
    if not names:
        return
    known = {n: c for n, c in vars(trt.ComputeCapability).items() if n.startswith("SM")}
    config.num_compute_capabilities = len(names)
    for index, name in enumerate(names):
        member = f"SM{name.replace('.', '')}"
        if member not in known:
            supported = ", ".join(f"{n[2:-1]}.{n[-1]}" for n in sorted(known, key=len))
            raise WorkerError(f"compute capability {name} is none of {supported}")
        config.set_compute_capability(known[member], index)


def creators(request: Json, data_file: Path) -> Json:
    """Load libraries and list the plugin creators in them, with their fields."""
    log = Log()
    trt.Builder(log)  # initialises the logger of the process
    load_libraries(request["libraries"])
    found = [c for c in trt.get_plugin_registry().all_creators if c.plugin_namespace]
    return {
        "creators": [
            {
                "name": creator.name,
                "version": creator.plugin_version,
                "namespace": creator.plugin_namespace,
                "fields": {field.name: field.type.name for field in creator.field_names},
            }
            for creator in found
        ]
    }


def load_libraries(libraries: list[str]) -> None:
    """Load plugin libraries; the registry gives no reason for a failure."""
    for library in libraries:
        if trt.get_plugin_registry().load_library(library) is None:
            raise WorkerError(
                f"the plugin library {library} does not load: it is missing, was built for another "
                "machine, or contains a plugin that is loaded already"
            )


def make_profile(builder: Any, network: Any, request: Json) -> Any:
    """Return the optimization profile of a request.

    Raises:
        WorkerError: it names an input that the network does not have, or lacks a dynamic one.
    """
    profile = builder.create_optimization_profile()
    inputs = {network.get_input(i).name: network.get_input(i) for i in range(network.num_inputs)}
    given = {**request["shapes"], **request["values"]}
    unknown = given.keys() - inputs.keys()
    if unknown:
        raise WorkerError(
            f"the profile has the inputs {sorted(unknown)}, the network {sorted(inputs)}"
        )
    for name, tensor in inputs.items():
        if -1 in tuple(tensor.shape) and name not in request["shapes"]:
            raise WorkerError(f"the profile lacks input {name!r}, which has dynamic dimensions")
    for name, triple in request["shapes"].items():
        profile.set_shape(name, *triple)
    for name, triple in request["values"].items():
        profile.set_shape_input(name, *triple)
    return profile


def summarise(network: Any) -> Json:
    """Return the layers and outputs of a network."""
    layers = [network.get_layer(i) for i in range(network.num_layers)]
    return {
        "layers": [
            {
                "name": layer.name,
                "kind": layer.type.name,
                "outputs": [
                    summarise_tensor(layer.get_output(i)) for i in range(layer.num_outputs)
                ],
            }
            for layer in layers
        ],
        "outputs": [summarise_tensor(network.get_output(i)) for i in range(network.num_outputs)],
    }


def summarise_tensor(tensor: Any) -> Json:
    """Return name, type and shape; an unknown shape is []."""
    try:
        shape = list(tensor.shape)
    except ValueError:
        shape = []
    return {"name": tensor.name, "dtype": tensor.dtype.name, "shape": shape}


TASKS: dict[str, Callable[[Json, Path], Json]] = {"build": build, "creators": creators}

_channel = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
os.dup2(sys.stderr.fileno(), sys.stdout.fileno())


def write(message: Json) -> None:
    """Write one line for the process that started this one."""
    _channel.write(json.dumps(message) + "\n")
    _channel.flush()


def main() -> int:
    """Run one task."""
    task, data_file = sys.argv[2:]
    try:
        reply = TASKS[task](json.load(sys.stdin), Path(data_file))
    except (WorkerError, RefineMaskError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    write({"reply": reply})
    return 0


if __name__ == "__main__":
    sys.exit(main())
