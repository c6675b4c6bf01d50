"""Times of the modules of a model."""

import time

import pytest

pytest.importorskip("torch")

from torch import nn

from refinemask.engines.module_times import module_times


class Sleep(nn.Module):
    def __init__(self, seconds: float, *inside: nn.Module) -> None:
        super().__init__()
        self.seconds, self.inside = seconds, nn.ModuleList(inside)

    def forward(self) -> None:
        time.sleep(self.seconds)
        for module in self.inside:
            module()


def test_own_time_is_without_the_modules_that_are_called() -> None:
    model = Sleep(0.05, Sleep(0.001, Sleep(0.1)), Sleep(0.001))
    model()
    with module_times(model) as sums:
        model()
        model()
    model()
    seconds = {name: total for (name, _), total in sums.items()}
    assert seconds.keys() == {"model", "inside.0", "inside.0.inside.0", "inside.1"}
    assert seconds["inside.0.inside.0"] >= 0.2
    assert seconds["model"] >= 0.1
    assert max(seconds["inside.0"], seconds["inside.1"]) < seconds["model"]
