"""The process in which TensorRT-RTX runs; `build` starts it.

usage: python -m refinemask.engines.tensorrt.worker TASK DATA_FILE, with a request as JSON on
standard input. The reply is the last line of standard output, as JSON; errors go to standard error,
with exit status 1.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorrt_rtx_bindings as trt

Json = dict[str, Any]


class WorkerError(Exception):
    """A message for the caller; the log is on standard error already."""


class Log(trt.ILogger):
    """Writes warnings and errors to standard error."""

    def __init__(self) -> None:
        trt.ILogger.__init__(self)

    def log(self, severity: trt.ILogger.Severity, message: str) -> None:
        """Write one message; called by TensorRT-RTX, from its own threads too."""
        if severity.value <= trt.ILogger.Severity.WARNING.value:
            sys.stderr.write(f"[{severity.name}] {message}\n")


def build(request: Json, data_file: Path) -> Json:
    """Build an engine and write it to `data_file`; return its build time and its network."""
    log = Log()
    load_libraries(request["libraries"])
    builder = trt.Builder(log)
    strongly_typed = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(strongly_typed)
    parser = trt.OnnxParser(network, log)
    if not parser.parse_from_file(request["onnx"]):
        errors = [parser.get_error(i) for i in range(parser.num_errors)]
        reasons = [f"{e.node_operator()} {e.node_name()!r}: {e.desc()}" for e in errors]
        raise WorkerError("\n".join(["the parser refuses the model", *reasons]))
    config = builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)  # the parity gate is about float32
    config.add_optimization_profile(make_profile(builder, network, request))
    start = time.perf_counter()
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise WorkerError("the builder refuses the model")
    data_file.write_bytes(bytes(engine))
    return {"seconds": time.perf_counter() - start, **summarise(network)}


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


def main() -> int:
    """Run one task."""
    task, data_file = sys.argv[1:]
    try:
        reply = TASKS[task](json.load(sys.stdin), Path(data_file))
    except WorkerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"\n{json.dumps(reply)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
