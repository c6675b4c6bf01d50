"""`refinemask info`: describe a checkpoint, an artifact or an engine."""

import json as json_module
import re
from typing import Annotated, Any

import typer

from refinemask.configs.options import Option
from refinemask.configs.settings import Settings, read_settings
from refinemask.configs.shared_options import Json
from refinemask.console import refuse_to_overwrite, write_result
from refinemask.errors import WrongUsage
from refinemask.printable import one_line

_FORMATS = {
    "refinemask": "checkpoint of refinemask train",
    "mmdetection": "checkpoint of the official RefineMask code or of mmdetection",
    "torchvision": "checkpoint of torchvision",
    "detectron2": "checkpoint of detectron2",
    "onnx": "ONNX artifact",
    "tensorrt": "engine of TensorRT",
    "tensorrt_rtx": "engine of TensorRT-RTX",
}
_HEADS = {
    "fcn": "the mask head of Mask R-CNN",
    "refine": "the mask head of RefineMask",
    "simple_refine": 'the "faster-better" mask head of RefineMask',
}
_SHOWN_CLASSES = 5
_SETTINGS = {
    "shorter side": "input.short_side",
    "longer side up to": "input.long_side",
    "mean of RGB": "input.mean",
    "deviation of RGB": "input.std",
    "epsilon of norms": "bn_eps",
    "anchor scales": "conventions.anchor_scales",
    "anchor ratios": "conventions.anchor_ratios",
    "RPN deviations": "conventions.proposal_stds",
    "RPN candidates": "conventions.level_proposals",
    "RPN NMS": "conventions.proposal_iou",
    "proposals": "conventions.max_proposals",
    "box deviations": "conventions.detection_stds",
    "RoIAlign samples": "conventions.sampling_ratio",
    "score threshold": "score_threshold",
    "NMS": "conventions.detection_iou",
    "detections up to": "max_detections",
}
"""Values that decide results, by their names in the configuration."""


def _read_size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if not found:
        raise WrongUsage(f"--size must be HEIGHTxWIDTH, such as 800x1344, got {text!r}")
    return int(found[1]), int(found[2])


def info(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE|NAME", help="A checkpoint, a shipped model, an artifact, or an engine."
        ),
    ],
    size: Annotated[
        tuple[int, int] | None,
        Option(
            metavar="HEIGHTxWIDTH",
            read=_read_size,
            help="Padded size to count multiply-adds for; default: the model's largest.",
        ),
    ] = None,
    rois: Annotated[int, Option(min=1, help="Number of detections to count masks for.")] = 100,
    settings: Settings = (),
    json: Json = None,
) -> None:
    """Describe a file: architecture, classes, size, multiply-adds, provenance."""
    from refinemask.cli.file_description import describe_file

    description = describe_file(file, size, rois, read_settings(settings))
    refuse_to_overwrite([description["file"]], [json])
    write_result(_table(description), description, json)


def _table(description: dict[str, Any]) -> str:
    config = description["config"]
    masks = config["mask_head"]
    names = config["class_names"]
    dots = ", ..." if len(names) > _SHOWN_CLASSES else ""
    rows = {
        "file": f"{one_line(description['file'])} ({description['bytes'] / 1e6:.1f} MB)",
        "format": _FORMATS[description["format"]],
        "SHA-256": description["sha256"],
        "preset": one_line(description["preset"]),
        "backbone": f"{config['backbone']}, FPN of {config['fpn_channels']} channels",
        "masks": f"{_HEADS[masks['type']]}, {masks['channels']} channels",
        "classes": f"{len(names)}: {one_line(', '.join(names[:_SHOWN_CLASSES]))}{dots}",
    }
    rows |= {name: _setting(place, description) for name, place in _SETTINGS.items()}
    if description["mismatch"]:
        rows["does not fit"] = one_line(description["mismatch"])
    recorded = {one_line(str(k)): _recorded(v) for k, v in description["provenance"].items()}
    width = max(*map(len, rows), *(len(name) + 2 for name in recorded)) + 2
    lines = [f"{name:{width}}{value}" for name, value in rows.items()]
    if recorded:  # apart, because anyone may write anything there
        lines += ["the file says:", *(f"  {k:{width - 2}}{v}" for k, v in recorded.items())]
    return "\n".join([*lines, "", *_costs(description)])


def _recorded(value: Any) -> str:
    return one_line(value if isinstance(value, str) else json_module.dumps(value))


def _setting(place: str, description: dict[str, Any]) -> str:
    """Show a value of the configuration, and whether option, file or preset gives it."""
    value = description["config"]
    for name in place.split("."):
        value = value[name]
    shown = ", ".join(f"{v:g}" for v in (value if isinstance(value, list | tuple) else [value]))
    recorded = description["recorded"]
    source = "file" if recorded is None or place in recorded else "preset"
    return f"{shown} ({'option' if place in description['settings'] else source})"


def _costs(description: dict[str, Any]) -> list[str]:
    if "parameters" not in description:
        return ["parameters and multiply-adds need PyTorch: pip install 'refinemask[torch]'"]
    weights, counted = description["parameters"], description["multiply_adds"]
    lines = [_row("", "parameters", "multiply-adds")]
    for part, count in counted["parts"].items():
        lines.append(_row(part, f"{weights[part] / 1e6:.2f} M", _giga(count)))
    for part, count in counted["mask_head"].items():
        lines.append(_row(f"  {part}", "", _giga(count)))
    everything = sum(counted["parts"].values())
    lines.append(_row("all", f"{sum(weights.values()) / 1e6:.2f} M", _giga(everything)))
    height, width = counted["size"]
    conditions = f"{counted['proposals']} proposals, {counted['rois']} masks"
    return [*lines, f"multiply-adds: of one padded {height}x{width} image, {conditions}"]


def _row(part: str, weights: str, count: str) -> str:
    return f"{part.replace('_', ' '):20}{weights:>14}{count:>16}".rstrip()


def _giga(count: int) -> str:
    return f"{count / 1e9:.2f} G"
