"""Detections to measure evaluators with, made from annotations without a model."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refinemask.data.masks import parse_segmentation
from refinemask.inference.rle import encode_rle

PER_IMAGE = 100
GOOD_COPIES = 2
"""Copies of each annotation that stay near it; those after them move far away."""


def perturbed_truth(truth: dict[str, Any], seed: int = 0) -> list[dict[str, Any]]:
    """Make `PER_IMAGE` detections for each image that has an annotation.

    They are copies of its annotations in turn, grown or shrunk by up to 2 pixels and moved: the
    first two copies of an annotation by up to 4 pixels, later ones by up to 60. 30 % get a random
    class. Scores are random.

    Args:
        truth: a COCO dataset.
        seed: of the random numbers.

    Returns:
        COCO results.
    """
    rng = np.random.default_rng(seed)
    categories = [category["id"] for category in truth["categories"]]
    by_image: dict[Any, list[dict[str, Any]]] = {}
    for annotation in truth["annotations"]:
        if not annotation["iscrowd"]:
            by_image.setdefault(annotation["image_id"], []).append(annotation)
    results = []
    for image in truth["images"]:
        annotations = by_image.get(image["id"], [])
        masks = [_bitmap(one, image["height"], image["width"]) for one in annotations]
        for number in range(PER_IMAGE if annotations else 0):
            place = number % len(annotations)
            reach = 4 if number < GOOD_COPIES * len(annotations) else 60
            mask = _perturb(masks[place], reach, rng)
            random_class = rng.random() < 0.3
            results.append(
                {
                    "image_id": image["id"],
                    "category_id": int(rng.choice(categories))
                    if random_class
                    else annotations[place]["category_id"],
                    "score": float(rng.random()),
                    "segmentation": encode_rle(mask),
                }
            )
    return results


def _bitmap(annotation: dict[str, Any], height: int, width: int) -> NDArray[np.uint8]:
    mask = parse_segmentation(annotation["segmentation"], height, width)
    if mask is None:
        return np.zeros((height, width), np.uint8)
    return mask.to_bitmap(height, width)


def _perturb(mask: NDArray[np.uint8], reach: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    dx, dy = rng.integers(-reach, reach + 1, 2).tolist()
    shift = np.array([[1, 0, dx], [0, 1, dy]], np.float64)
    moved = cv2.warpAffine(mask, shift, (mask.shape[1], mask.shape[0]), flags=cv2.INTER_NEAREST)
    change = cv2.dilate if rng.random() < 0.5 else cv2.erode
    return change(moved, np.ones(rng.integers(1, 6, 2), np.uint8)).astype(bool)
