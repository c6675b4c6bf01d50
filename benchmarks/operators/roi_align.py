"""MultiScaleRoIAlign and BatchedNMS against torchvision and ONNX Runtime, at the sizes of R50."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import helper
from torch import Tensor
from torchvision.ops import batched_nms, roi_align

from refinemask.benchmarks.operators.case import (
    HEIGHT,
    OURS,
    WIDTH,
    Arrays,
    Case,
    Operators,
    random_boxes,
)
from refinemask.ops.multiscale_roi_align import assign_levels

PADDED_WIDTH = 1344
STRIDES = (4, 8, 16, 32)


def roi_align_case(
    operators: Operators,
    rng: np.random.Generator,
    levels: int,
    channels: int,
    size: int,
    count: int,
) -> Case:
    boxes = random_boxes(rng, count)
    rois = np.concatenate((np.zeros((count, 1), np.float32), boxes), 1)
    maps = [
        rng.standard_normal((1, channels, HEIGHT // s, PADDED_WIDTH // s), np.float32)
        for s in STRIDES[:levels]
    ]
    features = {f"features_{level}": feature for level, feature in enumerate(maps)}
    level_of = assign_levels(torch.from_numpy(boxes), levels).numpy()
    # The rivals get the RoIs of each level ready.
    chosen = [np.flatnonzero(level_of == level) for level in range(levels)]
    tensors = [torch.from_numpy(feature) for feature in maps]
    level_rois = [torch.from_numpy(rois[index]) for index in chosen]

    def torchvision() -> list[Tensor]:
        return [
            roi_align(feature, part, size, 1 / stride, 0, True)
            for feature, part, stride in zip(tensors, level_rois, STRIDES, strict=False)
        ]

    def same(ours: list[Any], theirs: list[Any]) -> bool:
        found = ours[0].numpy()
        parts = [part.numpy() for part in theirs]
        return all(
            np.allclose(found[index], part, atol=1e-5)
            for index, part in zip(chosen, parts, strict=True)
        )

    ours = operators.ours(
        "MultiScaleRoIAlign",
        {"rois": rois, **features},
        {"pooled": "FLOAT"},
        output_size=size,
        sampling_ratio=0,
        strides=STRIDES[:levels],
        finest_scale=56.0,
        aligned=1,
    )
    rivals = {
        "torchvision": torchvision,
        "onnxruntime": _runtimes(operators, rois, maps, chosen, size),
    }
    touched = sum(
        _touched(boxes[index] / np.float32(stride), feature.shape[2:])
        for index, feature, stride in zip(chosen, maps, STRIDES, strict=False)
    )
    where = "P2 to P5" if levels == 4 else "P2"
    return Case(
        f"MultiScaleRoIAlign, {count} RoIs of {size}×{size}, {channels} channels, {where}",
        3.0,
        4 * channels * (touched + count * size * size) + rois.nbytes,
        {OURS: ours, **rivals},
        same,
    )


def _runtimes(
    operators: Operators,
    rois: NDArray[np.float32],
    maps: Sequence[NDArray[np.float32]],
    chosen: Sequence[NDArray[np.int64]],
    size: int,
) -> Callable[[], list[Any]]:
    """Return ONNX Runtime's own RoiAlign, a node a level."""
    nodes: list[Any] = []
    inputs: Arrays = {}
    for level, (feature, index) in enumerate(zip(maps, chosen, strict=True)):
        names = [f"features_{level}", f"rois_{level}", f"images_{level}"]
        values = (feature, rois[index, 1:], np.zeros(len(index), np.int64))
        inputs.update(zip(names, values, strict=True))
        nodes.append(
            helper.make_node(
                "RoiAlign",
                names,
                [f"pooled_{level}"],
                output_height=size,
                output_width=size,
                sampling_ratio=0,
                spatial_scale=1 / STRIDES[level],
                coordinate_transformation_mode="half_pixel",
            )
        )
    return operators.runner(
        nodes, inputs, {f"pooled_{level}": "FLOAT" for level in range(len(maps))}
    )


def _touched(boxes: NDArray[np.float32], shape: tuple[int, ...]) -> int:
    """Count the cells of a map that at least one of the boxes, in cells, covers."""
    covered = np.zeros(shape, bool)
    for x1, y1, x2, y2 in boxes:
        covered[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))] = True
    return int(covered.sum())


def proposals_case(operators: Operators, rng: np.random.Generator) -> Case:
    """1000 proposals of each of five levels, all of them candidates, of which 1000 are kept."""
    objects = random_boxes(rng, 300)
    boxes = np.stack([_around(rng, objects, 1000) for _ in range(5)], 1)
    scores = (rng.permutation(5000).reshape(1000, 5) / 5000).astype(np.float32)
    return _nms(operators, "5 levels × 1000", boxes, scores, 0.7, -1.0, 1000)


def detections_case(operators: Operators, rng: np.random.Generator, everything: bool) -> Case:
    """80 classes of 1000 proposals: softmax scores above 0.05, or all of them, for 100 kept."""
    boxes = np.stack([_around(rng, random_boxes(rng, 30), 1000) for _ in range(80)], 1)
    logits = torch.from_numpy(2.0 * rng.standard_normal((1000, 81), np.float32))
    scores = logits.softmax(1)[:, :80].numpy().copy()
    threshold = -1.0 if everything else 0.05
    count = int((scores > threshold).sum())
    name = f"80 classes × 1000, {count} candidates"
    return _nms(operators, name, boxes, scores, 0.5, threshold, 100)


def _around(
    rng: np.random.Generator, objects: NDArray[np.float32], count: int
) -> NDArray[np.float32]:
    """Return boxes that miss one of the objects by a tenth of its size."""
    chosen = objects[rng.integers(0, len(objects), count)]
    sizes = np.tile(chosen[:, 2:] - chosen[:, :2], 2)
    moved = chosen + 0.1 * sizes * rng.standard_normal(sizes.shape)
    return moved.clip(0, (WIDTH, HEIGHT, WIDTH, HEIGHT)).astype(np.float32)


def _nms(
    operators: Operators,
    name: str,
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    iou_threshold: float,
    score_threshold: float,
    limit: int,
) -> Case:
    groups = scores.shape[1]
    all_boxes, all_scores = torch.from_numpy(boxes).reshape(-1, 4), torch.from_numpy(scores).ravel()

    def torchvision() -> Tensor:
        candidates = torch.nonzero(all_scores > score_threshold)[:, 0]
        kept = batched_nms(
            all_boxes[candidates], all_scores[candidates], candidates % groups, iou_threshold
        )
        return candidates[kept[:limit]]

    def same(ours: list[Any], theirs: Tensor) -> bool:
        selected = ours[0].numpy()
        places = selected[:, 1] * groups + selected[:, 2]
        # Rounding the offsets of the groups decides a few, and from there on the places differ.
        return len(np.setxor1d(places, theirs.numpy())) <= 0.02 * len(places)

    inputs: Arrays = {"boxes": boxes[None], "scores": scores[None]}
    ours = operators.ours(
        "BatchedNMS",
        inputs,
        {"selected": "INT64", "num_selected": "INT64"},
        iou_threshold=iou_threshold,
        score_threshold=score_threshold,
        max_per_image=limit,
    )
    candidates = int((scores > score_threshold).sum())
    return Case(
        f"BatchedNMS, {name}",
        3.0,
        scores.nbytes + 16 * candidates + 24 * limit,
        {OURS: ours, "torchvision": torchvision},
        same,
    )
