"""The losses of a batch as one module, which several processes can train together."""

import dataclasses
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from refinemask.data.batches import Batch, Target
from refinemask.models import Detector
from refinemask.models.detector import normalise
from refinemask.training.assignment import Choose
from refinemask.training.distributed import World
from refinemask.training.losses import Losses, SamplingOptions, detector_losses
from refinemask.training.options import TrainOptions
from refinemask.training.precision import autocast


class BatchLosses(nn.Module):
    """A detector whose output is its losses, in the precision of a run."""

    def __init__(self, model: Detector, options: TrainOptions) -> None:
        super().__init__()
        self.model = model
        self._sampling = SamplingOptions(rois=options.rois, mask_rois=options.mask_rois)
        self._precision = options.precision
        self._masks_only = options.freeze_detector

    def forward(self, batch: Batch, choices: Sequence[Choose]) -> Losses:
        """Compute the losses of a batch, with the random choices for each of its images."""
        device = self.model.device
        with autocast(self._precision, device):
            return detector_losses(
                self.model,
                network_input(self.model, batch),
                batch.image_sizes.to(device),
                [_to(target, device) for target in batch.targets],
                self._sampling,
                choices,
                masks_only=self._masks_only,
            )


def network_input(model: Detector, batch: Batch) -> Tensor:
    """Return the images of a batch as the model's input, normalised float32 (B, 3, H, W)."""
    images, sizes = batch.images.to(model.device), batch.image_sizes.to(model.device)
    x = normalise(images, sizes, model.config.input)
    return x.contiguous(memory_format=torch.channels_last)


def parallel(losses: BatchLosses, world: World) -> nn.Module:
    """Give all processes the first one's weights and, from now on, the mean of their gradients.

    Every trained parameter takes part in every batch, also in one without positive RoIs, so none
    need be looked for.
    """
    if world.size == 1:
        return losses
    # The two ways to stride a 1x1 kernel are one: nothing is lost.
    warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
    return DistributedDataParallel(losses)


def _to(target: Target, device: torch.device) -> Target:
    return dataclasses.replace(
        target, boxes=target.boxes.to(device), labels=target.labels.to(device)
    )
