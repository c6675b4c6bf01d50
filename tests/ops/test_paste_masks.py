"""Pasting of masks: by hand, and against the NumPy implementation that engines use."""

import numpy as np
import torch

from refinemask.inference.pasting import paste_mask
from refinemask.ops.paste_masks import paste_masks, resample


def test_a_mask_of_the_size_of_its_box_is_copied() -> None:
    mask = torch.arange(16).reshape(1, 4, 4) % 3 == 0
    pasted = paste_masks(mask.float(), torch.tensor([[2.0, 1.0, 6.0, 5.0]]), (7, 9))
    expected = torch.zeros(1, 7, 9, dtype=torch.bool)
    expected[:, 1:5, 2:6] = mask
    assert torch.equal(pasted, expected)


def test_values_fade_to_zero_outside_of_the_outermost_centres() -> None:
    """One cell of 4 x 4 pixels around (2, 2): at distance d, 1 - d / 4 along each axis."""
    row = resample(torch.ones(1, 1, 1), torch.tensor([[0.0, 0.0, 4.0, 4.0]]), (0, 0, 6, 6))[0, 1]
    across = torch.tensor([0.625, 0.875, 0.875, 0.625, 0.375, 0.125])
    torch.testing.assert_close(row, across * 0.875)


def test_no_masks() -> None:
    assert paste_masks(torch.zeros(0, 28, 28), torch.zeros(0, 4), (5, 6)).shape == (0, 5, 6)


def test_agrees_with_the_pasting_of_engines() -> None:
    rng = np.random.default_rng(3)
    masks = rng.random((8, 28, 28), np.float32)
    boxes = np.sort(rng.uniform(-10, 70, (8, 2, 2)), axis=1).reshape(8, 4).astype(np.float32)
    pasted = paste_masks(torch.from_numpy(masks), torch.from_numpy(boxes), (48, 64)).numpy()
    values = resample(torch.from_numpy(masks), torch.from_numpy(boxes), (0, 0, 64, 48)).numpy()
    for found, value, mask, box in zip(pasted, values, masks, boxes, strict=True):
        differs = found != paste_mask(mask, box, 48, 64)
        assert (abs(value[differs] - 0.5) < 1e-5).all()
