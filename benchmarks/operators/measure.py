"""How fast the operators are: `python -m refinemask.benchmarks.operators`.

What is compared takes turns in one process, so that a busy machine slows all of it alike, and has
as many threads; results are compared first. The floor of each operator is the time that the bytes
it must move would take at the speed of a copy, measured in the same run.
"""

import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from refinemask.console import note
from refinemask.inference import native

if TYPE_CHECKING:
    from refinemask.benchmarks.operators.case import Case, Operators

COPIED = 256 << 20
"""Bytes of the copy: many times what a processor caches."""
PAUSE = 0.02
"""Seconds between two runs, after which the waiting threads of the last one have gone to sleep."""


def operators(
    iterations: Annotated[int, typer.Option(min=1, help="Measured runs of each.")] = 15,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads; all cores if absent.")
    ] = None,
    only: Annotated[str, typer.Option(metavar="TEXT", help="Cases with this in their name.")] = "",
    library: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The operator library, if not the package's."),
    ] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write JSON.")] = None,
) -> None:
    """Measure the operators against torchvision, PyTorch and ONNX Runtime."""
    import torch

    from refinemask.benchmarks.operators.case import Operators
    from refinemask.environment import measurement_setup
    from refinemask.files import write_text

    threads = threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    path = library or native.require("ort", "measuring the operators")
    command = shlex.join(["python", "-m", "refinemask.benchmarks.operators", *sys.argv[1:]])
    result: dict[str, Any] = {
        "setup": measurement_setup(command),
        "threads": threads,
        "iterations": iterations,
        "load_average": os.getloadavg()[0],
        "copy_bytes_per_second": copy_speed(iterations),
        "cases": [],
    }
    for case in cases(Operators(str(path), threads)):
        if only in case.name:
            note(case.name)
            result["cases"].append(measure(case, iterations, result["copy_bytes_per_second"]))
    typer.echo(format_table(result))
    if json:
        from json import dumps

        write_text(json, dumps(result, indent=2) + "\n")


def cases(operators: "Operators", seed: int = 0) -> "Iterator[Case]":
    """Build the cases one after the other, so that one at a time is in memory."""
    from refinemask.benchmarks.operators import paste_masks as mask_cases
    from refinemask.benchmarks.operators import roi_align as box_cases

    rng = np.random.default_rng(seed)
    for levels, channels, size, count in (
        (4, 256, 7, 1000),
        (4, 256, 14, 100),
        (1, 256, 14, 100),
        (1, 128, 28, 100),
        (1, 64, 56, 100),
    ):
        yield box_cases.roi_align_case(operators, rng, levels, channels, size, count)
    yield box_cases.proposals_case(operators, rng)
    for everything in (False, True):
        yield box_cases.detections_case(operators, rng, everything)
    for size in (28, 56):
        yield mask_cases.boundary_refine_case(operators, rng, size)
    yield mask_cases.paste_masks_case(operators, rng)


def copy_speed(iterations: int) -> float:
    """Return bytes read and written in a second by a copy with PyTorch's threads."""
    import torch

    source = torch.zeros(COPIED, dtype=torch.uint8)
    target = torch.empty_like(source)
    times = [seconds(lambda: target.copy_(source))[0] for _ in range(iterations + 1)]
    return 2 * COPIED / float(np.median(times[1:]))


def measure(case: "Case", iterations: int, copy_bytes_per_second: float) -> dict[str, Any]:
    """Time the contenders in turn.

    Returns:
        `name`, `target`, `bytes`, `floor_ms`, `times_floor` of ours, and `contenders`: name ->
        `median_ms`, `min_ms`, `processor_ms` (the median over all threads), `ratio` of the medians
        to ours, and `met`, whether the ratio is at least the target (None where there is none).

    Raises:
        RefineMaskError: the results differ.
    """
    from refinemask.errors import RefineMaskError

    ours, *rivals = case.contenders
    first = case.contenders[ours]()
    for rival in rivals:
        if not case.agree(first, case.contenders[rival]()):
            raise RefineMaskError(
                f"{case.name}: {rival} gives something else; report this as a bug"
            )
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in case.contenders}
    for _ in range(iterations):
        for name, run in case.contenders.items():
            time.sleep(PAUSE)
            times[name].append(seconds(run))
    medians = {name: float(np.median([wall for wall, _ in t])) for name, t in times.items()}
    processor = {name: float(np.median([used for _, used in t])) for name, t in times.items()}
    floor = case.bytes / copy_bytes_per_second

    def met(name: str) -> bool | None:
        judged = name != ours and name not in case.shown_only
        return medians[name] / medians[ours] >= case.target if judged else None

    return {
        "name": case.name,
        "target": case.target,
        "bytes": case.bytes,
        "floor_ms": floor * 1e3,
        "times_floor": medians[ours] / floor,
        "contenders": {
            name: {
                "median_ms": medians[name] * 1e3,
                "min_ms": min(times[name])[0] * 1e3,
                "processor_ms": processor[name] * 1e3,
                "ratio": medians[name] / medians[ours],
                "met": met(name),
            }
            for name in times
        },
    }


def seconds(run: Callable[[], Any]) -> tuple[float, float]:
    """Return the time that passed and what all threads used of the processor."""
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - processor


def format_table(result: dict[str, Any]) -> str:
    """Return the result as the lines of a Markdown document."""
    machine, versions = result["setup"]["machine"], result["setup"]["versions"]
    packages = ("refinemask", "onnxruntime", "torch", "torchvision")
    lines = [
        f"`{result['setup']['command']}`: {machine['processor']}, {machine['cores']} cores, "
        f"{result['threads']} threads each, load average before: {result['load_average']:.2f}; "
        + ", ".join(f"{name} {versions[name]}" for name in packages if name in versions)
        + f"; medians of {result['iterations']}, interleaved; "
        f"a copy moves {result['copy_bytes_per_second'] / 1e9:.1f} GB/s",
        "",
        "| Operator | ms (processor) | compared with, ms (processor): times slower | wanted "
        "| MB to move | floor, ms | times the floor |",
        "|---|---|---|---|---|---|---|",
    ]
    for case in result["cases"]:
        (_, ours), *rivals = case["contenders"].items()
        compared = "; ".join(
            f"{name} {figures['median_ms']:.1f} ({figures['processor_ms']:.1f}): "
            f"{figures['ratio']:.1f}" + (" (missed)" if figures["met"] is False else "")
            for name, figures in rivals
        )
        lines.append(
            f"| {case['name']} | {ours['median_ms']:.2f} ({ours['processor_ms']:.2f}) | {compared} "
            f"| {case['target']:g} | "
            f"{case['bytes'] / 1e6:.1f} | {case['floor_ms']:.2f} | {case['times_floor']:.1f} |"
        )
    return "\n".join(lines)
