"""The state of a run survives its file; other files are refused."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from refinemask.configs.presets import maskrcnn_small
from refinemask.errors import RefineMaskError
from refinemask.training.average import averaged
from refinemask.training.metrics import MetricsLog
from refinemask.training.state import load_state, read_header, save_state

CONFIG = maskrcnn_small(2)
OPTIMIZERS = {
    "sgd": lambda model: torch.optim.SGD(model.parameters(), 0.1, momentum=0.9),
    "adamw": lambda model: torch.optim.AdamW(model.parameters(), 0.1),
}


def trained(optimizer_name, width=3):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, width, 3), nn.BatchNorm2d(width))
    model = model.to(memory_format=torch.channels_last)
    optimizer = OPTIMIZERS[optimizer_name](model)
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.randn(1, 2, 5, 5)).square().sum().backward()
        optimizer.step()
    return model, optimizer


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_round_trip(tmp_path, name):
    model, optimizer = trained(name)
    path = tmp_path / "state.safetensors"
    save_state(path, model, CONFIG, optimizer, {"iteration": 2, "options": {}})
    assert read_header(path) == (CONFIG, {"iteration": 2, "options": {}})
    other, fresh = trained(name)
    for parameter in other.parameters():
        nn.init.zeros_(parameter)
    assert load_state(path, other, fresh) == {"iteration": 2, "options": {}}
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in other.state_dict().items())
    expected, found = optimizer.state_dict()["state"], fresh.state_dict()["state"]
    assert found.keys() == expected.keys()
    for index, values in expected.items():
        assert found[index].keys() == values.keys()
        assert all(torch.equal(found[index][key], value) for key, value in values.items())


def test_the_average_comes_back_with_its_number_of_updates(tmp_path):
    model, optimizer = trained("sgd")
    average = averaged(model, 0.9)
    for _ in range(3):
        nn.init.normal_(next(model.parameters()))
        average.update_parameters(model)
    path = tmp_path / "state.safetensors"
    save_state(path, model, CONFIG, optimizer, {"iteration": 3, "options": {}}, average)
    other, fresh = trained("sgd")
    found = averaged(other, 0.9)
    load_state(path, other, fresh, found)
    expected = average.state_dict()
    assert found.n_averaged == 3
    assert all(torch.equal(value, expected[name]) for name, value in found.state_dict().items())
    assert torch.equal(next(other.parameters()), next(model.parameters()))


def test_a_state_that_lacks_the_average(tmp_path):
    model, optimizer = trained("sgd")
    path = tmp_path / "state.safetensors"
    save_state(path, model, CONFIG, optimizer, {"iteration": 2, "options": {}})
    with pytest.raises(RefineMaskError, match="belongs to another model"):
        load_state(path, model, optimizer, averaged(model, 0.9))


def test_missing_state(tmp_path):
    with pytest.raises(RefineMaskError, match=r"nothing to resume: .* start without --resume"):
        read_header(tmp_path / "state.safetensors")


@pytest.mark.parametrize(
    "header",
    [
        None,
        {"other": "{}"},
        {"refinemask-training": "{"},
        {"refinemask-training": "[]"},
        {"refinemask-training": "{}"},
        {"refinemask-training": '{"config": {}}'},
    ],
)
def test_a_file_that_is_no_state(tmp_path, header):
    path = tmp_path / "state.safetensors"
    save_file({"model/x": torch.zeros(1)}, path, header)
    with pytest.raises(RefineMaskError, match="not "):
        read_header(path)


def test_a_truncated_state(tmp_path):
    path = tmp_path / "state.safetensors"
    model, optimizer = trained("sgd")
    save_state(path, model, CONFIG, optimizer, {"iteration": 2, "options": {}})
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RefineMaskError, match="not the state of a training run"):
        load_state(path, model, optimizer)


def test_the_state_of_another_model(tmp_path):
    path = tmp_path / "state.safetensors"
    model, optimizer = trained("sgd")
    save_state(path, model, CONFIG, optimizer, {"iteration": 2, "options": {}})
    with pytest.raises(RefineMaskError, match="belongs to another model"):
        load_state(path, *trained("sgd", width=4))


@pytest.mark.parametrize(
    "progress",
    [
        {"iteration": -1, "options": {}},
        {"iteration": "x", "options": {}},
        {"iteration": 1},
        {"iteration": 1, "options": {}, "scaler": 3},
        {"iteration": 1, "options": {}, "reinitialised": 3},
        {"iteration": 1, "options": {}, "images": {}},
        {"iteration": 1, "options": {}, "reinitialised": None},
        5,
    ],
)
def test_progress_that_makes_no_sense(tmp_path, progress):
    model, optimizer = trained("sgd")
    path = tmp_path / "state.safetensors"
    save_state(path, model, CONFIG, optimizer, progress)
    with pytest.raises(RefineMaskError, match=r"damaged|not the state"):
        load_state(path, model, optimizer)


@pytest.mark.parametrize("place", [0.2, 0.5, 0.8, 0.99])
def test_a_flipped_bit(tmp_path, place):
    model, optimizer = trained("adamw")
    path = tmp_path / "state.safetensors"
    save_state(path, model, CONFIG, optimizer, {"iteration": 2, "options": {}})
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(RefineMaskError, match=r"is damaged|is not the state"):
        load_state(path, model, optimizer)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("momentum_buffer", torch.ones(5), r"momentum_buffer of parameter 0 has \[5\]"),
        ("momentum_buffer", torch.ones(2, 3), "belongs to another model or optimizer"),
    ],
)
def test_an_optimizer_of_other_shapes(tmp_path, key, value, message):
    model, optimizer = trained("sgd")
    optimizer.state[next(model.parameters())][key] = value
    path = tmp_path / "state.safetensors"
    save_state(path, model, CONFIG, optimizer, {"iteration": 2, "options": {}})
    with pytest.raises(RefineMaskError, match=message):
        load_state(path, *trained("sgd"))


def test_weights_that_are_no_numbers(tmp_path):
    model, optimizer = trained("sgd")
    nn.init.constant_(next(model.parameters()), float("nan"))
    path = tmp_path / "state.safetensors"
    save_state(path, model, CONFIG, optimizer, {"iteration": 2, "options": {}})
    with pytest.raises(RefineMaskError, match=r"its tensor 0\.weight has NaN"):
        load_state(path, *trained("sgd"))


def test_a_damaged_log_keeps_the_lines_of_ours(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(
        b'[1]\n5\n\xff\n{"a": 1}\n' + b"9" * 5000 + b'\n{"iteration": 1}\n{"iteration": 9}\n{"iter'
    )
    MetricsLog(path, 1)
    assert path.read_text() == '{"iteration": 1}\n'
