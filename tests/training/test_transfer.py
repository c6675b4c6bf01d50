"""Which tensors depend on the classes."""

import pytest
import torch

from refinemask.configs import presets
from refinemask.training.transfer import class_summary, class_tensors, for_classes
from tests.checkpoints import foreign

MASK = "roi_head.mask_head."
STAGES = [f"{MASK}stages.{stage}.instance_logits" for stage in range(3)]
LOGITS = {
    presets.refinemask_r50: [*STAGES, f"{MASK}final_instance_logits"],
    presets.refinemask_r50_lvis: STAGES,
    presets.refinemask_r50_fast: [f"{MASK}stage_instance_logits.{stage}" for stage in range(3)],
    presets.maskrcnn_r50: [f"{MASK}conv_logits"],
}


@pytest.mark.parametrize("count", [1, 2, 80])
@pytest.mark.parametrize("preset", LOGITS, ids=lambda preset: preset.__name__)
def test_tensors_of_the_classes(preset, count):
    layers = ["roi_head.bbox_head.fc_cls", "roi_head.bbox_head.fc_reg", *LOGITS[preset]]
    expected = {f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")}
    assert set(class_tensors(foreign.narrow(preset(count)))) == expected


def test_a_fast_head_keeps_its_last_stage():
    config = foreign.narrow(presets.refinemask_r50_fast())
    model = foreign.empty_model(config)
    model.load_state_dict(foreign.state_dict(config), assign=True)
    changed, reset = for_classes(model, ("cat", "dog"), (7, 9))
    assert changed.category_ids == (7, 9)
    before, after = model.state_dict(), changed.state_dict()
    assert f"{MASK}stage_instance_logits.3.weight" not in reset
    assert all(torch.equal(after[name], before[name]) for name in before.keys() - set(reset))
    assert after["roi_head.bbox_head.fc_cls.weight"].shape == (3, 40)


def test_descriptions():
    assert class_summary(("a",)) == "1 class (a)"
    assert class_summary(("a", "b", "c")) == "3 classes (a, b, c)"
    assert class_summary(tuple("abcd")) == "4 classes (a, b, c, ...)"
