"""BatchedNMS against torchvision, with as many boxes as R50 has."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.ops import batched_nms

from refinemask.benchmarks.operators.case import HEIGHT, WIDTH, Case, random_boxes
from refinemask.benchmarks.operators.onnx_sessions import Arrays, Sessions


def proposals_case(sessions: Sessions, rng: np.random.Generator) -> Case:
    """1000 proposals of each of five levels, all of them candidates, of which 1000 are kept."""
    objects = random_boxes(rng, 300)
    boxes = np.stack([_around(rng, objects, 1000) for _ in range(5)], 1)
    scores = (rng.permutation(5000).reshape(1000, 5) / 5000).astype(np.float32)
    return _case(sessions, "5 levels × 1000", boxes, scores, 0.7, -1.0, 1000)


def detections_case(sessions: Sessions, rng: np.random.Generator, score_threshold: float) -> Case:
    """80 classes of 1000 proposals with softmax scores, of which 100 detections are kept."""
    boxes = np.stack([_around(rng, random_boxes(rng, 30), 1000) for _ in range(80)], 1)
    logits = torch.from_numpy(2.0 * rng.standard_normal((1000, 81), np.float32))
    scores = logits.softmax(1)[:, :80].numpy().copy()
    count = int((scores > score_threshold).sum())
    name = f"80 classes × 1000, {count} candidates"
    return _case(sessions, name, boxes, scores, 0.5, score_threshold, 100)


def _around(
    rng: np.random.Generator, objects: NDArray[np.float32], count: int
) -> NDArray[np.float32]:
    """Return boxes around random objects, with edges off by a tenth of the object's size."""
    chosen = objects[rng.integers(0, len(objects), count)]
    sizes = np.tile(chosen[:, 2:] - chosen[:, :2], 2)
    moved = chosen + 0.1 * sizes * rng.standard_normal(sizes.shape)
    return moved.clip(0, (WIDTH, HEIGHT, WIDTH, HEIGHT)).astype(np.float32)


def _case(
    sessions: Sessions,
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
        # Rounding of the group offsets decides a few boxes, and moves those after them.
        return len(np.setxor1d(places, theirs.numpy())) <= 0.02 * len(places)

    inputs: Arrays = {"boxes": boxes[None], "scores": scores[None]}
    ours = sessions.operator(
        "BatchedNMS",
        inputs,
        {"selected": "INT64", "num_selected": "INT64"},
        iou_threshold=iou_threshold,
        score_threshold=score_threshold,
        max_per_image=limit,
    )
    candidates = int((scores > score_threshold).sum())
    return Case(
        name=f"BatchedNMS, {name}",
        target=3.0,
        bytes=scores.nbytes + 16 * candidates + 24 * limit,
        ours=ours,
        baselines={"torchvision": torchvision},
        agree=same,
    )
