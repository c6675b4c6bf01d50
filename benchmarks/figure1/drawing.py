"""The pictures of Figure 1: the bar chart, and crops of photographs side by side."""

import json
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from refinemask.benchmarks.figure1.measure import Crop
from refinemask.evaluation.regions import Mask
from refinemask.files import atomic_path, write_text
from refinemask.inference.drawing import Image
from refinemask.inference.images import save_image

COLOURS = {"Mask R-CNN": "#9aa5b1", "RefineMask": "#d1495b", "DeepLabV3+": "#3d6f96"}
_OTHER_COLOURS = ("#edae49", "#00798c", "#66a182", "#8d6a9f")
_CELL = 216
_GAP = 6
_INK = (255, 0, 140)  # rare in photographs
_FILL = 0.3
_LINE_WIDTH = 4
"""Width of the outlines, which lie inside the masks, in half pixels of a cell."""


def write_figure1(figures: dict[str, Any], crops: Sequence[Crop], output: Path) -> None:
    """Write `figure1.json`, `figure1.png` and, if there are crops, `figure1_crops.jpg` to a folder.

    Args:
        figures: what `measure` returned, with `dataset` and `score_threshold`.
        crops: what `measure` returned.
        output: the folder; created if needed.

    Raises:
        RefineMaskError: the folder cannot be written.
    """
    draw_chart(figures, output / "figure1.png")
    if crops:
        names = [model["name"] for model in figures["models"]]
        save_image(output / "figure1_crops.jpg", draw_crops(crops, names))
    write_text(output / "figure1.json", json.dumps(figures, indent=2) + "\n")


def draw_chart(figures: dict[str, Any], path: Path) -> None:
    """Draw the accuracies in both regions as bars, as PNG.

    Args:
        figures: what `measure` returned, with `score_threshold` and `dataset`.
        path: written atomically.
    """
    models = figures["models"]
    picture = Figure(figsize=(7.2, 4.6), dpi=140)
    axes = picture.add_axes((0.1, 0.29, 0.87, 0.62))
    breadth = 0.8 / len(models)
    for number, (model, colour) in enumerate(zip(models, _colours(models), strict=True)):
        heights = [100 * model[region]["accuracy"] for region in ("boundary", "non_boundary")]
        places = [group + (number - (len(models) - 1) / 2) * breadth for group in range(2)]
        bars = axes.bar(places, heights, 0.92 * breadth, color=colour, label=model["name"])
        axes.bar_label(bars, fmt="%.1f", padding=2, fontsize=10)
    axes.set_xticks(range(2), ["boundary region", "non-boundary region"], fontsize=11)
    axes.set_ylabel("pixels classified correctly (%)")
    low = _floor(models)
    axes.set_ylim(low, 100 + 0.06 * (100 - low))
    axes.yaxis.grid(True, color="#dddddd")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1.01),
        ncols=len(models),
        frameon=False,
        fontsize=10,
    )
    picture.text(0.06, 0.19, _caption(figures, low), fontsize=8, color="#444444", va="top")
    FigureCanvasAgg(picture)
    with atomic_path(path) as temporary:
        # No date and no version inside: equal figures give equal files.
        picture.savefig(temporary, format="png", metadata={"Software": None})


def draw_crops(crops: Sequence[Crop], names: Sequence[str]) -> Image:
    """Draw each crop as a row: photograph, ground truth and foregrounds, with titles on top.

    Args:
        crops: at least one.
        names: of the models, in the order of the crops' masks after the ground truth.

    Returns:
        uint8 RGB.
    """
    rows = [[_title(name) for name in ("photograph", "ground truth", *names)]]
    rows += [
        [_cell(crop.image, None), *(_cell(crop.image, mask) for mask in crop.masks)]
        for crop in crops
    ]
    pad = ((0, _GAP), (0, _GAP), (0, 0))
    padded = [[np.pad(cell, pad, constant_values=255) for cell in row] for row in rows]
    return np.concatenate([np.concatenate(row, axis=1) for row in padded])[:-_GAP, :-_GAP]


def _colours(models: Sequence[dict[str, Any]]) -> list[str]:
    spare = iter(_OTHER_COLOURS * len(models))
    return [COLOURS.get(model["name"]) or next(spare) for model in models]


def _floor(models: Sequence[dict[str, Any]]) -> float:
    """Start the axis at 50 %, the accuracy of guessing, unless a bar is lower."""
    lowest = min(
        model[region]["accuracy"] for model in models for region in ("boundary", "non_boundary")
    )
    return 50.0 if lowest > 0.55 else 0.0


def _caption(figures: dict[str, Any], low: float) -> str:
    minimum, median, maximum = figures["width_pixels"]
    kinds = {model["kind"] for model in figures["models"]}
    rules = []
    if "instance" in kinds:
        rules.append(f"the union of detections with score ≥ {figures['score_threshold']:g}")
    if "semantic" in kinds:
        rules.append("for DeepLabV3+ the pixels with probability ≥ 0.5")
    text = (
        f"Foreground against background in {figures['images']} images of {figures['dataset']} "
        f"({', '.join(figures['classes'][:3])}{', ...' if len(figures['classes']) > 3 else ''}), "
        "pixels of all images pooled. Boundary region: within "
        f"{100 * figures['width']:g} % of the image's diagonal ({minimum} to {maximum} pixels, "
        f"median {median}) of the ground truth's contour, on both sides; non-boundary region: the "
        f"rest of each image. A model's foreground is {', '.join(rules)}. "
        f"The axis starts at {low:g} %."
    )
    return textwrap.fill(text, 112)


def _title(text: str) -> Image:
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.6
    (width, height), _ = cv2.getTextSize(text, font, size, 1)
    size *= min(_CELL / width, 1)
    bar = np.full((2 * height, _CELL, 3), 255, np.uint8)
    origin, ink = (0, round(1.5 * height)), (30, 30, 30)
    cv2.putText(bar, text, origin, font, size, ink, 1, cv2.LINE_AA)
    return bar


def _cell(image: Image, mask: Mask | None) -> Image:
    """Draw a mask, filled and outlined, on a photograph; drawn larger first, for smooth edges."""
    size = (2 * _CELL, 2 * _CELL)
    picture = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    if mask is not None:
        fine = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR) >= 0.5
        depth = cv2.distanceTransform(fine.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
        opacity = (np.where(depth > _LINE_WIDTH, _FILL, 1) * fine)[..., None]
        picture = np.rint(picture + opacity * (np.array(_INK) - picture)).astype(np.uint8)
    return cv2.resize(picture, (_CELL, _CELL), interpolation=cv2.INTER_AREA).astype(np.uint8)
