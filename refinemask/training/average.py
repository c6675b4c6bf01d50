"""The exponential moving average of weights, which predicts better than the last ones."""

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def averaged(model: nn.Module, decay: float) -> AveragedModel:
    """Return a copy of a model that `update_parameters` makes the average of its weights.

    The first update copies the weights, so that those the run started from have no part. The decay
    of update t + 1 is `min(decay, (1 + t) / (10 + t))`: early averages forget fast. Buffers are
    copied, not averaged: statistics of batch norms, which are fixed while training.
    """

    def update(averages: list[Tensor], weights: list[Tensor], count: Tensor | int) -> None:
        done = int(count)
        get_ema_multi_avg_fn(min(decay, (1 + done) / (10 + done)))(averages, weights, count)

    return AveragedModel(model, multi_avg_fn=update)  # type: ignore[arg-type]
