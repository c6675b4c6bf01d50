"""Latency of each phase, throughput and peak memory of artifacts and models, side by side.

The targets take turns in one process, image by image, so that a busy or throttled machine slows
all of them alike. One image at a time; decoding the files is not measured.
"""

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinemask.benchmarks.latency.options import BenchOptions
from refinemask.benchmarks.latency.peak_memory import peak_memory
from refinemask.benchmarks.latency.targets import parse_target, target_names
from refinemask.engines import Engine
from refinemask.inference.images import list_images, load_image
from refinemask.inference.processing import postprocess

PHASES = ("preprocess", "inference", "postprocess", "end_to_end")
"""Resizing and padding; the network; rescaling, pasting and run-length encoding; all three."""

STATISTICS = ("min", "mean", "median", "p90", "p95", "p99")

Samples = dict[str, list[float]]
"""Seconds that each run took, by phase."""


def bench(options: BenchOptions, progress: Callable[[str], None] | None = None) -> dict[str, Any]:
    """Measure artifacts and models.

    Args:
        options: what is measured and how; images repeat if there are more iterations than images.
        progress: called with a line of text now and then.

    Returns:
        `images`, `warm_up`, `iterations`, `device`, `threads`, `load_average` (of the last minute
        before the measurement), and `artifacts`, one dictionary for each target in order:
        `target`, `name`, `model` (its preset), `runtime`, `weights`, each of `PHASES` with its
        `STATISTICS` in milliseconds, `throughput` in images per second, `ratio` of the end-to-end
        medians to the first target, `peak_memory_bytes` (see `peak_memory`).

    Raises:
        RefineMaskError: a target or an image cannot be opened.
    """
    images, iterations = list_images(options.images), options.iterations
    warm_up = min(len(images), iterations) if options.warm_up is None else options.warm_up
    device, threads = options.device, options.threads
    note = progress or (lambda _: None)
    parsed = [parse_target(target, options.runtime) for target in options.targets]
    used = list(images[: max(warm_up, iterations)])
    pictures = [load_image(path) for path in used]
    opened = [target.open(device, threads) for target in parsed]
    names = target_names(parsed, [engine.metadata.preset for engine in opened])
    load_average = os.getloadavg()[0]
    note(f"measuring latency: {iterations} iterations, {len(opened)} in turn")
    samples = interleave(opened, pictures, warm_up, iterations)
    medians = [float(np.median(one["end_to_end"])) for one in samples]
    entries = []
    for target, engine, name, times, median in zip(
        parsed, opened, names, samples, medians, strict=True
    ):
        note(f"measuring memory: {name}")
        entries.append(
            {
                "target": str(target),
                "name": name,
                "model": engine.metadata.preset,
                "runtime": target.runtime,
                "weights": engine.metadata.weights,
                **{phase: summarise(times[phase]) for phase in PHASES},
                "throughput": iterations / sum(times["end_to_end"]),
                "ratio": median / medians[0],
                "peak_memory_bytes": peak_memory(target, used, device, threads),
            }
        )
    return {
        "images": len(used),
        "warm_up": warm_up,
        "iterations": iterations,
        "device": device,
        "threads": threads,
        "load_average": load_average,
        "artifacts": entries,
    }


def interleave(
    opened: Sequence[Engine],
    images: Sequence[NDArray[np.uint8]],
    warm_up: int,
    iterations: int,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Samples]:
    """Run the engines in turn, image by image; return the times of each engine's measured runs.

    Both the warm-up and the measurement begin with the first image.
    """
    samples: list[Samples] = [{phase: [] for phase in PHASES} for _ in opened]
    for iteration in (*range(-warm_up, 0), *range(iterations)):
        turn = iteration if iteration >= 0 else iteration + warm_up
        image = images[turn % len(images)]
        for engine, times in zip(opened, samples, strict=True):
            durations = _run(engine, image, clock)
            if iteration >= 0:
                for phase, duration in zip(PHASES, durations, strict=True):
                    times[phase].append(duration)
    return samples


def summarise(seconds: Sequence[float]) -> dict[str, float]:
    """Return the `STATISTICS` of durations in milliseconds; percentiles are interpolated."""
    values = np.asarray(seconds, np.float64) * 1e3
    median, p90, p95, p99 = np.percentile(values, (50, 90, 95, 99)).tolist()
    figures = (float(values.min()), float(values.mean()), median, p90, p95, p99)
    return dict(zip(STATISTICS, figures, strict=True))


def format_table(result: dict[str, Any]) -> str:
    """Return the result of `bench` as text."""
    threads = result["threads"] or "default of the runtime"
    lines = [
        f"{result['iterations']} iterations over {result['images']} images after "
        f"{result['warm_up']} to warm up; device: {result['device']}; threads: {threads}; "
        f"load average before: {result['load_average']:.2f}"
    ]
    for entry in result["artifacts"]:
        lines += [
            "",
            f"{entry['name']} ({entry['target']}, {entry['weights']} weights)",
            f"  Throughput: {entry['throughput']:.2f} images/s",
            f"  Peak memory: {entry['peak_memory_bytes'] / 2**20:.0f} MiB",
            f"  Ratio to the first: {entry['ratio']:.2f}",
            f"  {'Latency (ms)':<14}" + "".join(f"{name:>10}" for name in STATISTICS),
        ]
        for phase in PHASES:
            row = "".join(f"{entry[phase][name]:>10.2f}" for name in STATISTICS)
            lines.append(f"  {phase.replace('_', ' '):<14}{row}")
    return "\n".join(lines)


def _run(
    engine: Engine, image: NDArray[np.uint8], clock: Callable[[], float]
) -> tuple[float, float, float, float]:
    """Predict one image; return the seconds of each of `PHASES`."""
    start = clock()
    prepared = engine.prepare(image)
    ready = clock()
    found = engine.run(prepared.image[None], np.array([prepared.size], np.int64))
    done = clock()
    postprocess(found, prepared, "rle")
    end = clock()
    return ready - start, done - ready, end - done, end - start
