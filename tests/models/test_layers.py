"""Layers on their own."""

import pytest
import torch

from refinemask.models.layers import ConvReLU, in_chunks


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


class Recorder:
    """A function of RoIs that keeps how many it was called with."""

    def __init__(self):
        self.counts = []

    def __call__(self, x, y):
        self.counts.append(len(x))
        return [2 * x, x[:, 0] + y[:, None]]


@pytest.mark.parametrize("count", [0, 1, 16, 17, 40])
def test_chunks_together_are_the_whole(count):
    x, y = torch.randn(count, 2, 3), torch.arange(count)
    expected, recorder = Recorder()(x, y), Recorder()
    with torch.no_grad():
        found = in_chunks(recorder, x, y)
    for one, other in zip(expected, found, strict=True):
        assert torch.equal(one, other)
    assert sum(recorder.counts) == count
    assert max(recorder.counts) <= 16


def test_one_call_where_gradients_are_kept():
    recorder = Recorder()
    in_chunks(recorder, torch.zeros(40, 2, 3), torch.zeros(40))
    assert recorder.counts == [40]
