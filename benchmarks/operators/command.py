"""How fast the operators and image functions are: `python -m refinemask.benchmarks operators`."""

import os
from pathlib import Path
from typing import Annotated, Any

from refinemask.configs.options import Option
from refinemask.configs.shared_options import Json
from refinemask.console import current_setup, note, write_result


def operators(
    iterations: Annotated[int, Option(min=1, help="Measured runs of each.")] = 15,
    threads: Annotated[
        int | None, Option(min=1, help="Threads of each; default: all cores.")
    ] = None,
    only: Annotated[
        str, Option(metavar="TEXT", help="Measure only cases with this in their name.")
    ] = "",
    library: Annotated[
        Path | None, Option(metavar="FILE", help="The operator library; default: the package's.")
    ] = None,
    json: Json = None,
) -> None:
    """Measure the operators against torchvision, PyTorch, ONNX Runtime and OpenCV."""
    import torch

    from refinemask.benchmarks.operators.measure import copy_speed, measure
    from refinemask.benchmarks.operators.onnx_sessions import Sessions
    from refinemask.benchmarks.operators.suite import cases
    from refinemask.benchmarks.operators.table import format_table
    from refinemask.inference import native
    from refinemask.inference.opencv import cv2

    threads = threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    path = library or native.require("ort", "measuring the operators")
    result: dict[str, Any] = {
        "setup": current_setup("python -m refinemask.benchmarks"),
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
    write_result(format_table(result), result, json)
