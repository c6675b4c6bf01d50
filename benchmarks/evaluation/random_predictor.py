"""A predictor that needs no model: it returns random masks."""

import cv2
import numpy as np
from numpy.typing import NDArray

from refinemask.inference.rle import encode_rle
from refinemask.inference.structures import Detections, MaskFormat

MASKS = 200
"""Number of different masks; the detections of an image are drawn from them."""


class RandomPredictor:
    """Finds random blobs, encoded anew for each image as those of a model would be."""

    def __init__(self, class_names: tuple[str, ...], size: tuple[int, int], count: int) -> None:
        """Prepare masks for images of `size` (height, width) with `count` detections each."""
        self.class_names = class_names
        self.category_ids = tuple(range(1, len(class_names) + 1))
        self._count = count
        self._rng = np.random.default_rng(0)
        self._masks = [_blob(size, self._rng) for _ in range(MASKS)]

    def predict(
        self,
        image: NDArray[np.uint8],
        masks: MaskFormat = "bitmap",
        score_threshold: float = 0.0,
        max_detections: int | None = None,
    ) -> Detections:
        """Return the same number of detections for every image, always with encoded masks."""
        chosen = self._rng.integers(0, MASKS, self._count).tolist()
        boxes = self._rng.uniform(0, 200, (self._count, 4)).astype(np.float32)
        boxes[:, 2:] += boxes[:, :2]
        return Detections(
            boxes,
            np.sort(self._rng.random(self._count).astype(np.float32))[::-1],
            self._rng.integers(0, len(self.class_names), self._count),
            [encode_rle(self._masks[one]) for one in chosen],
            (image.shape[0], image.shape[1]),
        )


def _blob(size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.bool_]:
    noise = cv2.GaussianBlur(rng.normal(size=size), (0, 0), 20)
    return noise > np.quantile(noise, 0.9)
