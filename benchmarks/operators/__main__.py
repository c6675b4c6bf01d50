"""How fast the operators are: `python -m refinemask.benchmarks.operators`."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from refinemask.benchmarks import command_line
from refinemask.console import note


def operators(
    iterations: Annotated[int, typer.Option(min=1, help="Measured runs of each.")] = 15,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of each; default: all cores.")
    ] = None,
    only: Annotated[
        str, typer.Option(metavar="TEXT", help="Measure only cases with this in their name.")
    ] = "",
    library: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The operator library; default: the package's."),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Also write the result as JSON."),
    ] = None,
) -> None:
    """Measure the operators against torchvision, PyTorch and ONNX Runtime."""
    import torch

    from refinemask.benchmarks.operators.measure import copy_speed, measure
    from refinemask.benchmarks.operators.onnx_sessions import Sessions
    from refinemask.benchmarks.operators.suite import cases
    from refinemask.benchmarks.operators.table import format_table
    from refinemask.files import write_text
    from refinemask.inference import native

    threads = threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    path = library or native.require("ort", "measuring the operators")
    result: dict[str, Any] = {
        "setup": command_line.setup("refinemask.benchmarks.operators"),
        "threads": threads,
        "iterations": iterations,
        "load_average": os.getloadavg()[0],
        "copy_bytes_per_second": copy_speed(iterations),
        "cases": [],
    }
    for case in cases(Sessions(str(path), threads)):
        if only in case.name:
            note(case.name)
            result["cases"].append(measure(case, iterations, result["copy_bytes_per_second"]))
    typer.echo(format_table(result))
    if json_file is not None:
        write_text(json_file, json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    command_line.run(operators)
