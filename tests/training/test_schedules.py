"""The published schedules (numerics 14), and options that override them."""

from pathlib import Path
from typing import Any

import pytest

from refinemask.errors import WrongUsage
from refinemask.training import TrainOptions, resolve, schedule_flags

BASE: dict[str, Any] = {"output": Path("run"), "datasets": ("shapes",), "preset": "refinemask_r50"}


def resolved(schedule, **given):
    return resolve(schedule, BASE | given)


@pytest.mark.parametrize(
    ("schedule", "epochs", "steps", "rate", "short_sides", "long_side", "repeat", "threshold"),
    [
        ("1x", 12, (8, 11), 0.02, (800,), 1333, 1, None),
        ("2x", 24, (16, 22), 0.02, (800,), 1333, 1, None),
        ("lvis", 12, (8, 11), 0.02, (640, 672, 704, 736, 768, 800), 1333, 1, 0.001),
        ("cityscapes", 8, (7,), 0.01, tuple(range(800, 1025)), 2048, 8, None),
    ],
)
def test_published(schedule, epochs, steps, rate, short_sides, long_side, repeat, threshold):
    found = resolved(schedule)
    assert (found.epochs, found.steps, found.base_learning_rate) == (epochs, steps, rate)
    assert (found.short_sides, found.long_side) == (short_sides, long_side)
    assert (found.repeat, found.repeat_threshold) == (repeat, threshold)
    assert (found.batch_size, found.warm_up, found.optimizer) == (16, 500, "sgd")
    assert (found.weight_decay, found.clip_norm, found.schedule) == (1e-4, 35, "step")
    total = epochs * 100
    factors = [found.rate_at(step * 100 - before, total) for step in steps for before in (1, 0)]
    assert factors == pytest.approx([1, 0.1, 0.1, 0.01][: 2 * len(steps)])


def test_explicit_options_take_precedence():
    found = resolved("cityscapes", batch_size=8, short_sides=(512,), repeat=1, warm_up=0)
    assert (found.short_sides, found.long_side, found.repeat) == ((512,), 2048, 1)
    assert (found.batch_size, found.warm_up, found.epochs) == (8, 0, 8)
    assert found.base_learning_rate == pytest.approx(0.005)
    assert resolved("1x", learning_rate=0.3).base_learning_rate == 0.3
    assert resolved("1x", optimizer="adamw").base_learning_rate == 5e-4


def test_steps_follow_the_epochs():
    assert resolved("1x", epochs=6).steps == (4, 5.5)
    assert resolved("1x", epochs=6, steps=(3,)).steps == (3,)


def test_without_a_published_schedule_the_defaults_hold():
    assert resolved("step") == TrainOptions(**BASE)
    found = resolved("cosine", batch_size=4)
    assert (found.schedule, found.epochs, found.batch_size) == ("cosine", 12, 4)
    assert found.base_learning_rate == pytest.approx(0.005)


def test_an_unknown_schedule_is_refused():
    with pytest.raises(WrongUsage, match="--schedule must be step or cosine or 1x"):
        resolved("3x")


def test_description_and_what_is_saved():
    found = resolved("cityscapes", batch_size=8)
    assert schedule_flags(found) == (
        "--optimizer sgd --schedule step --epochs 8 --steps 7 --short-sides 800..1024 "
        "--long-side 2048 --learning-rate 0.005 --warm-up 500 --batch-size 8 --repeat 8"
    )
    saved = found.to_dict()
    assert (saved["learning_rate"], saved["steps"], saved["repeat"]) == (0.005, (7,), 8)
