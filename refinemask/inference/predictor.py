"""Prediction for images, shared by the model and every engine (NumPy and OpenCV only)."""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import ArrayLike, NDArray

from refinemask.errors import RefineMaskError
from refinemask.inference.arrays import ImageLike, as_image
from refinemask.inference.pipeline import run_stages
from refinemask.inference.processing import Prepared, of_image, postprocess, with_masks
from refinemask.inference.rois import given_boxes
from refinemask.inference.sizes import DEFAULT_OVERLAP
from refinemask.inference.structures import Detections, Labels, MaskFormat, RawArrays
from refinemask.inference.tiles import predict_tiles

DEFAULT_BATCH_SIZE = 8
"""Most images of a batch where neither the caller nor the artifact says so."""


class ImagePredictor(ABC):
    """Adds `predict`, `segment` and others to a network that prepares images and runs batches.

    Attributes:
        max_detections: what `predict` keeps of an image at most; None keeps all.
    """

    max_detections: int | None = None

    @property
    @abstractmethod
    def class_names(self) -> tuple[str, ...]:
        """Name of each label."""

    @property
    def fixed_batch(self) -> int | None:
        """The number of images that every batch is filled up to; None if it may be any."""
        return None

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
        image: ImageLike,
        masks: MaskFormat = "bitmap",
        score_threshold: float = 0.0,
        max_detections: int | None = None,
        tile: int | None = None,
        overlap: float = DEFAULT_OVERLAP,
    ) -> Detections:
        """Detect objects in one image.

        Args:
            image: uint8 RGB (H, W, 3), of any size: an array, an image of Pillow, or a tensor, see
                `arrays.as_image`.
            masks: format of the masks, see `Detections`.
            score_threshold: detections with lower scores are left out.
            max_detections: keep this many of the highest scores; None keeps `self.max_detections`,
                with tiles of each tile.
            tile: side in pixels, >= 32, of the square tiles that a larger image is cut into; each
                is predicted on its own, and what is found is merged (`tiles.predict_tiles`). None
                predicts the image as a whole.
            overlap: the part of a tile that the next one repeats, from 0 to below 1.

        Raises:
            RefineMaskError: an argument is not as described, or memory runs out.
        """
        most = self.max_detections if max_detections is None else max_detections
        image = as_image(image)
        with _memory_for(f"an image of the shape {image.shape}"):
            if tile is not None:

                def predict(part: NDArray[np.uint8]) -> Detections:
                    return self.predict(part, "probs", score_threshold)

                return predict_tiles(predict, image, tile, overlap, masks, max_detections)
            prepared = self.prepare(image)
            outputs = self._run_prepared([prepared])
            return postprocess(outputs, prepared, masks, score_threshold, most)

    def predict_batch(
        self,
        images: Iterable[ImageLike],
        masks: MaskFormat = "bitmap",
        score_threshold: float = 0.0,
        max_detections: int | None = None,
        batch_size: int | None = None,
    ) -> list[Detections]:
        """Detect objects in several images; those of equal padded size run as batches.

        No image is padded more than alone, as results depend on the padding (numerics 1.2). So the
        detections are those of `predict`, but for the rounding of a batch.

        Args:
            images: uint8 RGB (H, W, 3) each, of any sizes.
            masks: format of the masks, see `Detections`.
            score_threshold: detections with lower scores are left out.
            max_detections: as that of `predict`, for each image.
            batch_size: most images of a batch; None for 8, or for the batch of an artifact with a
                fixed one, which is never exceeded.

        Returns:
            The detections of each image, in the order given.

        Raises:
            RefineMaskError: no image is given, an argument is not as described (the error says
                which image), or memory runs out.
        """
        most = self.max_detections if max_detections is None else max_detections
        size = self._batch_size(batch_size)
        with _memory_for("a batch of images"):
            prepared = [self._prepare_numbered(*numbered) for numbered in enumerate(images)]
            if not prepared:
                raise RefineMaskError("there are no images to predict; give at least one")
            found: dict[int, Detections] = {}
            for indices in _batches(prepared, size):
                outputs = self._run_prepared([prepared[index] for index in indices])
                for position, index in enumerate(indices):
                    own = of_image(outputs, position)
                    found[index] = postprocess(own, prepared[index], masks, score_threshold, most)
        return [found[index] for index in range(len(prepared))]

    def predict_stream(
        self,
        images: Iterable[ImageLike],
        masks: MaskFormat = "bitmap",
        score_threshold: float = 0.0,
        max_detections: int | None = None,
    ) -> Generator[Detections, None, None]:
        """Detect objects in one image after the other, preparing and postprocessing meanwhile.

        Preparing, the network, and postprocessing each have a thread of their own. Up to
        `pipeline.IN_FLIGHT` images are in work at a time, however many there are: detections of an
        image are yielded when they are ready and the next image has been read. The threads end with
        the generator: after the last image, with an error, or where it is closed or forgotten.

        Args:
            images: uint8 RGB (H, W, 3) each, of any sizes, read in the thread of the caller.
            masks: format of the masks, see `Detections`.
            score_threshold: detections with lower scores are left out.
            max_detections: as that of `predict`, for each image.

        Yields:
            The detections of each image, in the order given; those of `predict`.

        Raises:
            RefineMaskError: an image or an argument is not as described (the error says which
                image), or memory runs out. Whatever `images` raises is raised, too, after the
                detections of the images before.
        """
        most = self.max_detections if max_detections is None else max_detections

        def prepare(numbered: tuple[int, ImageLike]) -> Prepared:
            return self._prepare_numbered(*numbered)

        def run(prepared: Prepared) -> tuple[RawArrays, Prepared]:
            return self._run_prepared([prepared]), prepared

        def finish(ran: tuple[RawArrays, Prepared]) -> Detections:
            return postprocess(*ran, masks, score_threshold, most)

        with _memory_for("images of a stream"):
            yield from run_stages(enumerate(images), (prepare, run, finish))

    def segment(
        self,
        image: ImageLike,
        boxes: ArrayLike,
        labels: Labels = None,
        scores: ArrayLike | None = None,
        masks: MaskFormat = "bitmap",
    ) -> Detections:
        """Predict the masks of given boxes in one image, for example those of another detector.

        Args:
            image: as that of `predict`.
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
        image = as_image(image)
        with _memory_for(f"an image of the shape {image.shape}"):
            prepared = self.prepare(image)
            given = given_boxes(boxes, labels, scores, self.class_names, prepared.original_size)
            size = np.array([prepared.size], np.int64)
            probs = self.run_rois(prepared.image[None], size, given.rois(prepared), given.labels)
            probs = np.where(given.empty[:, None, None], np.float32(0), probs)
            found = Detections(
                given.boxes, given.scores, given.labels, probs, prepared.original_size
            )
            return with_masks(found, masks)

    def _batch_size(self, given: int | None) -> int:
        if given is not None and given < 1:
            raise RefineMaskError(f"batch_size must be >= 1, got {given}")
        if self.fixed_batch is None:
            return given or DEFAULT_BATCH_SIZE
        return min(given or self.fixed_batch, self.fixed_batch)

    def _prepare_numbered(self, index: int, image: ImageLike) -> Prepared:
        """Prepare an image of several, which errors number from 0."""
        try:
            return self.prepare(as_image(image))
        except RefineMaskError as error:
            raise RefineMaskError(f"image {index}: {error}") from error

    def _run_prepared(self, prepared: Sequence[Prepared]) -> RawArrays:
        """Run images of equal padded size as one batch."""
        sizes = np.array([one.size for one in prepared], np.int64)
        return self.run(np.stack([one.image for one in prepared]), sizes)


def _batches(prepared: Sequence[Prepared], most: int) -> Iterator[list[int]]:
    """Yield the indices of up to `most` images of equal padded size at a time."""
    by_size: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
    for index, one in enumerate(prepared):
        by_size[one.image.shape].append(index)
    for indices in by_size.values():
        for start in range(0, len(indices), most):
            yield indices[start : start + most]


@contextmanager
def _memory_for(what: str) -> Iterator[None]:
    try:
        yield
    except MemoryError as error:
        raise RefineMaskError(
            f"memory ran out on {what}; use smaller images or batches, fewer detections, or masks "
            "as rle"
        ) from error
