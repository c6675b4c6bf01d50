"""Fold batch norms into the convolutions before them.

    norm(conv(x)) = conv'(x),  weight' = weight * gamma / sqrt(variance + eps)
                               bias' = beta + (bias - mean) * gamma / sqrt(variance + eps)

which holds for every norm with fixed statistics. Runtimes do the same when they load a graph. Done
before the model is traced, it saves tracing, decomposing and translating every norm, which takes
longer than anything else in the backbone.
"""

import copy
from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.ops import FrozenBatchNorm2d

from refinemask.models.detector import Detector


def fold_norms(model: Detector) -> int:
    """Rewrite a model in evaluation mode in place; return how many norms were folded.

    The convolutions get parameters of their own, which no copy of the model shares.
    """
    folded = 0
    for module in model.modules():
        for (conv_name, conv), (norm_name, norm) in pairwise(list(module.named_children())):
            # Registered in the order in which they are called, in both backbones.
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d | FrozenBatchNorm2d):
                exact = copy.deepcopy(conv).double(), copy.deepcopy(norm).double()
                setattr(module, conv_name, fuse_conv_bn_eval(*exact).float())  # rounded once
                setattr(module, norm_name, nn.Identity())
                folded += 1
    return folded
