"""Boundary regions against the official ones and by counting; the refinement by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from refinemask.errors import RefineMaskError
from refinemask.ops.boundary_refine import boundary_refine, boundary_region, resize_aligned
from tests import golden


@pytest.fixture(scope="module")
def official(vectors):
    return golden.tensors(vectors / "losses" / "generate_block_target.npz")


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("size", [28, 56, 112])
def test_regions_match_the_official_ones(official, size, width):
    mask = official[f"mask_{size}"][:, None].bool()
    expected = official[f"block_{size}_bw{width}"][:, None]
    region = boundary_region(mask, width)
    assert torch.equal(region, expected == 1)
    assert torch.equal(mask & ~region, expected == 2)


@given(
    size=st.integers(1, 9),
    width=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
    share=st.floats(0, 1),
)
@settings(max_examples=60)
def test_regions_match_the_definition(size, width, seed, share):
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(1, 1, size, size, generator=generator) < share
    region = boundary_region(mask, width)[0, 0]
    for y in range(size):
        for x in range(size):
            others = 0
            for v in range(y - width, y + width + 1):
                for u in range(x - width, x + width + 1):
                    inside = 0 <= v < size and 0 <= u < size
                    value = bool(mask[0, 0, v, u]) if inside else False
                    others += value != bool(mask[0, 0, y, x])
            assert bool(region[y, x]) == (10 * others > (2 * width + 1) ** 2)


def test_only_foreground_is_boundary_at_the_border_of_the_map():
    assert not boundary_region(torch.zeros(1, 1, 5, 5, dtype=torch.bool), 1).any()
    region = boundary_region(torch.ones(1, 1, 5, 5, dtype=torch.bool), 1)
    assert not region[0, 0, 1:4, 1:4].any()
    assert region.sum() == 25 - 9


def test_refinement_takes_the_fine_logits_near_the_outline_only():
    coarse = torch.full((1, 1, 8, 8), -3.0)
    coarse[..., 4:] = 5.0  # an outline between columns 3 and 4, and along the border on the right
    fine = torch.full((1, 1, 16, 16), 7.0)
    refined = boundary_refine(coarse, fine)
    old = resize_aligned(coarse, 16)
    # Fine columns x lie at coarse x * 7 / 15; boundary columns 3 and 4 weigh over half from 2.5 on
    # to 4.5, and boundary column 7 from 6.5 on.
    taken = [x for x in range(16) if 2.5 < x * 7 / 15 < 4.5 or x * 7 / 15 > 6.5]
    middle = refined[0, 0, 4:12]
    assert taken == [6, 7, 8, 9, 14, 15]
    assert (middle[:, taken] == 7).all()
    rest = [x for x in range(16) if x not in taken]
    assert torch.equal(middle[:, rest], old[0, 0, 4:12][:, rest])
    assert (refined[0, 0, 0, 8:] == 7).all()  # foreground at the upper border is boundary too
    assert (refined[0, 0, 0, :5] == -3).all()


def test_a_mask_without_outline_keeps_the_coarse_logits():
    coarse = torch.linspace(-9, -1, 196).reshape(1, 1, 14, 14)
    assert torch.equal(
        boundary_refine(coarse, torch.ones(1, 1, 28, 28)), resize_aligned(coarse, 28)
    )


def test_no_masks():
    assert boundary_refine(torch.zeros(0, 1, 28, 28), torch.zeros(0, 1, 56, 56)).shape == (
        0,
        1,
        56,
        56,
    )
    assert boundary_region(torch.zeros(0, 1, 28, 28, dtype=torch.bool), 2).shape == (0, 1, 28, 28)


def test_the_refinement_is_one_node_of_an_exported_program():
    class Refine(torch.nn.Module):
        def forward(self, coarse, fine):
            return boundary_refine(coarse, fine)

    generator = torch.Generator().manual_seed(0)
    coarse, fine = (torch.randn(3, 1, size, size, generator=generator) for size in (14, 28))
    program = torch.export.export(Refine(), (coarse, fine))
    (node,) = (node for node in program.graph.nodes if node.op == "call_function")
    assert node.target is torch.ops.refinemask.boundary_refine.default
    assert torch.equal(program.module()(coarse, fine), boundary_refine(coarse, fine))


def test_half_precision_decides_in_float32():
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(4, 1, 28, 28, generator=generator).half()
    fine = torch.randn(4, 1, 56, 56, generator=generator).half()
    expected = boundary_refine(coarse.float(), fine.float(), 2).half()
    refined = boundary_refine(coarse, fine, 2)
    assert refined.dtype == torch.float16
    assert torch.equal(refined, expected)


@pytest.mark.parametrize("width", [0, 65])
def test_widths_that_no_host_takes(width):
    with pytest.raises(RefineMaskError, match=f"from 1 to 64, got {width}"):
        boundary_refine(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 4, 4), width)
