"""Times on a GPU, and the file that they are added to."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import torch


def microseconds(run: Callable[[], object], repeats: int = 50) -> float:
    """Return the median time of a call, on the GPU's clock."""
    for _ in range(10):
        run()
    times = []
    for _ in range(repeats):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end) * 1000)
    return median(times)


def bytes_per_microsecond() -> float:
    """Return how fast memory on the GPU is read and written, as a copy of 1 GiB shows it."""
    source = torch.empty(1 << 30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return 2 * source.numel() / microseconds(lambda: target.copy_(source), repeats=10)


def report(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, and append it to the file that REFINEMASK_GPU_RESULTS names."""
    lines = [f"## {title}", "", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    table = "\n".join(lines)
    if path := os.environ.get("REFINEMASK_GPU_RESULTS"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{table}\n\n")
    print(table)  # noqa: T201
