"""The schedule by hand (numerics 14), and options that make no sense."""

import json
from pathlib import Path
from typing import Any

import pytest

from refinemask.errors import RefineMaskError
from refinemask.training import TrainOptions


def options(**changes):
    values: dict[str, Any] = {
        "output": Path("run"),
        "datasets": ("shapes",),
        "preset": "refinemask_small",
    }
    return TrainOptions(**values | changes)


@pytest.mark.parametrize(
    ("iteration", "factor"),
    [
        (0, 0.001),
        (250, 0.5005),
        (499, 1 - 0.999 / 500),
        (500, 1),
        (7999, 1),
        (8000, 0.1),
        (10_999, 0.1),
        (11_000, 0.01),
        (11_999, 0.01),
    ],
)
def test_step_schedule(iteration, factor):
    assert options().rate_at(iteration, 12_000) == pytest.approx(factor)


@pytest.mark.parametrize("epoch_length", [1, 7, 89, 1113, 7330])
def test_steps_are_at_the_ends_of_epochs_8_and_11(epoch_length):
    total = 12 * epoch_length
    rates = [
        options(warm_up=0).rate_at(e * epoch_length - d, total) for e in (8, 11) for d in (1, 0)
    ]
    assert rates == pytest.approx([1, 0.1, 0.1, 0.01])


@pytest.mark.parametrize(("iteration", "factor"), [(0, 1), (699, 1), (700, 0.1), (799, 0.1)])
def test_steps_of_ones_own(iteration, factor):
    chosen = options(warm_up=0, epochs=8, steps=(7,))
    assert chosen.rate_at(iteration, 800) == pytest.approx(factor)


@pytest.mark.parametrize(("iteration", "factor"), [(0, 1), (25, 0.853553), (50, 0.5), (100, 0)])
def test_cosine_schedule(iteration, factor):
    chosen = options(schedule="cosine", warm_up=0)
    assert chosen.rate_at(iteration, 100) == pytest.approx(factor, abs=1e-6)


def test_peak_learning_rates():
    assert options(batch_size=16).base_learning_rate == pytest.approx(0.02)
    assert options(batch_size=2).base_learning_rate == pytest.approx(0.0025)
    assert options(optimizer="adamw").base_learning_rate == pytest.approx(5e-4)
    assert options(optimizer="adamw", learning_rate=0.3).base_learning_rate == 0.3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"datasets": ()}, "at least one --dataset"),
        ({"epochs": 0}, "--epochs must be >= 1, got 0"),
        ({"iterations": 0}, "--iterations must be >= 1"),
        ({"batch_size": 0}, "--batch-size must be >= 1"),
        ({"rois": 0}, "--rois must be >= 1"),
        ({"mask_rois": 0}, "--mask-rois must be >= 1"),
        ({"evaluate_every": 0}, "--evaluate-every must be >= 1"),
        ({"warm_up": -1}, "--warm-up must be >= 0"),
        ({"seed": -1}, "--seed must be between 0 and 4294967295, got -1"),
        ({"seed": 2**32}, "--seed must be between 0 and 4294967295"),
        ({"workers": -1}, "--workers must be >= 0"),
        ({"long_side": 31}, "--long-side must be >= 32, got 31"),
        ({"weight_decay": -1e-4}, "--weight-decay must be >= 0"),
        ({"backbone_factor": float("nan")}, "--backbone-factor must be >= 0, got nan"),
        ({"learning_rate": 0.0}, "--learning-rate must be > 0"),
        ({"clip_norm": 0.0}, "--clip-norm must be > 0"),
        ({"ema": 0.0}, "--ema must be > 0 and < 1, got 0.0"),
        ({"ema": 1.0}, "--ema must be > 0 and < 1, got 1.0"),
        ({"ema": float("nan")}, "--ema must be > 0 and < 1, got nan"),
        ({"zoom": -0.1}, "--zoom must be between 0 and 1, got -0.1"),
        ({"zoom": 1.1}, "--zoom must be between 0 and 1, got 1.1"),
        ({"canvas": 100}, "--canvas must be a multiple of 32 and >= 32, got 100"),
        ({"canvas": 0}, "--canvas must be a multiple of 32 and >= 32, got 0"),
        ({"optimizer": "adam"}, "--optimizer must be sgd or adamw, got 'adam'"),
        ({"schedule": "poly"}, "--schedule must be step or cosine"),
        ({"repeat": 0}, "--repeat must be >= 1"),
        ({"repeat_threshold": 0.0}, "--repeat-threshold must be > 0"),
        ({"precision": "float8"}, "--precision must be float32 or bfloat16 or float16"),
        ({"steps": (8, 12)}, "--steps must be > 0 and < the 12 epochs, got 8,12"),
        ({"steps": (8,), "schedule": "cosine"}, "--steps requires --schedule step, got cosine"),
        (
            {"preset": None, "init": "a", "backbone_weights": "none"},
            "--backbone-weights requires a new model",
        ),
        ({"preset": None}, "name a model to train with --preset, --init or --resume"),
        ({"freeze_detector": True}, "require --init"),
        ({"reset_mask_head": True}, "require --init"),
        ({"init": "model.safetensors"}, "leave out --preset"),
        ({"bn_eps": 0.0}, "--bn-eps requires --init"),
    ],
)
def test_senseless_options_are_refused(changes, message):
    with pytest.raises(RefineMaskError, match=message):
        options(**changes)


def test_a_resumed_run_may_leave_settings_out_but_not_change_them():
    saved = json.loads(json.dumps(options(settings=("score_threshold=0.2",)).to_dict()))
    options(resume=True).check_continues(saved)
    options(settings=("score_threshold=0.2",), resume=True).check_continues(saved)
    with pytest.raises(RefineMaskError, match=r"continues a run with the same options.*--set"):
        options(settings=("score_threshold=0.3",), resume=True).check_continues(saved)


def test_a_run_continues_with_the_options_that_decide_its_result():
    saved = json.loads(json.dumps(options(short_sides=(256, 320)).to_dict()))
    same = options(short_sides=(256, 320), resume=True, output=Path("moved"), workers=2)
    same.check_continues(saved)
    changed = options(short_sides=tuple(range(800, 1025)), resume=True)
    with pytest.raises(RefineMaskError, match=r"--short-sides 800\.\.1024 \(was 256,320\)"):
        changed.check_continues(saved)
    with pytest.raises(RefineMaskError, match=r"--seed 1 \(was 0\), --batch-size 4 \(was 2\)|seed"):
        options(short_sides=(256, 320), seed=1, batch_size=4, resume=True).check_continues(saved)


def test_a_run_of_an_earlier_version_continues_without_what_it_did_not_have():
    saved = json.loads(json.dumps(options().to_dict()))
    for name in ("ema", "zoom", "keep_empty_images"):
        del saved[name]
    options(resume=True).check_continues(saved)
    with pytest.raises(RefineMaskError, match=r"--ema 0\.9 \(was None\)"):
        options(resume=True, ema=0.9).check_continues(saved)
