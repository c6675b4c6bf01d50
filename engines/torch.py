"""Run checkpoints with PyTorch: the one engine that imports the model."""

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from refinemask.configs.output_kinds import OutputKind
from refinemask.engines.base import Engine
from refinemask.errors import RefineMaskError
from refinemask.inference.metadata import ArtifactMetadata, InputLimits
from refinemask.inference.structures import RawArrays
from refinemask.version import __version__

if TYPE_CHECKING:
    from refinemask.models.detector import Detector


def open_engine(path: str | Path, device: str, threads: int | None) -> Engine:
    """Load a checkpoint or a shipped model; see `open_model`."""
    return TorchEngine(open_model(path, device, threads), source=str(path))


def open_model(path: str | Path, device: str, threads: int | None) -> "Detector":
    """Load a checkpoint or a shipped model; `threads` applies to all of PyTorch's work."""
    from refinemask.checkpoints import load_model

    if threads is not None:
        torch.set_num_threads(threads)
    if device != "cpu":  # Convolutions on a GPU round to TF32 by default.
        torch.backends.cudnn.allow_tf32 = False
    return load_model(path, device=device)


@cache
def _first_process() -> int:
    """Return the process that first had an engine: PyTorch's threads are there and nowhere else."""
    return os.getpid()


class TorchEngine(Engine):
    """A `Detector` behind the interface of the engines; safe to use from several threads."""

    after_fork = "start processes by the method spawn"

    def __init__(
        self, model: "Detector", weights: str = "trained", source: str | None = None
    ) -> None:
        """Wrap `model`, whose weights are "trained" or "synthetic"; errors name its `source`."""
        config = model.config
        if _first_process() != os.getpid():
            raise RefineMaskError(
                f"cannot run {source or config.preset} here: this process was forked from one that "
                f"used PyTorch, whose threads do not survive that; {self.after_fork}"
            )
        super().__init__(
            ArtifactMetadata(
                tool_version=__version__,
                preset=config.preset,
                config=config.to_dict(),
                class_names=config.class_names,
                category_ids=config.category_ids,
                input_limits=InputLimits(config.input.short_side, config.input.long_side),
                form="torch",
                precision="float32",
                weights=weights,
                checkpoint_sha256=None,
                parity={},
            ),
            source or config.preset,
        )
        self._model = model.eval()

    def _run(self, images: NDArray[np.uint8], image_sizes: NDArray[np.int64]) -> RawArrays:
        return self._model.run(images, image_sizes)

    def _run_rois(
        self,
        images: NDArray[np.uint8],
        image_sizes: NDArray[np.int64],
        rois: NDArray[np.float32],
        labels: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        return self._model.run_rois(images, image_sizes, rois, labels)

    @property
    def outputs(self) -> tuple[OutputKind, ...]:
        """Both: the model detects, and segments given boxes."""
        return get_args(OutputKind)
