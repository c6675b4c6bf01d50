"""Run a folder of images in batches and write COCO results.

    python batch.py refinemask.onnx photos/ results.json --batch-size 4

Only images of equal padded size run as one batch: the padding has an influence on the results.
Needs refinemask[runtime], not PyTorch.
"""

import json
from pathlib import Path

import typer

import refinemask
from refinemask.inference.images import list_images
from refinemask.inference.results import to_coco_results

AT_ONCE = 64
"""Images that are grouped at a time: more of them fill more batches, and need more memory."""


def main(artifact: Path, photos: Path, results: Path, batch_size: int = 4) -> None:
    engine = refinemask.engines.open(artifact)
    paths = list_images([photos])
    found = []
    for start in range(0, len(paths), AT_ONCE):
        part = paths[start : start + AT_ONCE]
        images = (refinemask.load_image(path) for path in part)
        predicted = engine.predict_batch(images, masks="rle", batch_size=batch_size)
        for path, detections in zip(part, predicted, strict=True):
            found += to_coco_results(detections, path.name, engine.category_ids)
    results.write_text(json.dumps(found), encoding="utf-8")
    typer.echo(f"wrote {len(found)} detections to {results}")


if __name__ == "__main__":
    typer.run(main)
