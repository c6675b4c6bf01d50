"""PasteMasks in ONNX Runtime: by hand, the official masks, NumPy and grid_sample (numerics 9)."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from refinemask.inference.pasting import paste_mask
from refinemask.ops.paste_masks import resample
from tests import golden
from tests.plugins.operators import paste_masks


def test_a_mask_of_its_own_size_is_copied():
    mask = (np.arange(16).reshape(1, 4, 4) % 3 == 0).astype(np.float32)
    pasted = paste_masks(mask, np.array([[2, 1, 6, 5]], np.float32), (7, 9))
    expected = np.zeros((1, 7, 9), np.uint8)
    expected[:, 1:5, 2:6] = mask
    np.testing.assert_array_equal(pasted, expected)


def test_half_of_a_cell_beyond_the_box_fades_out():
    """Cells of 4 pixels: the value falls from 1 at the last centre to 0 a cell further."""
    mask = np.ones((1, 2, 2), np.float32)
    pasted = paste_masks(mask, np.array([[4, 4, 12, 12]], np.float32), (16, 16), threshold=0.5)
    expected = np.zeros((16, 16), np.uint8)
    expected[4:12, 4:12] = 1  # pixel 4 is 1.5 from the centre at 6: 1 - 1.5 / 4, in both axes 0.39
    corner = np.array([[0.625, 0.875], [0.875, 1]])
    off = np.outer(corner[:, 0], corner[:, 0]) < 0.5
    assert off[0, 0]
    for y in (4, 11):
        for x in (4, 11):
            expected[y, x] = 0
    np.testing.assert_array_equal(pasted[0], expected)


@pytest.mark.parametrize("scale", ["norescale", "rescale"])
@pytest.mark.parametrize(
    "name", ["refinemask_r50_coco", "refinemask_r50_coco_faster_better", "mask_rcnn_r50_coco"]
)
def test_matches_the_official_masks(shared, name, scale):
    masks = golden.tensors(shared / "golden" / "detector" / f"{name}.npz")
    detections = golden.tensors(shared / "golden" / "detector" / "shared.npz")
    probs = torch.sigmoid(masks[f"{scale}/mask/final_logits"][:, 0]).numpy()
    boxes = detections[f"{scale}/det_bboxes"][: len(probs), :4].numpy()
    count, height, width = masks[f"{scale}/masks_shape"].tolist()
    expected = golden.unpack(masks[f"{scale}/masks_packed"], width)[: len(probs)]
    assert count >= len(probs) == 8
    pasted = paste_masks(probs, boxes, (height, width))
    # The logits are rounded; official code that runs twice differs in as many.
    assert (pasted != expected.numpy()).sum() <= 3


corner = st.one_of(
    st.floats(-80, 160, width=32), st.sampled_from([0.0, 40.0, 1e30, -1e30, np.inf, np.nan])
)


@given(
    boxes=st.lists(st.tuples(corner, corner, corner, corner), max_size=5),
    mask_size=st.sampled_from([1, 2, 7, 28, 112]),
    size=st.sampled_from([(0, 30), (1, 1), (47, 90), (90, 47)]),
    threshold=st.sampled_from([0.25, 0.5, 1.0]),
    half=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=150, deadline=None)
def test_matches_the_paste_of_processing(boxes, mask_size, size, threshold, half, seed):
    rng = np.random.default_rng(seed)
    masks = rng.uniform(0, 1, (len(boxes), mask_size, mask_size)).astype(np.float32)
    masks = masks.astype(np.float16) if half else masks
    table = np.array(boxes, np.float32).reshape(-1, 4)
    pasted = paste_masks(masks, table, size, threshold)
    assert pasted.shape == (len(boxes), *size) and pasted.dtype == np.uint8
    for found, mask, box in zip(pasted, masks.astype(np.float32), table, strict=True):
        if threshold == 0.5:
            np.testing.assert_array_equal(found, paste_mask(mask, box, *size))
        elif threshold < 0.5:
            assert (found >= paste_mask(mask, box, *size)).all()
        else:
            assert (found <= paste_mask(mask, box, *size)).all()


def test_matches_the_reference_on_the_whole_canvas():
    rng = np.random.default_rng(0)
    height, width = 120, 160
    masks = rng.uniform(0, 1, (20, 28, 28)).astype(np.float32)
    corners = np.sort(rng.uniform(-20, 170, (20, 2, 2)), axis=1).reshape(20, 4).astype(np.float32)
    sampled = resample(torch.from_numpy(masks), torch.from_numpy(corners), (0, 0, width, height))
    pasted = paste_masks(masks, corners, (height, width))
    differs = pasted != (sampled >= 0.5).numpy()
    assert (abs(sampled.numpy()[differs] - 0.5) < 1e-5).all()
    assert pasted.any() and differs.sum() <= 3


def test_many_rows_are_shared_out():
    """A canvas of several tasks: what lies beyond the box is 0 in all of them."""
    masks = np.ones((2, 4, 4), np.float32)
    boxes = np.array([[100, 700, 900, 900], [0, 0, 3000, 1500]], np.float32)
    pasted = paste_masks(masks, boxes, (1500, 3000), threads=3)
    for found, mask, box in zip(pasted, masks, boxes, strict=True):
        np.testing.assert_array_equal(found, paste_mask(mask, box, 1500, 3000))
