"""How much memory an evaluation takes, without a model.

`python -m refinemask.benchmarks.evaluation_memory` evaluates made-up detections on generated images
and prints the peak of its resident memory before, while predicting, and after measuring.
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from refinemask.benchmarks.memory import peak_resident
from refinemask.data.dataset import open_dataset
from refinemask.evaluation import PredictionLog, describe_images, evaluate
from refinemask.rle import encode_rle
from refinemask.structures import Detections, MaskFormat

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


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m refinemask.benchmarks.evaluation_memory")
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--detections", type=int, default=100, help="in each image")
    parser.add_argument("--output", type=Path, help="write predictions there too")
    arguments = parser.parse_args()
    dataset = open_dataset(f"shapes:{arguments.images}")
    first = dataset.load_image(0)
    height, width = first.shape[:2]
    predictor = MadeUpPredictor(dataset.class_names, (height, width), arguments.detections)
    log = None
    if arguments.output is not None:
        made_by = {"dataset": describe_images(dataset, None)}
        log = PredictionLog(arguments.output, made_by, resume=False)
    _say("before", peak_resident())
    peaks = [0]

    def follow(done: int, total: int) -> None:
        peaks[0] = peak_resident()

    if log is None:
        found = evaluate(predictor, dataset, progress=follow)
    else:
        with log:
            found = evaluate(predictor, dataset, progress=follow, log=log)
    _say("after predicting", peaks[0])
    _say("after measuring", peak_resident())
    bitmaps = arguments.images * arguments.detections * height * width
    sys.stdout.write(
        f"{found['images']} images of {height} x {width}, {arguments.detections} detections each; "
        f"as bitmaps their masks would take {bitmaps / 2**30:.1f} GiB\n"
    )


def _say(when: str, size: int) -> None:
    sys.stdout.write(f"peak memory {when}: {size / 2**20:.0f} MiB\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _main()
