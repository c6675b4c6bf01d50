"""Peak memory of one target, measured in a separate process.

`python -m refinemask.benchmarks.latency.peak_memory` is that process: it reads what to run as JSON
from standard input and prints the number of bytes.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from refinemask.benchmarks.latency.targets import Target
from refinemask.child_process import module_command, module_environment
from refinemask.errors import RefineMaskError
from refinemask.inference.images import load_image


def peak_memory(
    target: Target,
    images: Sequence[Path],
    device: str = "cpu",
    threads: int | None = None,
    streams: int = 1,
) -> int:
    """Return the peak resident memory of a process that loads `target` and predicts `images`.

    It includes everything in the process: Python, NumPy, OpenCV, the runtime's libraries, the
    model, one decoded image at a time in each of `streams` threads, and the masks as run-length
    encodings, but not the memory of a GPU.

    Returns:
        bytes.

    Raises:
        RefineMaskError: the process failed.
    """
    work = {
        "path": target.path,
        "runtime": target.runtime,
        "images": [str(path) for path in islice(cycle(images), max(len(images), streams))],
        "device": device,
        "threads": threads,
        "streams": streams,
    }
    return in_child("refinemask.benchmarks.latency.peak_memory", work, str(target))


def in_child(module: str, work: Mapping[str, Any], subject: str) -> int:
    """Run a module that reads JSON from standard input; return the number of bytes it prints.

    Args:
        module: of this package.
        work: what it reads.
        subject: whose memory it measures.

    Raises:
        RefineMaskError: the process failed.
    """
    done = subprocess.run(
        module_command(module),
        env=module_environment(),
        input=json.dumps(work),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise RefineMaskError(
            f"the process that measures the memory of {subject} failed: {reason}; "
            "check that `refinemask predict` runs it and that the machine has enough memory"
        )
    return int(done.stdout)


def _main() -> None:
    work = json.load(sys.stdin)
    engine = Target(work["path"], work["runtime"]).open(work["device"], work["threads"])

    def predict(path: str) -> None:
        engine.predict(load_image(path), masks="rle")

    with ThreadPoolExecutor(work["streams"]) as pool:
        for _ in pool.map(predict, work["images"]):
            pass
    sys.stdout.write(str(peak_resident()))


def peak_resident() -> int:
    """Return the peak resident memory of this process in bytes.

    Raises:
        RefineMaskError: the system does not report it.
    """
    # Not `resource.getrusage`: its maximum survives `exec`, so that a small child of a large
    # process would report the size of its parent. The high-water mark in /proc starts anew.
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RefineMaskError("this system does not report peak memory: /proc/self/status has no VmHWM")


if __name__ == "__main__":
    _main()
