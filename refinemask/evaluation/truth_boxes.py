"""Masks for the boxes of the annotations, which measure a mask head without its detector."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinemask.data.dataset import EvaluationDataset
from refinemask.errors import RefineMaskError
from refinemask.inference.structures import Detections, Predictor, Segmenter


class TruthBoxes:
    """Segments the annotated objects of a dataset's images, given their boxes and classes."""

    def __init__(
        self,
        predictor: Predictor,
        dataset: EvaluationDataset,
        category_ids: Sequence[int | None],
    ) -> None:
        """Take the boxes, crowds left out.

        Args:
            predictor: a model, or an engine of an artifact that takes boxes.
            dataset: the annotations.
            category_ids: of the dataset, for each label of the predictor; None where it has none.

        Raises:
            RefineMaskError: the predictor cannot segment given boxes.
        """
        if not isinstance(predictor, Segmenter):
            raise RefineMaskError(
                "masks of ground-truth boxes need a predictor with the method segment, got a "
                f"{type(predictor).__name__}"
            )
        self._segmenter = predictor
        label_of = {id_: label for label, id_ in enumerate(category_ids) if id_ is not None}
        self._found: defaultdict[Any, list[tuple[list[float], int]]] = defaultdict(list)
        for annotation in dataset.ground_truth["annotations"]:
            label = label_of.get(annotation["category_id"])
            if label is not None and not annotation.get("iscrowd"):
                self._found[annotation["image_id"]].append((annotation["bbox"], label))

    def segment(self, image: NDArray[np.uint8], image_id: int | str) -> Detections:
        """Return the masks of an image's objects as run-length encodings, all with a score of 1."""
        found = self._found.get(image_id, [])
        boxes = np.array([box for box, _ in found], np.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        labels = np.array([label for _, label in found], np.int64)
        return self._segmenter.segment(image, boxes, labels, masks="rle")
