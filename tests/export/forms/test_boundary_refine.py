"""`boundary_refine` in every form and runtime against the operator in PyTorch."""

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from refinemask.ops.boundary_refine import boundary_refine
from tests.export.graphs import exported_program, operator_names

SIZE = 14


class Refine(nn.Module):
    def __init__(self, width) -> None:
        super().__init__()
        self.width = width

    def forward(self, coarse, fine):
        return boundary_refine(coarse, fine, self.width)


def logits(count: int, seed: int = 0):
    """Return smooth coarse logits, whose masks have outlines, and noise for the fine ones."""
    generator = torch.Generator().manual_seed(seed)
    small = torch.randn(count, 1, 4, 4, generator=generator)
    coarse = nn.functional.interpolate(small, (SIZE, SIZE), mode="bicubic") if count else small
    return coarse.reshape(count, 1, SIZE, SIZE), torch.randn(
        count, 1, 2 * SIZE, 2 * SIZE, generator=generator
    )


@pytest.fixture(scope="session", params=[1, 2])
def width(request):
    return request.param


@pytest.fixture(scope="session")
def graph(width, target) -> onnx.ModelProto:
    dynamic = ({0: torch.export.Dim("count")},) * 2
    program = torch.export.export(Refine(width), logits(3), dynamic_shapes=dynamic)
    return exported_program(program, ["coarse", "fine"], target.form)


@pytest.fixture(scope="module")
def check(graph, target, width):
    """Return a function that compares both and gives back how many masks of fine logits it took."""
    run = target.load(graph)

    def compare(coarse, fine):
        (refined,) = run(coarse=coarse.numpy(), fine=fine.numpy())
        expected = boundary_refine(coarse, fine, width).numpy()
        np.testing.assert_allclose(refined, expected, atol=1e-5, rtol=0)
        return (refined == fine.numpy()).sum() / (4 * SIZE**2)

    return compare


def test_operators_of_the_graph(graph, target):
    assert not graph.functions
    names = operator_names(graph)
    if target.form == "fused":
        assert names == ["refinemask:BoundaryRefine"]
    else:
        assert [opset.domain for opset in graph.opset_import] == [""]
        assert names.count("Resize") == 2


@pytest.mark.parametrize("seed", range(4))
def test_masks_with_outlines(check, seed):
    assert 2 < check(*logits(20, seed)) < 18


def test_all_background_and_all_foreground(check):
    _, fine = logits(2)
    coarse = torch.tensor([-3.0, 3.0]).reshape(2, 1, 1, 1).repeat(1, 1, SIZE, SIZE)
    # Foreground has an outline along the border of the map.
    assert 0.05 < check(coarse, fine) < 0.6


def test_logits_of_zero_are_foreground(check):
    _, fine = logits(1)
    coarse = torch.full((1, 1, SIZE, SIZE), -1.0)
    coarse[..., 4:9, 5:11] = 0.0
    coarse[..., 6, 7] = -0.0
    assert 0.1 < check(coarse, fine) < 0.6


def test_one_pixel(check):
    coarse = torch.full((1, 1, SIZE, SIZE), -1.0)
    coarse[..., 6, 7] = 2.0
    # With a width of 2 the pixel alone: of its neighbours' windows it is too small a share.
    assert 1 / SIZE**2 <= check(coarse, logits(1)[1]) < 0.1


def test_no_masks(check):
    assert check(torch.zeros(0, 1, SIZE, SIZE), torch.zeros(0, 1, 2 * SIZE, 2 * SIZE)) == 0
