"""Prediction for one image, shared by the model and every engine (NumPy and OpenCV only)."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import ArrayLike, NDArray

from refinemask.errors import RefineMaskError
from refinemask.inference.processing import Prepared, postprocess, with_masks
from refinemask.inference.rois import given_boxes
from refinemask.inference.structures import Detections, Labels, MaskFormat, RawArrays


class ImagePredictor(ABC):
    """Adds `predict` and `segment` to a network that prepares images and runs batches.

    Attributes:
        max_detections: what `predict` keeps of an image at most; None keeps all.
    """

    max_detections: int | None = None

    @property
    @abstractmethod
    def class_names(self) -> tuple[str, ...]:
        """Name of each label."""

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

    @abstractmethod
    def run_rois(
        self,
        images: NDArray[np.uint8],
        image_sizes: NDArray[np.int64],
        rois: NDArray[np.float32],
        labels: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Run the network on given boxes in a batch that is resized and padded already.

        Args:
            images: as those of `run`.
            image_sizes: likewise.
            rois: float32 (K, 5): image index and xyxy in pixels of the resized image.
            labels: int64 (K,), the class whose mask is predicted.

        Returns:
            float32 (K, M, M), probabilities inside the boxes.
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
        with _memory_for(image):
            prepared = self.prepare(image)
            outputs = self.run(prepared.image[None], np.array([prepared.size], np.int64))
            most = self.max_detections if max_detections is None else max_detections
            return postprocess(outputs, prepared, masks, score_threshold, most)

    def segment(
        self,
        image: NDArray[np.uint8],
        boxes: ArrayLike,
        labels: Labels = None,
        scores: ArrayLike | None = None,
        masks: MaskFormat = "bitmap",
    ) -> Detections:
        """Predict the masks of given boxes in one image, for example those of another detector.

        Args:
            image: uint8 RGB (H, W, 3), of any size.
            boxes: (K, 4), xyxy in pixels of the image, up to 1000. They are clipped to the image;
                the mask of a box that has no area in it is empty.
            labels: the class whose mask is predicted, for each box: names, or indices from 0. A
                model of one class takes any, and None.
            scores: (K,), which are passed on; None for 1.
            masks: format of the masks, see `Detections`.

        Returns:
            The clipped boxes in the order given, with their masks.

        Raises:
            RefineMaskError: an argument is not as described, the artifact does not take boxes, or
                memory runs out.
        """
        with _memory_for(image):
            prepared = self.prepare(image)
            given = given_boxes(boxes, labels, scores, self.class_names, prepared.original_size)
            size = np.array([prepared.size], np.int64)
            probs = self.run_rois(prepared.image[None], size, given.rois(prepared), given.labels)
            probs = np.where(given.empty[:, None, None], np.float32(0), probs)
            found = Detections(
                given.boxes, given.scores, given.labels, probs, prepared.original_size
            )
            return with_masks(found, masks)


@contextmanager
def _memory_for(image: NDArray[np.uint8]) -> Iterator[None]:
    try:
        yield
    except MemoryError as error:
        raise RefineMaskError(
            f"memory ran out on an image of the shape {np.shape(image)}; use a smaller one, "
            "fewer detections, or masks as rle"
        ) from error
