"""Weights at the start of training (numerics 11)."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from refinemask.models import Detector
from refinemask.models.efficientnet_lite import EfficientNetLite
from refinemask.training.backbone_weights import IMAGENET, load_backbone


def initialise(model: Detector, backbone_weights: str = IMAGENET) -> None:
    """Load the backbone's weights, see `load_backbone`, and give every other part its random start.

    Raises:
        RefineMaskError: the weights of the backbone are not available.
    """
    load_backbone(model, backbone_weights)
    for layer in _convolutions(model.neck):
        _set(nn.init.xavier_uniform_, layer)
    for layer in _convolutions(model.rpn_head):
        _set(_normal(0.01), layer)
    box_head = model.roi_head.bbox_head
    for connected in (m for m in box_head.shared_fcs if isinstance(m, nn.Linear)):
        _set(nn.init.xavier_uniform_, connected)
    initialise_box_outputs(model)
    initialise_mask_head(model)


def initialise_box_outputs(model: Detector) -> None:
    """Give the layers of the box head that know the classes their random start."""
    _set(_normal(0.01), model.roi_head.bbox_head.fc_cls)
    _set(_normal(0.001), model.roi_head.bbox_head.fc_reg)


def initialise_mask_head(model: Detector) -> None:
    """Give the mask head its random start."""
    for layer in _convolutions(model.roi_head.mask_head):
        _set(lambda w: nn.init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"), layer)
    if isinstance(model.backbone, EfficientNetLite):
        for name, module in model.roi_head.mask_head.named_modules():
            if "logits" in name and isinstance(module, nn.Conv2d):
                _set(_normal(0.01), module)


@torch.no_grad()
def calibrate(model: Detector, images: Tensor) -> None:
    """Scale the FPN so that its maps have unit standard deviation on a few images.

    EfficientNet-Lite ends its stages in linear layers of very different scale; without this the
    first losses are in the thousands.

    Args:
        model: a freshly initialised model.
        images: normalised float32 (B, 3, H, W).
    """
    channels = model.backbone(images)
    for lateral, feature in zip(_convolutions(model.neck.lateral_convs), channels, strict=True):
        lateral.weight.div_(lateral(feature).std())
    outputs = model.neck(channels)[:-1]
    for output, feature in zip(_convolutions(model.neck.fpn_convs), outputs, strict=True):
        output.weight.div_(feature.std())


Layer = nn.Conv2d | nn.ConvTranspose2d | nn.Linear


def _convolutions(module: nn.Module) -> Iterable[nn.Conv2d | nn.ConvTranspose2d]:
    return (m for m in module.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d))


def _normal(std: float) -> Callable[[Tensor], object]:
    return lambda weight: nn.init.normal_(weight, std=std)


def _set(initialiser: Callable[[Tensor], object], layer: Layer) -> None:
    initialiser(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
