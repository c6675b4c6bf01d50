"""RefineMask against what else a user could deploy: `python -m refinemask.benchmarks`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from refinemask.benchmarks.operators.command import operators
from refinemask.benchmarks.suite.accuracy_options import AccuracyOptions
from refinemask.benchmarks.suite.options import SuiteOptions
from refinemask.commands import new_program
from refinemask.configs.options import Option
from refinemask.configs.shared_options import Json
from refinemask.console import current_setup, note, say, write_result

PROGRAM = "python -m refinemask.benchmarks"
IMAGE = (800, 1333)
"""Height and width of the image that GPUs are judged by, in pixels."""


def latency(options: SuiteOptions) -> None:
    """Compare RefineMask and Mask R-CNN, exported alike: time, memory, and where the time goes."""
    from refinemask.benchmarks.suite.latency import latency as measure
    from refinemask.benchmarks.suite.tables import latency_tables

    _run("latency", options, lambda: measure(options, note), latency_tables)


def peers(
    options: SuiteOptions,
    only: Annotated[
        str, Option(metavar="TEXT", help="Measure only those with this in their names.")
    ] = "",
) -> None:
    """Compare RefineMask with all else that a user could run, from image to full-size masks."""
    from refinemask.benchmarks.suite.peers import peers as measure
    from refinemask.benchmarks.suite.tables import peers_tables

    _run("peers", options, lambda: measure(options, note, only), peers_tables)


def scaling(options: SuiteOptions) -> None:
    """Measure how time grows with boxes and pixels, and throughput with batches and streams."""
    from refinemask.benchmarks.suite.scaling import scaling as measure
    from refinemask.benchmarks.suite.tables import scaling_tables

    _run("scaling", options, lambda: measure(options, note), scaling_tables)


def accuracy(options: SuiteOptions, what: AccuracyOptions) -> None:
    """Measure accuracy and latency of the same artifacts, and accuracy of files of results."""
    from refinemask.benchmarks.suite.accuracy import accuracy as measure
    from refinemask.benchmarks.suite.tables import accuracy_tables

    _run("accuracy", options, lambda: measure(options, what, note), accuracy_tables)


def gpus(
    boxes: Annotated[int, Option(min=1, max=300, help="Detections of the image.")] = 100,
    json: Json = None,
) -> None:
    """Derive from work and datasheets how fast GPUs could be at best: a model, no measurement."""
    from refinemask.benchmarks.suite.gpu_model import gpu_model
    from refinemask.benchmarks.suite.layout import scenes, typical_scene
    from refinemask.benchmarks.suite.tables import gpu_tables

    scene = typical_scene(scenes(*IMAGE, images=None), boxes)
    model = gpu_model(("refinemask_r50", "maskrcnn_r50"), scene)
    write_result(gpu_tables(model), model | {"setup": current_setup(PROGRAM)}, json)


def everything(options: SuiteOptions, what: AccuracyOptions) -> None:
    """Measure all of it, compare it with the targets, and write the report."""
    from refinemask.benchmarks.suite.report import write_report

    latency(options)
    peers(options)
    scaling(options)
    if what.dataset:
        accuracy(options, what)
    if not options.quick:
        operators(json=str(options.output / "operators.json"))
    say(write_report(options.output))


def report(
    output: Annotated[
        Path, Option(metavar="DIR", help="Folder with results, to which the report is added.")
    ],
) -> None:
    """Compare the results in a folder with the targets, and write the report."""
    from refinemask.benchmarks.suite.report import write_report

    say(write_report(output))


def _run(
    name: str,
    options: SuiteOptions,
    measure: Callable[[], dict[str, Any]],
    table: Callable[[dict[str, Any]], str],
) -> None:
    """Measure; write the result and print it."""
    from refinemask.benchmarks.suite.session import result_path
    from refinemask.files import check_writable, make_folder, to_json, write_text

    make_folder(options.output)
    check_writable(options.output)
    result = measure() | {"setup": current_setup(PROGRAM)}
    write_text(result_path(options.output, name), to_json(result, indent=1) + "\n")
    say(table(result))


COMMANDS: dict[str, Callable[..., None]] = {
    "latency": latency,
    "scaling": scaling,
    "operators": operators,
    "peers": peers,
    "accuracy": accuracy,
    "gpus": gpus,
    "report": report,
    "all": everything,
}

if __name__ == "__main__":
    new_program(**COMMANDS)()
