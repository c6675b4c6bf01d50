"""Half precision: which parameters have 16 bits, and that a model sharing them keeps its own."""

import pytest
import torch

from refinemask.checkpoints import synthetic_model
from refinemask.configs.presets import maskrcnn_small, refinemask_small
from refinemask.errors import RefineMaskError
from refinemask.models.fold_norms import fold_norms
from refinemask.models.half_precision import to_half_precision
from refinemask.models.shared_copy import shared_copy


@pytest.fixture(params=[refinemask_small, maskrcnn_small])
def model(request):
    made = shared_copy(synthetic_model(request.param(3)))
    fold_norms(made)
    return made


def test_all_but_the_classifiers_of_masks(model):
    half = shared_copy(model)
    to_half_precision(half, "float16")
    exact = {name for name, p in half.named_parameters() if p.dtype != torch.float16}
    assert {name.split(".")[1] for name in exact} == {"mask_head"}
    assert all("logits" in name for name in exact)
    assert not any(
        "logits" in name
        for name in dict(half.named_parameters())
        if name not in exact and "semantic_logits" not in name
    )
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_float32_is_as_it_was(model):
    same = shared_copy(model)
    to_half_precision(same, "float32")
    assert all(
        one is other for one, other in zip(same.parameters(), model.parameters(), strict=True)
    )


def test_it_detects_with_boxes_and_masks_in_float32(model):
    images = torch.randint(0, 255, (1, 96, 128, 3), dtype=torch.uint8)
    sizes = torch.tensor([[96, 128]])
    half = shared_copy(model)
    to_half_precision(half, "float16")
    with torch.inference_mode():
        found = half.detect(images, sizes)
        assert half.features(torch.zeros(1, 3, 64, 64))[0].dtype == torch.float16
    assert len(found.scores)
    assert (found.boxes.dtype, found.scores.dtype, found.masks.dtype) == (torch.float32,) * 3


def test_weights_that_it_does_not_hold(model):
    model.neck.fpn_convs[0].conv.weight.data[0, 0, 0, 0] = 1e5
    with pytest.raises(
        RefineMaskError, match=r"neck\.fpn_convs\.0\.conv\.weight has weights up to 1e\+05"
    ):
        to_half_precision(shared_copy(model), "float16")
