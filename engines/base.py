"""Base class of the engines: the input contract of artifacts, and prediction around it."""

import logging
import os
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from refinemask.configs.output_kinds import OutputKind
from refinemask.errors import RefineMaskError
from refinemask.inference.metadata import ArtifactMetadata
from refinemask.inference.outputs import check_masks, check_outputs, flat_outputs
from refinemask.inference.padded_outputs import MAX_CANDIDATES, PaddedArrays, PaddedOutputs
from refinemask.inference.predictor import ImagePredictor
from refinemask.inference.processing import Prepared, prepare
from refinemask.inference.rois import check_rois
from refinemask.inference.structures import RawArrays, RawOutputs
from refinemask.printable import last_line

if TYPE_CHECKING:
    from refinemask.engines.tensorrt.gpu_array import GpuArray

logger = logging.getLogger(__name__)

_TASKS: dict[OutputKind, str] = {
    "detections": "detects objects and takes no boxes: use it with predict",
    "masks": "takes the boxes of a detector and detects nothing itself: use it with segment",
}
"""What an artifact does, by its outputs, and how it is run."""


class Engine(ImagePredictor):
    """Runs one artifact, or one checkpoint; safe to use from several threads.

    Attributes:
        metadata: the metadata of the artifact.
        source: what it runs, as errors name it.
        after_fork: what to do where a forked process needs an engine.
    """

    after_fork = "open it in this process, or start processes by the method spawn"

    def __init__(self, metadata: ArtifactMetadata, source: str) -> None:
        self.metadata = metadata
        self.source = source
        self._process = os.getpid()
        self._said_truncated = False

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of each label."""
        return self.metadata.class_names

    @property
    def category_ids(self) -> tuple[int, ...]:
        """The dataset's category id of each label."""
        return self.metadata.category_ids

    @property
    def fixed_batch(self) -> int | None:
        """The number of images that every batch is filled up to; None if it may be any."""
        return self.metadata.input_limits.batch

    def prepare(self, image: NDArray[np.uint8]) -> Prepared:
        """Resize and pad one uint8 RGB image (H, W, 3) to the size that the artifact takes."""
        limits = self.metadata.input_limits
        canvas = (limits.height, limits.width)
        return prepare(image, limits.short_side, limits.long_side, limits.divisor, canvas)

    def run(self, images: NDArray[np.uint8], image_sizes: NDArray[np.int64]) -> RawArrays:
        """Run the network on a batch that is resized and padded already.

        An artifact of the static form considers a limited number of candidates; the first time
        that an image has more of them, a warning is logged.

        Args:
            images: uint8 RGB (B, H, W, 3), valid at the top left; H and W as the artifact allows.
                If its batch is fixed, fewer images are allowed.
            image_sizes: int64 (B, 2), height and width of the valid area of each image.

        Raises:
            RefineMaskError: an input is not as described, the runtime fails or runs out of memory,
                its outputs are not those of an artifact (architecture 5.2), or this is a process
                forked from the one that opened the engine.
        """
        self.require("detections")
        self._check(images, image_sizes)
        with self._running(images):
            filled, sizes = self._filled(images, image_sizes)
            returned = self._run(filled, sizes)
        outputs = flat_outputs(returned, self.source)
        if isinstance(returned, PaddedOutputs) and returned.truncated[: len(images)].any():
            self._warn_truncated()
        check_outputs(outputs, self.metadata.model, self.source, filled.shape)
        end = np.searchsorted(outputs.image_index, len(images))
        return outputs.map(lambda values: values[:end])

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

        Raises:
            RefineMaskError: as `run`.
        """
        self.require("masks")
        self._check(images, image_sizes)
        check_rois(rois, labels, self.metadata.model, images.shape)
        with self._running(images):
            filled, sizes = self._filled(images, image_sizes)
            given = np.ascontiguousarray(rois), np.ascontiguousarray(labels)
            masks = self._run_rois(filled, sizes, *given)
        check_masks(masks, len(rois), self.metadata.model, self.source)
        return masks

    def run_on_gpu(
        self, images: Any, image_sizes: NDArray[np.int64], stream: Any = None
    ) -> "RawOutputs[GpuArray] | PaddedOutputs[GpuArray]":
        """Run the network on images that are on the GPU, and leave there what it returns.

        Nothing but `image_sizes` is copied between host and GPU, so the values of the other inputs
        and of the outputs are not checked. See docs/python.md for streams and threads.

        Args:
            images: as those of `run`, contiguous and on the GPU of the engine, of a library with
                DLPack (PyTorch, CuPy, JAX, ...) or the CUDA array interface (Numba, PyCUDA, ...).
                A fixed batch must be full.
            image_sizes: as those of `run`: a NumPy array, on the host.
            stream: a CUDA stream, or its handle: the network runs in order with what is on it, and
                the outputs are ready there. None returns when they are ready.

        Returns:
            The outputs of the artifact: of the form static, those with padding.

        Raises:
            RefineMaskError: as `run`; the runtime does not take arrays on the GPU, or an array is
                not there or not contiguous.
        """
        raise self._not_on_gpu()

    def run_rois_on_gpu(
        self,
        images: Any,
        image_sizes: NDArray[np.int64],
        rois: Any,
        labels: Any,
        stream: Any = None,
    ) -> "GpuArray":
        """Run the network on given boxes and images that are on the GPU, as `run_on_gpu` does.

        Args:
            images: as those of `run_on_gpu`.
            image_sizes: likewise.
            rois: as those of `run_rois`, on the GPU.
            labels: likewise.
            stream: as that of `run_on_gpu`.

        Returns:
            float32 (K, M, M), probabilities inside the boxes.

        Raises:
            RefineMaskError: as `run_on_gpu`.
        """
        raise self._not_on_gpu()

    def _not_on_gpu(self) -> RefineMaskError:
        return RefineMaskError(
            f"{self.source}: this runtime does not take arrays on the GPU; run an engine of "
            "TensorRT, or give NumPy arrays to run or run_rois"
        )

    @property
    def outputs(self) -> tuple[OutputKind, ...]:
        """What it can return: "detections" by `run` and `predict`, "masks" by the others."""
        return (self.metadata.outputs,)

    def require(self, outputs: OutputKind) -> None:
        """Raise RefineMaskError unless it can return such outputs."""
        if outputs not in self.outputs:
            raise RefineMaskError(
                f"{self.source} {_TASKS[self.metadata.outputs]}, or export its model with "
                f"--outputs {outputs}"
            )

    @contextmanager
    def _running(self, images: NDArray[np.uint8]) -> Iterator[None]:
        """Turn what a runtime raises into errors that name the source."""
        if os.getpid() != self._process:
            raise RefineMaskError(
                f"{self.source} was opened by another process, and the threads that run it do not "
                f"survive a fork; {self.after_fork}"
            )
        try:
            yield
        except RefineMaskError:  # of a model in PyTorch, which checks its outputs itself
            raise
        except MemoryError as error:
            raise RefineMaskError(
                f"{self.source} ran out of memory on images of the shape {images.shape}; use fewer "
                "or smaller ones"
            ) from error
        except Exception as error:  # The runtimes' errors have no base class in common.
            raise RefineMaskError(f"{self.source} cannot be run: {last_line(error)}") from error

    def _filled(
        self, images: NDArray[np.uint8], image_sizes: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return contiguous inputs, filled up with black images if the batch is fixed."""
        missing = (self.metadata.input_limits.batch or 0) - len(images)
        if missing > 0:
            images = np.concatenate([images, np.zeros((missing, *images.shape[1:]), np.uint8)])
            image_sizes = np.concatenate([image_sizes, np.repeat(image_sizes[-1:], missing, 0)])
        return np.ascontiguousarray(images), np.ascontiguousarray(image_sizes)

    @abstractmethod
    def _run(
        self, images: NDArray[np.uint8], image_sizes: NDArray[np.int64]
    ) -> RawArrays | PaddedArrays:
        """Run contiguous inputs that satisfy the contract."""

    def _warn_truncated(self) -> None:
        if not self._said_truncated:
            self._said_truncated = True
            logger.warning(
                "%s: more than %d boxes of an image passed the score threshold %s, and only the "
                "best of them were considered; this is said once. Artifacts of the other forms "
                "consider all",
                self.source,
                MAX_CANDIDATES,
                self.metadata.model.score_threshold,
            )

    def _run_rois(
        self,
        images: NDArray[np.uint8],
        image_sizes: NDArray[np.int64],
        rois: NDArray[np.float32],
        labels: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Run contiguous inputs that satisfy the contract for given boxes."""
        raise RefineMaskError(f"{self.source}: this runtime does not take boxes; use another one")

    def _check(self, images: NDArray[np.uint8], image_sizes: NDArray[np.int64]) -> None:
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
            raise RefineMaskError(
                "images must be a uint8 array of shape (batch, height, width, 3), "
                f"got {images.dtype} {images.shape}"
            )
        batch, height, width = images.shape[:3]
        limits = self.metadata.input_limits
        if not 1 <= batch <= (limits.batch or batch):
            allowed = "1 or more" if limits.batch is None else f"1 to {limits.batch}"
            raise RefineMaskError(f"this artifact takes {allowed} images at a time, got {batch}")
        for name, size, fixed in (
            ("height", height, limits.height),
            ("width", width, limits.width),
        ):
            if fixed is not None and size != fixed:
                raise RefineMaskError(f"this artifact takes images of {name} {fixed}, got {size}")
            if not limits.min_size <= size <= limits.max_size or size % limits.divisor:
                raise RefineMaskError(
                    f"the padded {name} of images must be a multiple of {limits.divisor} from "
                    f"{limits.min_size} to {limits.max_size}, got {size}; "
                    "resize and pad with refinemask.inference.processing.prepare"
                )
        if image_sizes.dtype != np.int64 or image_sizes.shape != (batch, 2):
            raise RefineMaskError(
                f"image_sizes must be an int64 array of shape ({batch}, 2), "
                f"got {image_sizes.dtype} {image_sizes.shape}"
            )
        if (image_sizes < 1).any() or (image_sizes > (height, width)).any():
            raise RefineMaskError(
                f"image_sizes must be from 1 x 1 to the padded {height} x {width}, "
                f"got {image_sizes.tolist()}"
            )
