"""Which tensors depend on the classes."""

import pytest
import torch

from refinemask.configs import presets
from refinemask.training.transfer import class_summary, for_classes, rows_of_a_class
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
    assert set(rows_of_a_class(foreign.narrow(preset(count)))) == expected


def test_a_fast_head_keeps_its_last_stage():
    config = foreign.narrow(presets.refinemask_r50_fast())
    model = foreign.empty_model(config)
    model.load_state_dict(foreign.state_dict(config), assign=True)
    changed, reset = for_classes(model, ("gnu", "newt"), (7, 9))
    assert changed.category_ids == (7, 9)
    before, after = model.state_dict(), changed.state_dict()
    assert f"{MASK}stage_instance_logits.3.weight" not in reset
    assert all(torch.equal(after[name], before[name]) for name in before.keys() - set(reset))
    assert after["roi_head.bbox_head.fc_cls.weight"].shape == (3, 40)


@pytest.mark.parametrize("preset", LOGITS, ids=lambda preset: preset.__name__)
@pytest.mark.parametrize("count", [1, 3])
def test_common_classes_keep_their_rows(preset, count):
    config = foreign.narrow(preset(count)).with_classes(("cat", "dog", "cow")[:count])
    model = foreign.empty_model(config)
    model.load_state_dict(foreign.state_dict(config), assign=True)
    changed, reset = for_classes(model, ("gnu", "cat"), (1, 2))
    assert set(reset) == set(rows_of_a_class(config))
    before, after = model.state_dict(), changed.state_dict()
    for name in reset:
        rows = 4 if "fc_reg" in name else 1
        assert torch.equal(after[name][rows : 2 * rows], before[name][:rows])
        if "fc_cls" in name:
            assert torch.equal(after[name][-1], before[name][-1])  # the background
            assert len(after[name]) == 3
    fresh = after["roi_head.bbox_head.fc_cls.bias"][0]
    assert fresh == 0


def test_another_order_of_classes_changes_nothing_else():
    config = foreign.narrow(presets.maskrcnn_r50(3)).with_classes(("cat", "dog", "cow"))
    model = foreign.empty_model(config)
    model.load_state_dict(foreign.state_dict(config), assign=True)
    changed, reset = for_classes(model, ("cow", "cat", "dog"), (1, 2, 3))
    assert reset == ()
    before, after = model.state_dict(), changed.state_dict()
    order = {"fc_cls": [2, 0, 1, 3], "conv_logits": [2, 0, 1]}
    for name in rows_of_a_class(config):
        rows = next((rows for part, rows in order.items() if part in name), None)
        expected = before[name][rows or [*range(8, 12), *range(8)]]
        assert torch.equal(after[name], expected)
    again, _ = for_classes(changed, config.class_names, config.category_ids)
    assert all(torch.equal(again.state_dict()[name], value) for name, value in before.items())


def test_descriptions():
    assert class_summary(("a",)) == "1 class (a)"
    assert class_summary(("a", "b", "c")) == "3 classes (a, b, c)"
    assert class_summary(tuple("abcd")) == "4 classes (a, b, c, ...)"
