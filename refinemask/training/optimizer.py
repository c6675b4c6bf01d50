"""How weights move: parameter groups, learning rates and one update."""

import torch
from torch import Tensor

from refinemask.models import Detector
from refinemask.training.options import TrainOptions
from refinemask.training.precision import gradient_scaler


class Updates:
    """The optimizer of a run with its schedule, gradient clipping and float16 scaling."""

    def __init__(self, model: Detector, options: TrainOptions) -> None:
        """Make the optimizer; what `freeze_detector` keeps from training loses its gradient."""
        self.optimizer = build_optimizer(model, options)
        self.scaler = gradient_scaler(options.precision, model.device)
        self._options = options

    def set_rate(self, iteration: int, total: int) -> float:
        """Set the learning rates of an iteration, counted from 0, and return the peak group's."""
        factor = self._options.rate_at(iteration, total)
        for group in self.optimizer.param_groups:
            group["lr"] = group["base_lr"] * factor
        return self._options.base_learning_rate * factor

    def backward(self, loss: Tensor) -> float:
        """Compute the gradients, clip them, and return the L2 norm they had before.

        In float16 it may be infinite or not a number; `apply` then only lowers the scale.
        """
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        trained = [p for group in self.optimizer.param_groups for p in group["params"]]
        return float(torch.nn.utils.clip_grad_norm_(trained, self._options.clip_norm))

    def apply(self) -> None:
        """Move the weights."""
        self.scaler.step(self.optimizer)
        self.scaler.update()


def build_optimizer(model: Detector, options: TrainOptions) -> torch.optim.Optimizer:
    """Return the optimizer; `freeze_detector` leaves it the mask head alone."""
    if options.freeze_detector:
        for part in (model.backbone, model.neck, model.rpn_head, model.roi_head.bbox_head):
            part.requires_grad_(False)
    backbone = [p for p in model.backbone.parameters() if p.requires_grad]
    in_backbone = {id(p) for p in backbone}
    rest = [p for p in model.parameters() if p.requires_grad and id(p) not in in_backbone]
    rate = options.base_learning_rate
    groups = [{"params": rest, "lr": rate, "base_lr": rate}]
    if backbone:
        backbone_rate = rate * options.backbone_factor
        groups.append({"params": backbone, "lr": backbone_rate, "base_lr": backbone_rate})
    if options.optimizer == "adamw":
        return torch.optim.AdamW(groups, weight_decay=options.weight_decay)
    return torch.optim.SGD(groups, momentum=0.9, weight_decay=options.weight_decay)
