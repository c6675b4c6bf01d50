"""Runs are repeated exactly, also when they were interrupted."""

import shutil
import signal
from dataclasses import replace

import pytest
import torch

from refinemask.checkpoints import load_model
from refinemask.data.open import open_dataset
from refinemask.errors import RefineMaskError
from refinemask.training import batch_losses, state, train, trainer
from refinemask.training.losses import detector_losses
from refinemask.training.metrics import MetricsLog
from refinemask.training.optimizer import Updates
from refinemask.training.state import STATE
from tests.training.runs import CLASSES, assert_equal, metrics, options, weights

KINDS = {
    "sgd": {"learning_rate": 0.01},
    "bfloat16": {"learning_rate": 0.01, "precision": "bfloat16"},
    "adamw": {
        "preset": "refinemask_small",
        "optimizer": "adamw",
        "schedule": "cosine",
        "ema": 0.9,
        "zoom": 0.5,
    },
}


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return KINDS[request.param]


@pytest.fixture(scope="module")
def uninterrupted(kind, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    train(options(folder, **kind))
    return folder


def interrupt_in_report(monkeypatch, iteration):
    def report(number, total, losses):
        if number == iteration:
            raise KeyboardInterrupt

    return report


def interrupt_in_losses(monkeypatch, iteration):
    calls = []

    def losses(*args, **kwargs):
        calls.append(args)
        if len(calls) == iteration + 1:
            raise KeyboardInterrupt
        return detector_losses(*args, **kwargs)

    monkeypatch.setattr(batch_losses, "detector_losses", losses)


def interrupt_in_update(monkeypatch, iteration):
    calls = []

    def write(log, values):
        calls.append(values)
        if len(calls) == iteration:
            signal.raise_signal(signal.SIGINT)  # Ctrl-C, after the weights but before the log
        original(log, values)

    original = MetricsLog.write
    monkeypatch.setattr(MetricsLog, "write", write)


def fail_in_report(iteration, monkeypatch=None):
    """Fail after an iteration, with no time to save where there is a `monkeypatch`."""

    def report(number, total, losses):
        if number == iteration:
            if monkeypatch:
                monkeypatch.setattr(trainer, "save_state", lambda *_: None)
            raise RuntimeError("failed")

    return report


@pytest.fixture
def keyboard():
    """Let SIGINT raise KeyboardInterrupt: where tests run in the background, it is ignored."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.mark.usefixtures("keyboard")
@pytest.mark.parametrize(
    ("interrupt", "iteration"),
    [
        (interrupt_in_report, 2),  # at the end of an epoch
        (interrupt_in_report, 3),
        (interrupt_in_losses, 3),
        (interrupt_in_update, 3),
    ],
)
def test_an_interrupted_run_continues_exactly(
    kind, uninterrupted, tmp_path, monkeypatch, interrupt, iteration
):
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        train(options(tmp_path, **kind), interrupt(patched, iteration))
    assert len(metrics(tmp_path)) == iteration
    checkpoint = train(options(tmp_path, resume=True, **kind))
    assert_equal(weights(checkpoint), weights(uninterrupted / "model.safetensors"))
    lines, expected = metrics(tmp_path), metrics(uninterrupted)
    assert [line | {"seconds": 0} for line in lines] == [e | {"seconds": 0} for e in expected]


def test_a_killed_run_continues_from_its_last_epoch(kind, uninterrupted, tmp_path, monkeypatch):
    shutil.copytree(uninterrupted, tmp_path, dirs_exist_ok=True)
    (tmp_path / "state.safetensors").unlink()
    (tmp_path / "model.safetensors").unlink()

    with monkeypatch.context() as patched, pytest.raises(RuntimeError):
        train(options(tmp_path, **kind), fail_in_report(3, patched))
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"iteration": 4, "lr":')  # the writing was cut short
    train(options(tmp_path, resume=True, **kind))
    assert_equal(
        weights(tmp_path / "model.safetensors"), weights(uninterrupted / "model.safetensors")
    )
    assert [line["iteration"] for line in metrics(tmp_path)] == [1, 2, 3, 4]


def test_an_error_leaves_a_run_that_continues(kind, uninterrupted, tmp_path):
    with pytest.raises(RuntimeError):
        train(options(tmp_path, **kind), fail_in_report(3))
    numbers = []
    chosen = options(tmp_path, resume=True, **kind)
    checkpoint = train(chosen, lambda number, *_: numbers.append(number))
    assert numbers == [4]
    assert_equal(weights(checkpoint), weights(uninterrupted / "model.safetensors"))


def test_metrics_and_checkpoint(kind, uninterrupted):
    lines = metrics(uninterrupted)
    assert [line["iteration"] for line in lines] == [1, 2, 3, 4]
    chosen = options(uninterrupted, **kind)
    rates = [chosen.base_learning_rate * chosen.rate_at(i, 4) for i in range(4)]
    assert [line["lr"] for line in lines] == pytest.approx(rates)
    assert all(line["grad_norm"] > 0 and line["total"] > 0 for line in lines)
    model = load_model(uninterrupted / "model.safetensors")
    assert model.class_names == CLASSES
    assert model.config.preset == chosen.preset
    assert sorted(path.name for path in uninterrupted.iterdir()) == [
        "metrics.jsonl", "model.safetensors", "state.safetensors"
    ]  # fmt: skip


def test_another_seed_gives_other_weights(kind, uninterrupted, tmp_path):
    checkpoint = train(options(tmp_path, **kind | {"seed": 4, "iterations": 1}))
    found, expected = weights(checkpoint), weights(uninterrupted / "model.safetensors")
    name = "roi_head.bbox_head.fc_cls.weight"
    assert not torch.allclose(found[name], expected[name], atol=1e-2)


def test_evaluation_at_the_ends_of_epochs(tmp_path, monkeypatch):
    evaluated = []

    def evaluate(model, dataset, progress):
        evaluated.append((model.training, len(dataset)))
        return {"images": 1}

    monkeypatch.setattr(trainer, "evaluate", evaluate)
    chosen = options(tmp_path, iterations=5, validation=("shapes:1",), evaluate_every=2)
    with pytest.raises(KeyboardInterrupt):
        train(chosen, interrupt_in_report(monkeypatch, 5))
    assert [(e["iteration"], e["validation"]) for e in metrics(tmp_path) if "validation" in e] == [
        (4, "shapes:1")
    ]
    assert evaluated == [(False, 1)]
    train(replace(chosen, resume=True))  # interrupted before its last evaluation
    assert [e["iteration"] for e in metrics(tmp_path) if "validation" in e] == [4, 5]


def test_resume_with_other_options(uninterrupted, kind):
    with pytest.raises(RefineMaskError, match=r"--seed 9 \(was 3\)"):
        train(options(uninterrupted, resume=True, **kind | {"seed": 9}))


def test_resume_of_a_finished_run_changes_nothing(uninterrupted, kind):
    before = weights(uninterrupted / "model.safetensors")
    train(options(uninterrupted, resume=True, **kind), lambda *_: pytest.fail("trained again"))
    assert_equal(weights(uninterrupted / "model.safetensors"), before)


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """Return the folder of a finished run of one iteration."""
    folder = tmp_path_factory.mktemp("short")
    train(options(folder, iterations=1))
    return folder


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preset": "refinemask_small"}, "--preset refinemask_small"),
        ({"ema": 0.9, "zoom": 0.5}, r"--ema 0\.9 \(was None\), --zoom 0\.5 \(was 0\.0\)"),
        ({"preset": None, "init": "maskrcnn_small"}, "--init maskrcnn_small"),
        ({"datasets": ("shapes:5",)}, "the run has|shapes:5"),
        ({"datasets": ("shapes:9",), "classes": CLASSES[:1]}, "the run has 2 classes"),
    ],
)
def test_resume_with_another_model_or_data(short, changes, message):
    with pytest.raises(RefineMaskError, match=message):
        train(options(short, iterations=1, resume=True, **changes))


def test_resume_with_other_images(short, monkeypatch):
    """The annotations were edited in between: the same name, another number of images."""
    monkeypatch.setattr("refinemask.training.trainer.open_dataset", _nine_shapes)
    with pytest.raises(RefineMaskError, match="continues with the data of the run"):
        train(options(short, iterations=1, resume=True))


def _nine_shapes(_, classes):
    return open_dataset("shapes:9", classes)


def test_resume_of_a_finished_run_writes_its_checkpoint_again(short):
    before = weights(short / trainer.CHECKPOINT)
    (short / trainer.CHECKPOINT).unlink()
    assert_equal(weights(train(options(short, iterations=1, resume=True))), before)


def test_the_state_is_written_before_the_checkpoint(tmp_path, monkeypatch):
    """A run that dies between the two can go on."""

    def die(*_args, **_kwargs):
        raise OSError

    monkeypatch.setattr(trainer, "save_checkpoint", die)
    with pytest.raises(OSError):
        train(options(tmp_path, iterations=1))
    monkeypatch.undo()
    assert not (tmp_path / trainer.CHECKPOINT).exists()
    assert train(options(tmp_path, iterations=1, resume=True)).exists()


def test_weights_that_are_not_finite_are_not_saved(tmp_path, monkeypatch):
    original = Updates.apply

    def explode(updates):
        original(updates)
        updates.optimizer.param_groups[0]["params"][0].data.fill_(float("inf"))

    monkeypatch.setattr(Updates, "apply", explode)
    with pytest.raises(RefineMaskError, match="the weights are not finite after iteration 1"):
        train(options(tmp_path, iterations=1))
    assert not (tmp_path / STATE).exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("ignored", [False, True])
def test_other_signals_are_held_back_too(tmp_path, monkeypatch, number, ignored):
    """Between an update of the weights and its line in the log; but nohup goes on."""
    original = MetricsLog.write

    def write(log, values):
        signal.raise_signal(number)
        original(log, values)

    monkeypatch.setattr(MetricsLog, "write", write)
    previous = signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        if ignored:
            train(options(tmp_path, iterations=2))
        else:
            with pytest.raises(KeyboardInterrupt):
                train(options(tmp_path, iterations=2))
        assert signal.getsignal(number) is (signal.SIG_IGN if ignored else signal.SIG_DFL)
    finally:
        signal.signal(number, previous)
    monkeypatch.undo()
    assert len(metrics(tmp_path)) == (2 if ignored else 1)
    train(options(tmp_path, iterations=2, resume=True))
    assert [line["iteration"] for line in metrics(tmp_path)] == [1, 2]


@pytest.mark.usefixtures("keyboard")
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_interruption_while_the_state_is_written(tmp_path, monkeypatch, second):
    original = state.save_state

    def save_state(*args):
        signal.raise_signal(second)
        original(*args)

    def report(*_):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(trainer, "save_state", save_state)
    with pytest.raises(KeyboardInterrupt):
        train(options(tmp_path), report)
    monkeypatch.undo()
    train(options(tmp_path, resume=True))
    assert [line["iteration"] for line in metrics(tmp_path)] == [1, 2, 3, 4]


def test_a_longer_run_continues_where_its_rates_stay(tmp_path):
    """Explicit steps are in epochs, so that more epochs leave the rates so far as they were."""
    changes = {"iterations": None, "steps": (1,)}
    train(options(tmp_path / "a", **changes, epochs=2))
    train(options(tmp_path / "a", **changes, epochs=3, resume=True))
    whole = train(options(tmp_path / "b", **changes, epochs=3))
    assert_equal(weights(tmp_path / "a" / "model.safetensors"), weights(whole))
    with pytest.raises(RefineMaskError, match="has 6 iterations already, more than the 4"):
        train(options(tmp_path / "a", **changes, epochs=2, resume=True))


def test_a_longer_run_with_other_rates_is_refused(short):
    changes = {"iterations": 4, "warm_up": 0}
    with pytest.raises(RefineMaskError, match=r"--warm-up 0 \(was 2\)"):
        train(options(short, **changes, resume=True))


@pytest.mark.parametrize("schedule", ["step", "cosine"])
def test_where_rates_would_have_been_others_the_way_is_shown(tmp_path, schedule):
    train(options(tmp_path, schedule=schedule))
    with pytest.raises(RefineMaskError, match=r"start a new run with --init .*model\.safetensors"):
        train(options(tmp_path, schedule=schedule, iterations=8, resume=True))
