"""BoundaryRefine in ONNX Runtime: by hand, the official outputs, and PyTorch (numerics 8)."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from refinemask.ops.boundary_refine import boundary_refine as reference
from tests import golden
from tests.plugins.operators import boundary_refine
from tests.plugins.tolerances import close


def test_a_mask_without_outline_takes_the_coarse_stage():
    coarse = np.full((1, 1, 4, 4), -3, np.float32)
    fine = np.full((1, 1, 8, 8), 5, np.float32)
    np.testing.assert_array_equal(boundary_refine(coarse, fine), np.full((1, 1, 8, 8), -3))


def test_the_fine_stage_is_taken_at_the_outline():
    coarse = np.full((1, 1, 8, 8), -1, np.float32)
    coarse[..., 4:] = 1
    fine = np.full((1, 1, 16, 16), 7, np.float32)
    refined = boundary_refine(coarse, fine)[0, 0]
    # Boundary: columns 3 and 4 of 8, and of the foreground what touches the map's border: all of
    # column 7, the top and the bottom row. The fine column x reads the coarse x * 7 / 15; it takes
    # the coarse stage where the weight of the columns that are no boundary is at least a half.
    middle = refined[8]
    np.testing.assert_allclose(middle[:6], -1)
    np.testing.assert_array_equal(middle[6:10], 7)
    np.testing.assert_allclose(middle[10:14], 1)
    np.testing.assert_array_equal(middle[14:], 7)
    np.testing.assert_array_equal(refined[0, 10:], 7)
    np.testing.assert_allclose(refined[0, :6], -1)


@pytest.mark.parametrize(
    "name",
    [
        "refine_mask_head_sigmoid",
        "refine_mask_head_lvis",
        "simple_refine_mask_head",
        "simple_refine_mask_head_preup",
    ],
)
def test_matches_the_official_refinement(shared, name):
    heads = golden.tensors(shared / "golden" / "heads" / f"{name}.npz")
    logits = [heads[f"out/stage{stage}_logits"].numpy() for stage in (1, 2, 3)]
    refined = boundary_refine(logits[0], logits[1])
    np.testing.assert_allclose(refined, heads["out/stage2_refined_logits"], **golden.STAGE)
    final = boundary_refine(refined, logits[2])
    np.testing.assert_allclose(final, heads["out/final_logits"], **golden.STAGE)


@given(
    count=st.integers(0, 6),
    size=st.sampled_from([1, 2, 3, 5, 14, 28]),
    width=st.integers(1, 4),
    smooth=st.booleans(),
    half=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=150, deadline=None)
def test_matches_the_reference(count, size, width, smooth, half, seed):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(count, 1, size, size, generator=generator)
    if smooth and count:
        coarse = torch.nn.functional.avg_pool2d(coarse, 3, 1, 1)
    fine = torch.randn(count, 1, 2 * size, 2 * size, generator=generator)
    dtype = torch.float16 if half else torch.float32
    coarse, fine = coarse.to(dtype), fine.to(dtype)
    found = boundary_refine(coarse.numpy(), fine.numpy(), width)
    # The decisions are made in float32 whatever the type.
    expected = reference(coarse.float(), fine.float(), width).to(dtype).numpy()
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, **close("BoundaryRefine", found.dtype))


def test_a_boundary_wider_than_the_map():
    coarse = np.ones((1, 1, 4, 4), np.float32)
    fine = np.zeros((1, 1, 8, 8), np.float32)
    expected = reference(torch.from_numpy(coarse), torch.from_numpy(fine), 64)
    np.testing.assert_array_equal(boundary_refine(coarse, fine, 64), expected)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_changes_nothing(threads):
    rng = np.random.default_rng(0)
    coarse = rng.standard_normal((30, 1, 28, 28)).astype(np.float32)
    fine = rng.standard_normal((30, 1, 56, 56)).astype(np.float32)
    np.testing.assert_array_equal(
        boundary_refine(coarse, fine, threads=threads), boundary_refine(coarse, fine)
    )
