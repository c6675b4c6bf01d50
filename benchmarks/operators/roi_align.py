"""MultiScaleRoIAlign against torchvision and ONNX Runtime, at the sizes of R50."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import helper
from torch import Tensor
from torchvision.ops import roi_align

from refinemask.benchmarks.operators.case import HEIGHT, Case, random_boxes
from refinemask.benchmarks.operators.onnx_sessions import Arrays, Sessions
from refinemask.ops.levels import assign_levels

PADDED_WIDTH = 1344
STRIDES = (4, 8, 16, 32)


def roi_align_case(
    sessions: Sessions,
    rng: np.random.Generator,
    levels: int,
    channels: int,
    size: int,
    count: int,
) -> Case:
    """`count` RoIs pooled to `size` × `size` from the first `levels` maps."""
    boxes = random_boxes(rng, count)
    rois = np.concatenate((np.zeros((count, 1), np.float32), boxes), 1)
    maps = [
        rng.standard_normal((1, channels, HEIGHT // s, PADDED_WIDTH // s), np.float32)
        for s in STRIDES[:levels]
    ]
    features = {f"features_{level}": feature for level, feature in enumerate(maps)}
    level_of = assign_levels(torch.from_numpy(boxes), levels).numpy()
    # The baselines get the RoIs already divided among the levels.
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

    ours = sessions.operator(
        "MultiScaleRoIAlign",
        {"rois": rois, **features},
        {"pooled": "FLOAT"},
        output_size=size,
        sampling_ratio=0,
        strides=STRIDES[:levels],
        finest_scale=56.0,
        aligned=1,
    )
    touched = sum(
        _touched(boxes[index] / np.float32(stride), feature.shape[2:])
        for index, feature, stride in zip(chosen, maps, STRIDES, strict=False)
    )
    where = "P2 to P5" if levels == 4 else "P2"
    return Case(
        name=f"MultiScaleRoIAlign, {count} RoIs of {size}×{size}, {channels} channels, {where}",
        target=3.0,
        bytes=4 * channels * (touched + count * size * size) + rois.nbytes,
        ours=ours,
        baselines={
            "torchvision": torchvision,
            "onnxruntime": _standard_roi_align(sessions, rois, maps, chosen, size),
        },
        agree=same,
    )


def _standard_roi_align(
    sessions: Sessions,
    rois: NDArray[np.float32],
    maps: Sequence[NDArray[np.float32]],
    chosen: Sequence[NDArray[np.int64]],
    size: int,
) -> Callable[[], list[Any]]:
    """Return ONNX's RoiAlign in ONNX Runtime, with one node for each level."""
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
    return sessions.graph(nodes, inputs, {f"pooled_{level}": "FLOAT" for level in range(len(maps))})


def _touched(boxes: NDArray[np.float32], shape: tuple[int, ...]) -> int:
    """Count the cells of a map that at least one of the boxes, in cells, covers."""
    covered = np.zeros(shape, bool)
    for x1, y1, x2, y2 in boxes:
        covered[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))] = True
    return int(covered.sum())
