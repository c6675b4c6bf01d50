"""Run a folder of images in batches and write COCO results.

    python batch.py refinemask.onnx photos/ results.json --batch-size 4

Only images of equal padded size belong into one batch: the padding has an influence on the results.
Needs refinemask[runtime], not PyTorch.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

import numpy as np
import typer

import refinemask
from refinemask.engines import Engine
from refinemask.inference.images import list_images
from refinemask.inference.processing import Prepared, postprocess
from refinemask.inference.results import to_coco_results

Named = tuple[str, Prepared]
"""The name of an image, and the image as the network takes it."""


def main(artifact: Path, photos: Path, results: Path, batch_size: int = 4) -> None:
    engine = refinemask.engines.open(artifact)
    found = []
    for batch in batches(engine, photos, batch_size):
        found += run(engine, batch)
    results.write_text(json.dumps(found), encoding="utf-8")
    typer.echo(f"wrote {len(found)} detections to {results}")


def batches(engine: Engine, photos: Path, batch_size: int) -> Iterator[list[Named]]:
    """Yield up to `batch_size` images of equal padded size at a time."""
    waiting: defaultdict[tuple[int, ...], list[Named]] = defaultdict(list)
    for path in list_images([photos]):
        prepared = engine.prepare(refinemask.load_image(path))
        group = waiting[prepared.image.shape]
        group.append((path.name, prepared))
        if len(group) == batch_size:
            yield group.copy()
            group.clear()
    yield from filter(None, waiting.values())


def run(engine: Engine, batch: list[Named]) -> list[dict[str, object]]:
    """Return the COCO results of a batch."""
    images = np.stack([prepared.image for _, prepared in batch])
    sizes = np.array([prepared.size for _, prepared in batch], np.int64)
    outputs = engine.run(images, sizes)
    results = []
    for index, (name, prepared) in enumerate(batch):
        own = outputs.map(itemgetter(outputs.image_index == index))
        results += to_coco_results(postprocess(own, prepared, "rle"), name, engine.category_ids)
    return results


if __name__ == "__main__":
    typer.run(main)
