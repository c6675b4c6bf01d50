"""Our models in PyTorch, as the suite runs them."""

import numpy as np
import torch
from numpy.typing import NDArray

from refinemask.benchmarks.suite.candidates import Network
from refinemask.engines.graph import Inputs
from refinemask.export.capture import detect_and_segment
from refinemask.models import Detector
from refinemask.models.detector import normalise
from refinemask.ops.compiled import compiled_operators


class TorchNetwork(Network):
    """A model in PyTorch, with our compiled operators."""

    def __init__(self, model: Detector, *, channels_last: bool = False) -> None:
        """Wrap a model; `channels_last` changes how its weights and images lie in memory."""
        super().__init__(model.config.input.short_side, model.config.input.long_side)
        self._format = torch.channels_last if channels_last else torch.contiguous_format
        self._model = model.to(memory_format=self._format)

    @torch.inference_mode()
    def masks(self, inputs: Inputs) -> NDArray[np.float32]:
        images, sizes, rois, labels = (torch.from_numpy(value) for value in inputs.values())
        with compiled_operators():
            pixels = normalise(images, sizes, self._model.config.input)
            pixels = pixels.contiguous(memory_format=self._format)
            *_, masks = detect_and_segment(self._model, pixels, sizes, rois, labels)
        return np.asarray(masks.numpy(), np.float32)
