"""The results of the suite as tables."""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from refinemask.evaluation.metric_names import KINDS

_WIDTH = 110
Rows = Sequence[Sequence[str]]
TitledTable = tuple[str, Sequence[str], Rows]
"""Title, headings and rows; all columns but the first are numbers."""


def format_tables(tables: Sequence[TitledTable], lines: Sequence[str]) -> str:
    """Return tables as text for a terminal.

    Args:
        tables: from top to bottom.
        lines: what stands below them.
    """
    console = Console(file=io.StringIO(), width=_WIDTH, color_system=None, highlight=False)
    for title, headings, rows in tables:
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for index, heading in enumerate(headings):
            table.add_column(heading, justify="right" if index else "left", overflow="fold")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    for line in lines:
        console.print(line)
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def head_lines(result: Mapping[str, Any]) -> list[str]:
    """Return how a result was measured, and what is wrong with it."""
    height, width = result["padded_size"]
    machine = result["setup"]["machine"]
    lines = [
        f"{machine['processor']}, {machine['cores']} cores; {result['weights']} weights, "
        f"{height}x{width}, images: {result['images']}; medians of {result['iterations']} after "
        f"{result['warm_up']}, in turn in one process; load average before: "
        f"{result['load_average']:.2f}"
    ]
    return lines + [f"Do not trust these figures: {reason}" for reason in result["warnings"]]


def latency_tables(result: Mapping[str, Any]) -> str:
    """Return the result of `latency` as text."""
    tables: list[TitledTable] = []
    for runtime, found in result["runtimes"].items():
        tables.append(_times(runtime, found["subjects"]))
        tables.append((f"{runtime}: figures", ("", "measured", "counted"), list(_figures(found))))
    tables.append(_ceiling(result["ceiling"]))
    covered = ", ".join(f"{share:.0%} with {n}" for n, share in result["covered"].items())
    return format_tables(tables, [f"Boxes cover of P2: {covered}.", *head_lines(result)])


def peers_tables(result: Mapping[str, Any]) -> str:
    """Return the result of `peers` as text."""
    ratios = result["ratios"]
    rows = [
        (
            name,
            f"{one['end_to_end']['median']:.1f}",
            f"{one['end_to_end']['spread']:.1%}",
            f"{ratios[name]['ratio']:.2f}",
            f"{ratios[name]['low']:.2f} to {ratios[name]['high']:.2f}",
        )
        for name, one in result["subjects"].items()
    ]
    headings = ("", "in all, ms", "spread", "ratio", "quartiles")
    title = f"{result['boxes']} boxes, from decoded image to full-size masks"
    return format_tables([(title, headings, rows)], head_lines(result))


def scaling_tables(result: Mapping[str, Any]) -> str:
    """Return the result of `scaling` as text."""
    tables: list[TitledTable] = []
    for what, title in (("boxes", "Boxes: ms"), ("pixels", "Sides of square images: ms")):
        one = result[what]
        headings = ("", *map(str, one.get("sides", one["values"])), "last over line")
        rows = [
            (name, *(f"{ms:.0f}" for ms in curve), f"{one['growth'][name]:.2f}")
            for name, curve in one["curves"].items()
        ]
        tables.append((title, headings, rows))
    for what, title in (("batch", "Images of a batch"), ("streams", "Concurrent streams")):
        one = result[what]
        rows = [
            (name, *(f"{value:.2f}" for value in curve))
            for name, curve in one["throughput"].items()
        ]
        tables.append((f"{title}: images/s", ("", *map(str, one["values"])), rows))
    return format_tables(tables, head_lines(result))


def accuracy_tables(result: Mapping[str, Any]) -> str:
    """Return the result of `accuracy` as text."""
    sizes = ("AP", "APs", "APm", "APl")
    tables: list[TitledTable] = []
    for dataset, measured in result["datasets"].items():
        rows = [
            (f"{name}, {kind}", *(_share(one[kind][metric]) for metric in sizes))
            for name, one in measured.items()
            for kind in KINDS
            if kind in one
        ]
        tables.append((dataset, ("", *sizes), rows))
    latency = [
        (name, f"{one['median']:.1f}", f"{one['spread']:.1%}")
        for name, one in result["latency"].items()
    ]
    tables.append((f"Latency, {result['runtime']}", ("", "in all, ms", "spread"), latency))
    return format_tables(tables, head_lines(result))


def gpu_tables(model: Mapping[str, Any]) -> str:
    """Return the result of `gpu_model` as text."""
    gpus = list(model["gpus"])
    tables: list[TitledTable] = []
    for name, one in model["models"].items():
        stages = {**one["stages"], "in all": None}
        rows = []
        for stage, work in stages.items():
            floors = one["all"] if work is None else work["milliseconds"]
            amounts = ("", "") if work is None else (work["gflops"], work["megabytes"])
            shown = [value if value == "" else f"{value:.0f}" for value in amounts]
            rows.append((stage, *shown, *(f"{floors[gpu]:.2f}" for gpu in gpus)))
        tables.append((name, ("", "GFLOP", "MB", *(f"{gpu}, ms" for gpu in gpus)), rows))
    height, width = model["padded_size"]
    lines = [
        "A model, no measurement: floors in float16 at the rates of datasheets, one image of "
        f"{height}x{width}, {model['boxes']} detections, which cover {model['covered']:.0%} of P2. "
        f"{'; '.join(model['gpus'].values())}."
    ]
    return format_tables(tables, lines)


def _share(value: float) -> str:
    return f"{value:.3f}" if value >= 0 else "-"


def _times(title: str, subjects: Mapping[str, Any]) -> TitledTable:
    headings = ("", "inference, ms", "spread", "before, ms", "after, ms", "in all, ms")
    rows = [
        (
            name,
            f"{one['inference']['median']:.1f}",
            f"{one['inference']['spread']:.1%}",
            f"{one['preprocess']['median']:.2f}",
            f"{one['postprocess']['median']:.2f}",
            f"{one['end_to_end']['median']:.1f}",
        )
        for name, one in subjects.items()
    ]
    return title, headings, rows


def _figures(found: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    for variant, of_variant in found["ratios"].items():
        for count, one in of_variant.items():
            measured = f"{one['ratio']:.2f} ({one['low']:.2f} to {one['high']:.2f})"
            name = f"RefineMask / Mask R-CNN, {variant}, {count} boxes"
            yield name, measured, f"{one['counted']:.2f}"
    branch = found["mask_branch"]
    yield "mask branch, faster by the rewrites", *_both(branch["speed_up"], branch["counted"])
    for name, around in found["around"].items():
        yield f"{name}: before and after / inference", f"{around['share']:.2%}", ""
    for name, size in found["peak_memory_bytes"].items():
        yield f"{name}: peak memory", f"{size / 2**20:.0f} MiB", ""
    for name, profile in found["profile"].items():
        yield f"{name}: while it multiplies", f"{profile['gflops']:.1f} GFLOP/s", ""


def _both(measured: float, counted: float) -> tuple[str, str]:
    return f"{measured:.2f}", f"{counted:.2f}"


def _ceiling(ceiling: Mapping[str, Any]) -> TitledTable:
    runtimes = list(next(iter(ceiling["products"].values())))
    rows = [
        (name, *(f"{by[runtime]:.1f}" for runtime in runtimes))
        for name, by in ceiling["products"].items()
    ]
    return "Ceiling, GFLOP/s", ("", *runtimes), rows
