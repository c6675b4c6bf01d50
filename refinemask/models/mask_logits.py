"""Mask logits of one class per RoI."""

import torch
from torch import Tensor, nn


def class_logits(features: Tensor, classifier: nn.Conv2d, labels: Tensor) -> Tensor:
    """Apply only the row of a 1x1 classifier that belongs to the label of each RoI.

    The same numbers as the whole convolution followed by a selection, at 1 / num_classes of its
    cost.

    Args:
        features: (K, C, S, S).
        classifier: 1x1 convolution to num_classes channels; a class-agnostic one serves all labels.
        labels: int64 (K,).

    Returns:
        (K, 1, S, S) in the dtype of the classifier's weights.
    """
    features = features.to(classifier.weight.dtype)
    rows = labels.clamp(max=classifier.out_channels - 1)
    weight = classifier.weight.flatten(1)[rows].unsqueeze(1)
    logits = torch.bmm(weight, features.flatten(2))
    if classifier.bias is not None:
        logits = logits + classifier.bias[rows][:, None, None]
    return logits.unflatten(2, features.shape[2:])
