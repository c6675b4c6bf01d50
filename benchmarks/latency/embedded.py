"""The C++ library against Python: `python -m refinemask.benchmarks.latency.embedded`.

Both take turns on one image, from its pixels to masks. The C++ program is examples/cpp/bench.
"""

import importlib.util
import json as json_module
import os
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Annotated, Any

from refinemask.commands import new_program
from refinemask.configs.options import Option
from refinemask.configs.shared_options import Json
from refinemask.console import current_setup, note, write_result
from refinemask.errors import RefineMaskError
from refinemask.inference.structures import MaskFormat

MASKS: tuple[MaskFormat, ...] = ("bitmap", "rle", "probs")
LIBRARIES = {"onnxruntime": "capi/libonnxruntime.so*", "openvino": "libs/libopenvino_c.so*"}
"""Where the Python package of each runtime has the shared library."""


def embedded(
    artifact: Annotated[Path, Option(metavar="FILE", help="The artifact.")],
    image: Annotated[Path, Option(metavar="FILE", help="The image.")],
    program: Annotated[
        Path, Option(metavar="FILE", help="The program bench of examples/cpp.")
    ] = Path("build/examples/bench"),
    runtime: Annotated[str, Option(help=" or ".join(LIBRARIES))] = "onnxruntime",
    threads: Annotated[int, Option(min=1, help="CPU threads of an inference.")] = 2,
    rounds: Annotated[int, Option(min=1, help="Turns that each takes.")] = 5,
    iterations: Annotated[int, Option(min=1, help="Inferences of a turn.")] = 5,
    json: Json = None,
) -> None:
    """Measure librefinemask and the engine in Python on one image, in turns."""
    from refinemask import engines
    from refinemask.inference.images import load_image

    library = _runtime_library(runtime)
    pixels = load_image(image)
    engine = engines.open(artifact, runtime, threads=threads)
    result: dict[str, Any] = {
        "setup": current_setup("python -m refinemask.benchmarks.latency.embedded"),
        "runtime": runtime,
        "threads": threads,
        "image_size": pixels.shape[:2],
        "objects": len(engine.predict(pixels)),
        "iterations": rounds * iterations,
        "cases": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        picture, times = Path(folder, "image.ppm"), Path(folder, "times.json")
        picture.write_bytes(b"P6 %d %d 255\n" % pixels.shape[1::-1] + pixels.tobytes())
        command = [program, "--artifact", artifact, "--image", picture, "--runtime", runtime]
        command += ["--threads", threads, "--iterations", iterations, "--export-times", times]
        for masks in MASKS:
            note(f"masks as {masks}")
            measured: dict[str, list[float]] = defaultdict(list)
            for _ in range(rounds):
                _run([*map(str, command), "--masks", masks], library)
                for phase, nanoseconds in json_module.loads(times.read_bytes()).items():
                    measured[phase] += [duration / 1e9 for duration in nanoseconds]
                for _ in range(iterations):
                    start = time.perf_counter()
                    engine.predict(pixels, masks=masks)
                    measured["python"].append(time.perf_counter() - start)
            medians = {phase: statistics.median(values) for phase, values in measured.items()}
            result["cases"].append({"masks": masks, "median_seconds": medians})
    write_result(format_table(result), result, json)


def _runtime_library(runtime: str) -> dict[str, str]:
    """Return the variable of the environment that names the shared library of a runtime."""
    if runtime not in LIBRARIES:
        raise RefineMaskError(f"runtime must be {' or '.join(LIBRARIES)}, got {runtime}")
    spec = importlib.util.find_spec(runtime)
    if spec is None or spec.origin is None:
        raise RefineMaskError(f"{runtime} is not installed; install it with: pip install {runtime}")
    (path,) = Path(spec.origin).parent.glob(LIBRARIES[runtime])
    return {f"REFINEMASK_{runtime.upper()}": str(path)}


def _run(command: list[str], library: dict[str, str]) -> None:
    try:
        done = subprocess.run(
            command, env={**os.environ, **library}, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise RefineMaskError(
            f"cannot run {command[0]}: {error.strerror}; build it as docs/embedding.md says, and "
            "name it with --program"
        ) from error
    if done.returncode:
        raise RefineMaskError(f"the C++ program failed: {done.stderr.strip()}")


def format_table(result: dict[str, Any]) -> str:
    """Return the result as the lines of a Markdown document."""
    machine, (height, width) = result["setup"]["machine"], result["image_size"]
    lines = [
        f"`{result['setup']['command']}`: {machine['processor']}, {machine['cores']} cores, "
        f"{result['threads']} threads; {width} x {height} pixels, {result['objects']} objects; "
        f"medians of {result['iterations']}, in turns",
        "",
        "| Masks | Python, ms | C++, ms | ratio | of it inference | the rest |",
        "|---|---|---|---|---|---|",
    ]
    for case in result["cases"]:
        median = case["median_seconds"]
        total, inference = median["end to end"], median["inference"]
        lines.append(
            f"| {case['masks']} | {1e3 * median['python']:.1f} | {1e3 * total:.1f} "
            f"| {total / median['python']:.3f} | {1e3 * inference:.1f} "
            f"| {1e3 * (total - inference):.1f} ({(total - inference) / inference:.1%}) |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    new_program(embedded=embedded)()
