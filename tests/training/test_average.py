"""The average of weights: by hand, and what a run does with it."""

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from refinemask.training import train, trainer
from refinemask.training.average import averaged
from refinemask.training.state import STATE
from tests.training.runs import assert_equal, options, weights


@pytest.mark.parametrize(
    ("decay", "expected"),
    [
        (0.9, 10 * 2 / 11 + 20 * 9 / 11),  # the second update forgets by 2/11, whatever the decay
        (0.1, 10 * 0.1 + 20 * 0.9),
    ],
)
def test_two_updates_by_hand(decay, expected):
    model = nn.Linear(1, 1, bias=False)
    average = averaged(model, decay)
    for value in (10.0, 20.0):
        nn.init.constant_(model.weight, value)
        average.update_parameters(model)
    assert average.state_dict()["module.weight"].item() == pytest.approx(expected)
    assert model.weight.item() == 20


def test_long_runs_forget_by_the_decay():
    model = nn.Linear(1, 1, bias=False)
    average = averaged(model, 0.9)
    average.n_averaged.fill_(100)
    average.state_dict()["module.weight"].zero_()
    nn.init.ones_(model.weight)
    average.update_parameters(model)
    assert average.state_dict()["module.weight"].item() == pytest.approx(0.1)


def test_statistics_of_batch_norms_are_copied():
    model = nn.BatchNorm2d(1)
    average = averaged(model, 0.9)
    for value in (1.0, 2.0, 3.0):
        model.state_dict()["running_mean"].fill_(value)
        average.update_parameters(model)
    assert average.state_dict()["module.running_mean"].item() == 3


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return the folder of a run of two iterations that was interrupted after the first one.

    And the tensors of its state at that time.
    """
    folder = tmp_path_factory.mktemp("run")

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(options(folder, iterations=2, ema=0.9), interrupt)
    first = load_file(folder / STATE)
    train(options(folder, iterations=2, ema=0.9, resume=True))
    return folder, first


def part(tensors, prefix):
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def test_the_checkpoint_is_the_average_of_the_weights(run):
    folder, state = run
    first, second = (part(tensors, "model/") for tensors in (state, load_file(folder / STATE)))
    found = weights(folder / "model.safetensors")
    assert found.keys() == second.keys()
    for name, value in found.items():
        expected = first[name] * (2 / 11) + second[name] * (9 / 11)
        torch.testing.assert_close(value, expected.to(value.dtype), rtol=1e-6, atol=1e-7)
    assert_equal(part(load_file(folder / STATE), "average/module."), found)


def test_the_average_does_not_change_training(run, tmp_path):
    folder, _ = run
    plain = train(options(tmp_path, iterations=2))
    assert_equal(part(load_file(folder / STATE), "model/"), weights(plain))


def test_the_average_is_evaluated(tmp_path, monkeypatch):
    evaluated = []

    def evaluate(model, dataset, progress):
        evaluated.append({k: v.clone() for k, v in model.state_dict().items()})
        assert not any(module.training for module in model.modules())
        return {"images": 1}

    monkeypatch.setattr(trainer, "evaluate", evaluate)
    checkpoint = train(options(tmp_path, iterations=2, ema=0.9, validation=("shapes:1",)))
    assert_equal(evaluated[-1], weights(checkpoint))
    assert not all(
        torch.equal(value, evaluated[-1][name])
        for name, value in part(load_file(tmp_path / STATE), "model/").items()
    )
