"""The state dict is found under whatever wraps it, and hostile ones are refused before loading."""

from pathlib import Path

import pytest
import torch

from refinemask.checkpoints.load import load_model, read_checkpoint
from refinemask.checkpoints.state_dicts import find_state_dict
from refinemask.configs.presets import maskrcnn_r50
from refinemask.errors import RefineMaskError
from tests.checkpoints import foreign

FILE = Path("model.pth")
PLAIN = {
    "backbone.conv1.weight": torch.ones(2),
    "roi_head.bbox_head.fc_cls.bias": torch.ones(3),
}
COUNTED = {"n_averaged": torch.tensor(3)}
OTHER = {name: tensor * 2 for name, tensor in PLAIN.items()}


def prefixed(prefix, tensors=PLAIN):
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        {"model_state_dict": PLAIN, "epoch": 24, "optimizer_state_dict": {"state": {}}},
        {"state_dict": prefixed("_orig_mod.")},
        {"state_dict": prefixed("module._orig_mod.")},
        {"state_dict": prefixed("_orig_mod.module.")},
        {"state_dict": prefixed("model."), "hyper_parameters": {"lr": 0.005}},
        {"state_dict": prefixed("net.segmenter.")},
        {"backbone._orig_mod." + n.partition(".")[2]: t for n, t in [*PLAIN.items()][:1]}
        | {"roi_head._fsdp_wrapped_module.bbox_head.fc_cls.bias": torch.ones(3)},
        {"my_detector": PLAIN, "rng": {"cpu": torch.ones(1)}},
        {"trainer": {"task": {"weights": PLAIN}}, "optimizer": {"momentum": OTHER}},
    ],
)
def test_wrappers(content):
    found = find_state_dict(FILE, content)
    assert list(found.tensors) == list(PLAIN)
    assert all(torch.equal(found.tensors[name], tensor) for name, tensor in PLAIN.items())


@pytest.mark.parametrize(
    ("content", "origin"),
    [
        ({"model": OTHER, "model_ema": prefixed("module.") | COUNTED}, "model_ema"),
        ({"model": {}, "model_ema": prefixed("module.") | COUNTED}, "model_ema"),
        ({"state_dict": OTHER, "state_dict_ema": PLAIN}, "state_dict_ema"),
        ({"state_dict": OTHER, "ema": {"shadow": PLAIN}}, "ema.shadow"),
        (
            # mmengine swaps the two where it saves them
            {
                "meta": {"mmengine_version": "0.10.7"},
                "state_dict": PLAIN,
                "ema_state_dict": prefixed("module.", OTHER) | {"steps": torch.tensor(5)},
            },
            "state_dict",
        ),
    ],
)
def test_averaged_weights_come_first(content, origin):
    found = find_state_dict(FILE, content)
    assert all(torch.equal(found.tensors[name], tensor) for name, tensor in PLAIN.items())
    assert list(found.tensors) == list(PLAIN)
    assert found.origin == f"the averaged weights (EMA) of {origin}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"student": PLAIN, "teacher": OTHER}, "several state dicts .'student', 'teacher'."),
        (PLAIN | {"a": torch.zeros(1).expand(2**40)}, "'a' is not a dense CPU tensor that holds"),
        (PLAIN | {"a": torch.zeros(1, dtype=torch.complex64)}, "'a' is not a dense CPU tensor"),
        (
            {
                "backbone.layer1.bias": torch.ones(1),
                "backbone._orig_mod.layer1.bias": torch.ones(1),
            },
            "two tensors of one name",
        ),
    ],
)
def test_what_is_refused(content, message):
    with pytest.raises(RefineMaskError, match=f"model.pth .*{message}"):
        find_state_dict(FILE, content)


def test_only_some_of_many_state_dicts_are_listed():
    content = {f"part {index}": PLAIN for index in range(9)}
    content |= {f"x{index}": dict(PLAIN) for index in range(3000)}
    with pytest.raises(RefineMaskError, match=r"several state dicts .*'x8', \.\.\.\)") as error:
        find_state_dict(FILE, content)
    assert len(str(error.value)) < 500


def test_names_of_many_parts():
    """Of which a header of 2 MB may have a million."""
    name = "a." * 10**6 + "b"
    assert find_state_dict(FILE, {name: torch.ones(1)}).tensors.keys() == {name[20:]}
    key = "_ema" * 10**5 + "\n"
    assert find_state_dict(FILE, {key: PLAIN}).tensors.keys() == PLAIN.keys()


def test_an_object_that_a_pickle_holds_many_times():
    content: dict[str, object] = {"x": 1}
    content |= {str(index): content for index in range(3000)}
    with pytest.raises(RefineMaskError, match="does not hold a state dict"):
        find_state_dict(FILE, content)


def test_a_wrapped_model_loads_and_says_where_its_weights_were(tmp_path):
    from safetensors.torch import save_file

    config = foreign.narrow(maskrcnn_r50())
    tensors = foreign.state_dict(config)
    averaged = {f"module.{name}": tensor for name, tensor in tensors.items()}
    torch.save({"state_dict": {}, "state_dict_ema": averaged}, tmp_path / "model.ckpt")
    save_file({f"model.{n}": t.clone() for n, t in tensors.items()}, tmp_path / "a.safetensors")
    found = read_checkpoint(tmp_path / "model.ckpt").provenance["weights from"]
    assert found == "the averaged weights (EMA) of state_dict_ema"
    for file in ("model.ckpt", "a.safetensors"):
        model = load_model(tmp_path / file)
        assert model.config == config
        assert all(torch.equal(value, tensors[n]) for n, value in model.state_dict().items())


@pytest.mark.parametrize(
    "name", ["roi_head.bbox_head.fc_cls.weight", "neck.lateral_convs.0.conv.weight"]
)
def test_sizes_that_no_model_has(tmp_path, name):
    tensors = foreign.state_dict(foreign.narrow(maskrcnn_r50()))
    tensors[name] = torch.zeros(2**21, 1)
    torch.save(tensors, tmp_path / "model.pth")
    with pytest.raises(RefineMaskError, match=r"model\.pth cannot be loaded: .* between 1 and "):
        load_model(tmp_path / "model.pth")
