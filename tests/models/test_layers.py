"""Layers on their own."""

import pytest
import torch

from refinemask.models.layers import ConvReLU


@pytest.mark.parametrize("dilation", [1, 3, 5])
def test_gradients_in_bfloat16_on_a_processor(dilation):
    torch.manual_seed(0)
    layer = ConvReLU(24, 24, dilation=dilation).to(memory_format=torch.channels_last)
    x = torch.randn(2, 24, 56, 56).contiguous(memory_format=torch.channels_last)
    weight = layer.conv.weight
    (expected,) = torch.autograd.grad(layer(x).mean(), weight)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x)
    (found,) = torch.autograd.grad(y.float().mean(), weight)
    assert (found - expected).norm() / expected.norm() < 0.02
