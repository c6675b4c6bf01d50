"""A predictor whose classes are called as a dataset calls them."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from refinemask.data.dataset import EvaluationDataset
from refinemask.errors import RefineMaskError
from refinemask.evaluation.results_file import check_renamed
from refinemask.inference.structures import Detections, Labels, MaskFormat, Predictor, Segmenter


class RenamedClasses:
    """A predictor under other names of its classes; several may get the same one.

    Attributes:
        class_names: the new names.
        category_ids: those of the predictor.
    """

    def __init__(
        self, predictor: Predictor, renamed: Mapping[str, str], dataset: EvaluationDataset
    ) -> None:
        """Rename classes.

        Args:
            predictor: a model or an engine.
            renamed: the dataset's names by the predictor's; others stay.
            dataset: what it is evaluated on.

        Raises:
            RefineMaskError: the predictor or the dataset lacks a name.
        """
        check_renamed(renamed, predictor.class_names, dataset.class_names, "the model")
        self._predictor = predictor
        self.class_names = tuple(renamed.get(name, name) for name in predictor.class_names)
        self.category_ids = predictor.category_ids

    def predict(
        self,
        image: NDArray[np.uint8],
        masks: MaskFormat = "bitmap",
        score_threshold: float = 0.0,
        max_detections: int | None = None,
    ) -> Detections:
        """Detect objects in one uint8 RGB image (H, W, 3)."""
        return self._predictor.predict(image, masks, score_threshold, max_detections)

    def segment(
        self,
        image: NDArray[np.uint8],
        boxes: ArrayLike,
        labels: Labels = None,
        scores: ArrayLike | None = None,
        masks: MaskFormat = "bitmap",
    ) -> Detections:
        """Predict the masks of boxes (K, 4) in one uint8 RGB image (H, W, 3); labels are indices.

        Raises:
            RefineMaskError: the predictor takes no boxes, or they are malformed.
        """
        if not isinstance(self._predictor, Segmenter):
            raise RefineMaskError(f"{type(self._predictor).__name__} has no method segment")
        return self._predictor.segment(image, boxes, labels, scores, masks)
