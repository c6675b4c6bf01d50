"""The charts of the suite's report."""

from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from refinemask.benchmarks.report.charts import COLOURS, Bar, Line, draw_bars, draw_lines
from refinemask.benchmarks.suite.latency import MANY
from refinemask.engines.runtimes import RUNTIMES
from refinemask.models.complexity import PARTS


def all_charts(results: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, Markup]:
    """Return the charts of the results that there are, by name.

    Args:
        results: by command.
        model: result of `gpu_model`.
    """
    drawn = {"gpus": _gpus(model)}
    if "latency" in results:
        drawn["ratios"] = _ratios(results["latency"])
        drawn["stages"] = _stages(results["latency"])
    if "peers" in results:
        drawn["peers"] = _peers(results["peers"])
    if "scaling" in results:
        drawn |= dict(_scaling(results["scaling"]))
    if "accuracy" in results:
        drawn["accuracy"] = _accuracy(results["accuracy"])
        drawn["boundaries"] = _boundaries(results["accuracy"])
    return drawn


def _ratios(latency: Mapping[str, Any]) -> Markup:
    bars = []
    for runtime, found in latency["runtimes"].items():
        for variant, of_variant in found["ratios"].items():
            for count, one in of_variant.items():
                title = f"{RUNTIMES[runtime].title}, {variant}, {count} detections"
                measured, work = one["ratio"], one["counted"]
                bars += [
                    Bar(title, [(measured, COLOURS[0])], f"{measured:.2f}"),
                    Bar("multiply-adds", [(work, COLOURS[-1])], f"{work:.2f}"),
                ]
    return draw_bars(bars)


def _stages(latency: Mapping[str, Any]) -> Markup:
    """Draw detector, mask branch, and what is around the network, in milliseconds."""
    parts = ("detector", "mask branch", "around")
    colours = dict(zip(parts, COLOURS, strict=False))
    bars = []
    for runtime, found in latency["runtimes"].items():
        branches = (
            found["mask_branch"]["milliseconds"],
            found["mask_branch"]["milliseconds_mask_rcnn"],
        )
        for (name, around), branch in zip(found["around"].items(), branches, strict=True):
            whole = found["subjects"][f"{name}, {MANY} boxes"]["inference"]["median"]
            outside = around["preprocess"] + around["postprocess"]
            lengths = (max(whole - branch, 0.0), branch, outside)
            pieces = list(zip(lengths, colours.values(), strict=True))
            bars.append(
                Bar(f"{name}, {RUNTIMES[runtime].title}", pieces, f"{whole + outside:.0f} ms")
            )
    return draw_bars(bars, colours)


def _peers(peers: Mapping[str, Any]) -> Markup:
    bars = [
        Bar(name, [(one["ratio"], _peer_colour(name))], f"{one['ratio']:.2f}")
        for name, one in sorted(peers["ratios"].items(), key=lambda item: item[1]["ratio"])
    ]
    return draw_bars(bars)


def _peer_colour(name: str) -> str:
    if name.startswith("RefineMask"):
        return COLOURS[0]
    return COLOURS[2] if name.startswith("Mask R-CNN,") else COLOURS[-1]


def _scaling(scaling: Mapping[str, Any]) -> Iterator[tuple[str, Markup]]:
    curves = {
        "boxes": ("boxes", 1.0, "seconds"),
        "pixels": ("megapixels", 1e-6, "seconds"),
    }
    for name, (horizontal, scale, vertical) in curves.items():
        one = scaling[name]
        values = [scale * value for value in one["values"]]
        lines = _lines(values, one["curves"], 1e-3)
        yield name, draw_lines(lines, horizontal, vertical)
    for name, horizontal in (("batch", "images of a batch"), ("streams", "concurrent streams")):
        one = scaling[name]
        yield name, draw_lines(_lines(one["values"], one["throughput"]), horizontal, "images/s")


def _lines(
    values: list[float], curves: Mapping[str, list[float]], scale: float = 1.0
) -> list[Line]:
    """Return a line for each curve; a runtime has a colour, and Mask R-CNN is dashed."""
    runtimes = dict.fromkeys(name.rpartition(", ")[2] for name in curves)
    colours = dict(zip(runtimes, COLOURS, strict=False))
    return [
        Line(
            name,
            [(value, scale * y) for value, y in zip(values, curve, strict=True)],
            colours[name.rpartition(", ")[2]],
            dashed=name.startswith("Mask R-CNN"),
        )
        for name, curve in curves.items()
    ]


def _accuracy(accuracy: Mapping[str, Any]) -> Markup:
    """Draw boundary AP against latency, a point for each model and dataset."""
    lines = [
        Line(
            f"{name}, {_file(dataset)}",
            [(accuracy["latency"][name]["median"], max(measured[name]["boundary"]["AP"], 0.0))],
            colour,
        )
        for dataset, measured in accuracy["datasets"].items()
        for name, colour in zip(accuracy["latency"], COLOURS, strict=False)
    ]
    return draw_lines(lines, "latency, ms", "boundary AP")


def _boundaries(accuracy: Mapping[str, Any]) -> Markup:
    """Draw boundary AP by the size of objects, where there are such objects."""
    sizes = {"APs": "small", "APm": "medium", "APl": "large"}
    bars = [
        Bar(f"{name}, {title}, {_file(dataset)}", [(value, colour)], f"{value:.3f}")
        for dataset, measured in accuracy["datasets"].items()
        for metric, title in sizes.items()
        for (name, one), colour in zip(measured.items(), COLOURS * len(measured), strict=False)
        if (value := one["boundary"][metric]) >= 0
    ]
    return draw_bars(bars) if bars else Markup()


def _file(dataset: str) -> str:
    return dataset.rpartition("/")[2]


def _gpus(model: Mapping[str, Any]) -> Markup:
    """Draw the floors of the first GPU, stage by stage."""
    gpu = next(iter(model["gpus"]))
    colours = dict(zip(PARTS, COLOURS, strict=False))
    bars = [
        Bar(
            f"{name}, {gpu}",
            [(one["stages"][part]["milliseconds"][gpu], colours[part]) for part in PARTS],
            f"{one['all'][gpu]:.1f} ms",
        )
        for name, one in model["models"].items()
    ]
    return draw_bars(bars, colours)
