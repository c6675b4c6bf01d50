"""Run checkpoints with PyTorch, backbone and feature pyramid compiled for all sizes of images."""

import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from refinemask.engines.base import Engine
from refinemask.engines.torch import TorchEngine, open_model
from refinemask.errors import RefineMaskError
from refinemask.printable import one_line

if TYPE_CHECKING:
    from refinemask.models.detector import Detector

logger = logging.getLogger(__name__)


def open_engine(path: str | Path, device: str, threads: int | None) -> Engine:
    """Load a checkpoint or a shipped model, and compile it; see `compile_model`."""
    model = open_model(path, device, threads)
    return TorchEngine(compile_model(model, str(path)), source=str(path))


def compile_model(model: "Detector", source: str) -> "Detector":
    """Return a copy of a model without batch norms, whose features compiled code computes.

    One graph runs single photographs of every size. PyTorch compiles more of them when they are
    needed: for several images at a time, and for images so small that it convolves otherwise. It
    keeps eight, and runs what fits none as it is. The heads are not compiled: they gain little, and
    each of the numbers of RoIs that PyTorch treats apart would make graphs of its own.

    Args:
        model: on its device, with the number of threads that PyTorch is to keep.
        source: what errors call it.

    Raises:
        RefineMaskError: it cannot be compiled, for example because there is no C++ compiler.
    """
    from refinemask.models.fold_norms import fold_norms
    from refinemask.models.shared_copy import shared_copy

    check_compiler()
    compiled = shared_copy(model)
    fold_norms(compiled)
    features = torch.compile(compiled.features)

    def features_of_any_size(images: Tensor) -> list[Tensor]:
        # Else sides that are equal at first are taken to be always.
        torch._dynamo.maybe_mark_dynamic(images, [0, 2, 3])
        return features(images)

    compiled.features = features_of_any_size  # type: ignore[method-assign]
    logger.info("compiling %s, which takes a minute or two the first time", source)
    photograph = compiled.prepare(np.zeros((480, 640, 3), np.uint8))
    try:
        compiled.run(photograph.image[None], np.array([photograph.size], np.int64))
    except RefineMaskError:  # of weights that make no detections
        raise
    except Exception as error:  # of Dynamo, Inductor or a compiler
        raise RefineMaskError(
            f"PyTorch cannot compile {source}: {_reason(error)}; use the runtime torch"
        ) from error
    return compiled


def check_compiler() -> None:
    """Raise RefineMaskError unless there is the C++ compiler that PyTorch looks for."""
    name = os.environ.get("CXX", "g++")
    if shutil.which(name) is None:
        raise RefineMaskError(
            f"compiling a model needs a C++ compiler, and there is no {name}; install g++, name "
            "another one with the environment variable CXX, or use the runtime torch"
        )


def _reason(error: Exception) -> str:
    """Return the line of an error that says what is wrong: a compiler's, or else the first."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return one_line(next((line for line in lines if " error: " in line), lines[0]))
