"""Pixel accuracy of models near outlines and elsewhere: the figures of RefineMask's Figure 1."""

import heapq
import itertools
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinemask.benchmarks.figure1.segmenters import Segmenter
from refinemask.benchmarks.report.disputed_region import disputed_region
from refinemask.data.dataset import InstanceDataset
from refinemask.data.masks import parse_segmentation
from refinemask.errors import RefineMaskError
from refinemask.evaluation.regions import Counts, Mask, boundary_region, count, region_distance
from refinemask.inference.drawing import Image

WIDTH = 0.02
"""Width of the boundary region on either side of the contour, in image diagonals (boundary AP)."""
WIDTHS = (0.005, 0.01, 0.02, 0.04)
"""Other widths to report, which show how much the result depends on it."""
REGIONS = ("boundary", "non_boundary")

_CROP_SHARE = 0.3
"""Side of a crop relative to the longer side of its image."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Crop:
    """Part of an image in which the models differ along outlines.

    Attributes:
        image_id: identifier of the image in the dataset.
        box: left, top, right, bottom in pixels of the image; the last two are exclusive.
        disputed: number of its pixels in the boundary region on which the models differ.
        image: uint8 RGB (h, w, 3).
        masks: bool (h, w) each: the ground truth, then the foreground of each model.
    """

    image_id: int | str
    box: tuple[int, int, int, int]
    disputed: int
    image: Image
    masks: tuple[Mask, ...]


def measure(
    segmenters: Sequence[Segmenter],
    dataset: InstanceDataset,
    width: float = WIDTH,
    crops: int = 4,
    progress: Progress | None = None,
) -> tuple[dict[str, Any], list[Crop]]:
    """Count right and wrong pixels of every model in both regions of every image.

    The boundary region surrounds the contour of the union of an image's instances; the other
    region is the rest of the image. Crowd regions are ignored. Pixels of all images are pooled.

    Args:
        segmenters: the models.
        dataset: the images; its classes are the foreground.
        width: width of the boundary region on either side of the contour, in image diagonals.
        crops: number of crops to return, from the images in which the models differ most.
        progress: called after each image with the number done and the total.

    Returns:
        The figures as JSON values, and the crops.

    Raises:
        RefineMaskError: the width is out of its range, or the dataset has no image or no instance.
    """
    annotations = _by_image(dataset)
    if not any(not entry["iscrowd"] for entries in annotations.values() for entry in entries):
        raise RefineMaskError(
            f"none of the {len(dataset)} images has an instance of "
            f"{', '.join(dataset.class_names[:5])}, so there are no outlines to measure; "
            "use an annotated dataset"
        )
    tally = _Tally([segmenter.name for segmenter in segmenters], width)
    per_image: list[dict[str, Any]] = []
    best: list[tuple[int, int, Crop]] = []
    for index, image_id in enumerate(dataset.image_ids):
        image = dataset.load_image(index)
        truth, counted = _ground_truth(annotations.get(image_id, []), *image.shape[:2])
        found = [segmenter.foreground(image, dataset.class_names) for segmenter in segmenters]
        per_image.append({"image_id": image_id} | tally.add(truth, counted, found))
        crop = _crop(image, image_id, [truth, *found], tally.last_boundary)
        heapq.heappush(best, (crop.disputed, -index, crop))
        if len(best) > crops:
            heapq.heappop(best)
        if progress is not None:
            progress(index + 1, len(dataset))
    kept = [crop for _, _, crop in sorted(best, key=lambda entry: entry[:2], reverse=True)]
    figures = {
        "images": len(per_image),
        "classes": list(dataset.class_names),
        "width": width,
        "width_pixels": tally.width_pixels(),
        "models": [
            {"name": s.name, "source": s.source, "kind": s.kind} | tally.figures(s.name)
            for s in segmenters
        ],
        "crops": [
            {"image_id": crop.image_id, "box": crop.box, "disputed": crop.disputed} for crop in kept
        ],
        "per_image": per_image,
    }
    return figures, kept


def table(figures: dict[str, Any]) -> str:
    """Return the figures as text."""
    lines = [f"{'':<16}{'boundary region':>22}{'non-boundary region':>22}"]
    lines.append(f"{'':<16}" + f"{'accuracy':>14}{'IoU':>8}" * 2)
    for model in figures["models"]:
        cells = (f"{model[r]['accuracy']:>14.4f}{model[r]['iou']:>8.4f}" for r in REGIONS)
        lines.append(f"{model['name']:<16}{''.join(cells)}  {model['source']}")
    return "\n".join(lines)


class _Tally:
    """The pixels counted so far, by model, width of the boundary region, and region."""

    def __init__(self, names: Sequence[str], width: float) -> None:
        self.names = names
        self.width = width
        self.widths = sorted({width, *WIDTHS})
        keys = itertools.product(names, self.widths, REGIONS)
        self.totals = {key: Counts() for key in keys}
        self.distances: list[int] = []
        self.last_boundary: Mask = np.zeros((0, 0), bool)

    def add(self, truth: Mask, counted: Mask, found: Sequence[Mask]) -> dict[str, dict[str, float]]:
        """Count one image; return the accuracy of each model in each region of the main width."""
        accuracy: dict[str, dict[str, float]] = {region: {} for region in REGIONS}
        height, length = truth.shape
        for width in self.widths:
            distance = region_distance(height, length, width)
            near = boundary_region(truth, distance)
            parts = dict(zip(REGIONS, (near & counted, ~near & counted), strict=True))
            for name, mask in zip(self.names, found, strict=True):
                for region, pixels in parts.items():
                    counts = count(mask, truth, pixels)
                    self.totals[name, width, region] += counts
                    if width == self.width:
                        accuracy[region][name] = counts.accuracy
            if width == self.width:
                self.distances.append(distance)
                self.last_boundary = parts["boundary"]
        return accuracy

    def width_pixels(self) -> list[int]:
        """Return the minimum, median and maximum of the main width in pixels."""
        median = round(statistics.median(self.distances))
        return [min(self.distances), median, max(self.distances)]

    def figures(self, name: str) -> dict[str, Any]:
        """Return the figures of a model as JSON values.

        Raises:
            RefineMaskError: a region has no pixel.
        """
        by_width: list[dict[str, Any]] = []
        for width in self.widths:
            counts = {region: self.totals[name, width, region].to_dict() for region in REGIONS}
            by_width.append({"width": width, **counts})
        main = by_width[self.widths.index(self.width)]
        if any(main[region]["pixels"] == 0 for region in REGIONS):
            raise RefineMaskError(
                f"a width of {self.width} diagonals leaves no pixel in one of the regions; "
                f"choose a smaller one, such as {WIDTH}"
            )
        return {region: main[region] for region in REGIONS} | {"by_width": by_width}


def _by_image(dataset: InstanceDataset) -> dict[Any, list[dict[str, Any]]]:
    found: dict[Any, list[dict[str, Any]]] = {}
    for annotation in dataset.ground_truth["annotations"]:
        found.setdefault(annotation["image_id"], []).append(annotation)
    return found


def _ground_truth(
    annotations: Sequence[dict[str, Any]], height: int, width: int
) -> tuple[Mask, Mask]:
    """Return the union of an image's instances and the pixels to count, bool (H, W) each.

    Pixels of a crowd are ignored unless an instance covers them.
    """
    union = {False: np.zeros((height, width), bool), True: np.zeros((height, width), bool)}
    for annotation in annotations:
        try:
            mask = parse_segmentation(annotation["segmentation"], height, width)
        except RefineMaskError as error:
            raise RefineMaskError(f"annotation {annotation['id']}: {error}") from error
        if mask is not None:
            union[bool(annotation["iscrowd"])] |= mask.to_bitmap(height, width).astype(bool)
    return union[False], union[False] | ~union[True]


def _crop(image: Image, image_id: int | str, masks: Sequence[Mask], region: Mask) -> Crop:
    """Cut out the square whose boundary region the models dispute most; the truth is `masks[0]`."""
    height, width = region.shape
    side = min(max(round(_CROP_SHARE * max(height, width)), 32), height, width)
    weights: NDArray[np.float32] = region.astype(np.float32)
    left, top = disputed_region(masks[1:], weights, (side, side))
    window = slice(top, top + side), slice(left, left + side)
    cut = [mask[window] for mask in masks]
    differing = np.logical_or.reduce(cut[1:]) ^ np.logical_and.reduce(cut[1:])
    disputed = int((differing & region[window]).sum())
    box = (left, top, left + side, top + side)
    return Crop(image_id, box, disputed, image[window], tuple(cut))
