"""How much memory an evaluation takes, without a model.

`python -m refinemask.benchmarks.evaluation.memory` evaluates made-up detections on generated images
and prints the peak of its resident memory before, while predicting, and after measuring.
"""

import argparse
import json
import sys
from contextlib import nullcontext
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from refinemask.benchmarks.latency.peak_memory import peak_resident
from refinemask.data.open import open_dataset
from refinemask.evaluation import PredictionLog, describe_images, evaluate
from refinemask.inference.rle import encode_rle
from refinemask.inference.structures import Detections, MaskFormat

_BLOBS = 200
"""Different masks; the detections of an image are drawn from them."""


class MadeUpPredictor:
    """Find random blobs, as encodings made anew for each image as a model would make them."""

    def __init__(self, class_names: tuple[str, ...], size: tuple[int, int], count: int) -> None:
        self.class_names = class_names
        self.category_ids = tuple(range(1, len(class_names) + 1))
        self._count = count
        self._rng = np.random.default_rng(0)
        self._masks = [_blob(size, self._rng) for _ in range(_BLOBS)]

    def predict(
        self,
        image: NDArray[np.uint8],
        masks: MaskFormat = "bitmap",
        score_threshold: float = 0.0,
        max_detections: int | None = None,
    ) -> Detections:
        """Return the same number of detections for every image."""
        chosen = self._rng.integers(0, _BLOBS, self._count).tolist()
        corners = self._rng.uniform(0, 200, (self._count, 4)).astype(np.float32)
        corners[:, 2:] += corners[:, :2]
        return Detections(
            corners,
            np.sort(self._rng.random(self._count).astype(np.float32))[::-1],
            self._rng.integers(0, len(self.class_names), self._count),
            [encode_rle(self._masks[one]) for one in chosen],
            (image.shape[0], image.shape[1]),
        )


def _blob(size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.bool_]:
    noise = cv2.GaussianBlur(rng.normal(size=size), (0, 0), 20)
    return noise > np.quantile(noise, 0.9)


def measure(images: int, detections: int, output: Path | None = None) -> dict[str, int]:
    """Evaluate made-up detections on generated images in this process.

    Args:
        images: how many.
        detections: in each image.
        output: folder to write predictions to; None keeps them in memory only.

    Returns:
        `images`; the peak of the process's resident memory in bytes before the evaluation,
        `before_bytes`, after the last prediction, `predicted_bytes`, and at the end,
        `measured_bytes`; and what the masks would take as bitmaps, `bitmap_bytes`.
    """
    dataset = open_dataset(f"shapes:{images}")
    height, width = dataset.load_image(0).shape[:2]
    predictor = MadeUpPredictor(dataset.class_names, (height, width), detections)
    log = None
    if output is not None:
        log = PredictionLog(output, {"dataset": describe_images(dataset, None)}, resume=False)
    before = predicted = peak_resident()

    def follow(done: int, total: int) -> None:
        nonlocal predicted
        if done == total:
            predicted = peak_resident()

    with log or nullcontext():
        found = evaluate(predictor, dataset, progress=follow, log=log)
    return {
        "images": found["images"],
        "before_bytes": before,
        "predicted_bytes": predicted,
        "measured_bytes": peak_resident(),
        "bitmap_bytes": images * detections * height * width,
    }


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m refinemask.benchmarks.evaluation.memory")
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--detections", type=int, default=100, help="in each image")
    parser.add_argument("--output", type=Path, help="write predictions there too")
    parser.add_argument("--json", action="store_true", help="print bytes as JSON")
    arguments = parser.parse_args()
    found = measure(arguments.images, arguments.detections, arguments.output)
    if arguments.json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    mebibytes = {name: size // 2**20 for name, size in found.items()}
    sys.stdout.write(
        f"{arguments.images} images, {arguments.detections} detections each\n"
        f"peak memory before the evaluation: {mebibytes['before_bytes']} MiB\n"
        f"                  after predicting: {mebibytes['predicted_bytes']} MiB\n"
        f"                   after measuring: {mebibytes['measured_bytes']} MiB\n"
        f"the masks as bitmaps would take:    {mebibytes['bitmap_bytes']} MiB\n"
    )


if __name__ == "__main__":
    _main()
