"""What the predictions of an evaluation depend on."""

import hashlib
import json
from typing import Any

from refinemask.data.dataset import EvaluationDataset
from refinemask.inference.prediction_log import FILE_NAME, PredictionLog

__all__ = ["FILE_NAME", "PredictionLog", "describe_images"]


def describe_images(dataset: EvaluationDataset, limit: int | None) -> dict[str, Any]:
    """Return what predictions on a dataset depend on: its images and its classes, as a hash.

    Args:
        dataset: any; its annotations may change without a change of the hash.
        limit: only the first so many images; None for all.
    """
    image_ids = list(dataset.image_ids)[:limit]
    sizes = {image["id"]: image for image in dataset.ground_truth["images"]}
    digest = hashlib.sha256()
    digest.update(json.dumps([dataset.class_names, dataset.category_ids]).encode())
    for image_id in image_ids:
        image = sizes[image_id]
        name = image.get("file_name", image.get("coco_url"))
        digest.update(json.dumps([image_id, name, image["height"], image["width"]]).encode())
    return {"images": len(image_ids), "sha256": digest.hexdigest()}
