"""Prediction for one image, shared by the model and every engine (NumPy and OpenCV only)."""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from refinemask.errors import RefineMaskError
from refinemask.inference.processing import Prepared, postprocess
from refinemask.inference.structures import Detections, MaskFormat, RawArrays


class ImagePredictor(ABC):
    """Adds `predict` to a network that prepares images and runs batches.

    Attributes:
        max_detections: what `predict` keeps of an image at most; None keeps all.
    """

    max_detections: int | None = None

    @abstractmethod
    def prepare(self, image: NDArray[np.uint8]) -> Prepared:
        """Resize and pad one uint8 RGB image (H, W, 3) for the network."""

    @abstractmethod
    def run(self, images: NDArray[np.uint8], image_sizes: NDArray[np.int64]) -> RawArrays:
        """Run the network on a batch that is resized and padded already.

        Args:
            images: uint8 RGB (B, H, W, 3), valid at the top left.
            image_sizes: int64 (B, 2), height and width of the valid area of each image.
        """

    def predict(
        self,
        image: NDArray[np.uint8],
        masks: MaskFormat = "bitmap",
        score_threshold: float = 0.0,
        max_detections: int | None = None,
    ) -> Detections:
        """Detect objects in one image.

        Args:
            image: uint8 RGB (H, W, 3), of any size.
            masks: format of the masks, see `Detections`.
            score_threshold: detections with lower scores are left out.
            max_detections: keep this many of the highest scores; None keeps `self.max_detections`.

        Raises:
            RefineMaskError: an argument is not as described, or memory runs out.
        """
        try:
            prepared = self.prepare(image)
            outputs = self.run(prepared.image[None], np.array([prepared.size], np.int64))
            most = self.max_detections if max_detections is None else max_detections
            return postprocess(outputs, prepared, masks, score_threshold, most)
        except MemoryError as error:
            raise RefineMaskError(
                f"memory ran out on an image of the shape {np.shape(image)}; use a smaller one, "
                "fewer detections, or masks as rle"
            ) from error
