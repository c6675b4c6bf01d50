"""Mixed precision: what is short, what stays float32, and that training goes on."""

from typing import Any

import pytest
import torch

from refinemask.models import Detector
from refinemask.training import losses as training_losses
from refinemask.training import train
from tests.training.runs import metrics, options, weights


def test_bfloat16_trains_like_float32(tmp_path):
    changes = {"preset": "refinemask_small", "optimizer": "adamw", "warm_up": 0}
    changes |= {"rois": 512, "mask_rois": None}
    for precision, iterations in (("float32", 1), ("bfloat16", 8)):
        run = {"precision": precision, "iterations": iterations}
        train(options(tmp_path / precision, **changes | run))
    found, expected = metrics(tmp_path / "bfloat16"), metrics(tmp_path / "float32")
    # Before the first update only rounding differs, and with it a few of the sampled boxes.
    for name in ("rpn_score", "class", "mask", "semantic", "total"):
        assert found[0][name] == pytest.approx(expected[0][name], rel=0.05), name
    assert found[0]["semantic"] != expected[0]["semantic"]
    dense = [line["rpn_score"] + line["semantic"] for line in found]
    assert dense[-1] < 0.75 * dense[0]
    saved = weights(tmp_path / "bfloat16" / "model.safetensors")
    assert {tensor.dtype for tensor in saved.values()} <= {torch.float32, torch.int64}


def test_networks_compute_short_and_losses_in_float32(tmp_path, monkeypatch):
    seen: dict[str, Any] = {}

    def spy(name):
        function = getattr(training_losses, name)

        def record(*args, **kwargs):
            seen[name] = [args, torch.is_autocast_enabled("cpu")]
            return function(*args, **kwargs)

        monkeypatch.setattr(training_losses, name, record)

    for name in ("propose", "encode_boxes", "semantic_loss", "boundary_aware_loss", "make_rois"):
        spy(name)
    features = Detector.features

    def record(model, images):
        seen["features"] = features(model, images)
        return seen["features"]

    monkeypatch.setattr(Detector, "features", record)
    chosen = options(tmp_path, preset="refinemask_small", precision="bfloat16", iterations=1)
    train(chosen)
    assert {feature.dtype for feature in seen["features"]} == {torch.bfloat16}
    (logits, deltas, anchors, *_), _ = seen["propose"]
    (_, boxes), _ = seen["make_rois"]
    (stages, targets, *_), autocast = seen["boundary_aware_loss"]
    in_float32 = [*logits, *deltas, *anchors, boxes, *stages, *targets]
    in_float32 += [*seen["encode_boxes"][0][:2], *seen["semantic_loss"][0]]
    assert {tensor.dtype for tensor in in_float32} == {torch.float32}
    assert not autocast


def test_float16_scales_the_loss_and_saves_the_scale(tmp_path, monkeypatch):
    """A scale that overflows is halved, the weights stay, and a resumed run goes on from it."""
    from safetensors import safe_open

    changes = {"precision": "float16", "learning_rate": 0.01, "warm_up": 0, "iterations": 2}
    huge = torch.amp.GradScaler("cpu", init_scale=2.0**120)
    with monkeypatch.context() as patched:
        patched.setattr("refinemask.training.optimizer.gradient_scaler", lambda *_: huge)
        with pytest.raises(KeyboardInterrupt):
            train(options(tmp_path, **changes), interrupt_after(1))
    assert metrics(tmp_path)[0]["grad_norm"] is None
    with safe_open(tmp_path / "state.safetensors", framework="pt") as file:
        assert f'"scale": {2.0**119!r}' in file.metadata()["refinemask-training"]
    scales = []
    update = torch.amp.GradScaler.update

    def record(scaler):
        update(scaler)
        scales.append(scaler.get_scale())

    monkeypatch.setattr(torch.amp.GradScaler, "update", record)
    train(options(tmp_path, resume=True, **changes))
    assert scales == [2.0**118]


def interrupt_after(iteration):
    def report(number, total, losses):
        if number == iteration:
            raise KeyboardInterrupt

    return report
