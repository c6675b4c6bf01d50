"""The result of `bench` as text."""

from collections.abc import Iterator
from typing import Any

from refinemask.benchmarks.latency.figures import STATISTICS
from refinemask.benchmarks.latency.interleave import PHASES
from refinemask.printable import one_line

SHOWN_LAYERS = 10
"""Layers of a profile that are shown; the JSON has all."""

_LONGEST_NAME = 60


def format_table(result: dict[str, Any]) -> str:
    """Return the result of `bench` as text."""
    threads = result["threads"] or "default of the runtime"
    streams = result["streams"]
    lines = [
        f"{result['iterations']} iterations over {result['images']} images after "
        f"{result['warm_up']} to warm up; device: {result['device']}; threads: {threads}; "
        f"streams: {streams}; load average before: {result['load_average']:.2f}",
        _transfers(result),
    ]
    if streams > 1:
        lines.append(f"An iteration is {streams} images at the same time, by the same engine.")
    for entry in result["artifacts"]:
        lines += ["", *_entry(entry)]
    return "\n".join(lines)


def _transfers(result: dict[str, Any]) -> str:
    if result["transfers"] == "none":
        return "Transfers: none, everything runs on the CPU"
    return "Transfers: inference includes copies of inputs and outputs to and from the device"


def _entry(entry: dict[str, Any]) -> Iterator[str]:
    yield f"{entry['name']} ({entry['target']}, {entry['weights']} weights)"
    yield f"  Throughput: {entry['throughput']:.2f} images/s"
    yield f"  Peak memory: {entry['peak_memory_bytes'] / 2**20:.0f} MiB"
    yield f"  Ratio to the first: {entry['ratio']:.2f}"
    if entry["mask_rcnn"] is not None:
        yield f"  Ratio to {entry['mask_rcnn']['name']}: {entry['mask_rcnn']['ratio']:.2f}"
    yield f"  {'Latency (ms)':<14}" + "".join(f"{name:>10}" for name in STATISTICS)
    for phase in PHASES:
        row = "".join(f"{entry[phase][name]:>10.2f}" for name in STATISTICS)
        yield f"  {phase.replace('_', ' '):<14}{row}"
    if "profile" in entry:
        yield from _profile(entry["profile"], entry["runtime"])


def _profile(profile: dict[str, Any] | None, runtime: str) -> Iterator[str]:
    if profile is None:
        yield f"  Layers: {runtime} does not time them"
        return
    layers, total = profile["layers"], profile["inference"]
    yield (f"  Slowest of {len(layers)} layers, in a run of their own of {total:.2f} ms per image")
    yield f"  {'ms':>10}{'share':>8}  layer"
    for layer in layers[:SHOWN_LAYERS]:
        name = one_line(f"{layer['kind']} {layer['name']}".strip())
        name = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."
        yield f"  {layer['milliseconds']:>10.3f}{layer['milliseconds'] / total:>8.1%}  {name}"
