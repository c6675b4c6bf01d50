"""What the backbone of a new model starts from, and files that do not fit."""

import pickle
from dataclasses import replace
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file

from refinemask.configs.config import RefineMaskConfig
from refinemask.configs.presets import refinemask_r50, refinemask_small
from refinemask.errors import RefineMaskError
from refinemask.models import build_model
from refinemask.training.backbone_weights import load_backbone
from refinemask.training.initialise import initialise

DOWNLOAD = "torchvision.models._api.load_state_dict_from_url"


@pytest.fixture(scope="module")
def narrow():
    mask_head = RefineMaskConfig(channels=32, semantic_channels=32)
    config = refinemask_r50(3)
    return build_model(replace(config, fpn_channels=32, box_head_channels=64, mask_head=mask_head))


@pytest.fixture(scope="module")
def published(narrow):
    """A torchvision ResNet-50 with its classifier, as old files are: without batch counters."""
    backbone = narrow.backbone.state_dict()
    weights = {
        name: torch.full_like(tensor, 0.5)
        for name, tensor in backbone.items()
        if not name.endswith("num_batches_tracked")
    }
    return weights | {"fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}


def assert_loaded(model, published):
    backbone = model.backbone.state_dict()
    wanted = {name for name in published if not name.startswith("fc.")}
    assert {name for name in backbone if not name.endswith("num_batches_tracked")} == wanted
    assert all(torch.equal(backbone[name], published[name]) for name in wanted)


@pytest.fixture(autouse=True)
def other_weights(narrow):
    for parameter in narrow.backbone.parameters():
        torch.nn.init.zeros_(parameter)


def test_imagenet_by_default(narrow, published, monkeypatch):
    monkeypatch.setattr(DOWNLOAD, lambda *_, **__: published)
    initialise(narrow)
    assert_loaded(narrow, published)


def test_a_failed_download_names_the_address_and_the_option(narrow, monkeypatch):
    def fail(*_, **__):
        raise URLError("no route to host")

    monkeypatch.setattr(DOWNLOAD, fail)
    with pytest.raises(RefineMaskError) as error:
        initialise(narrow)
    message = str(error.value)
    assert "weights of resnet50 could not be downloaded from https://download.pytorch" in message
    assert "no route to host" in message and "--backbone-weights FILE" in message


class _Touches:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_file_in_the_cache_of_downloads_executes_nothing(narrow, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cached = tmp_path / "hub" / "checkpoints" / "resnet50-0676ba61.pth"
    cached.parent.mkdir(parents=True)
    torch.save({"conv1.weight": _Touches(tmp_path / "executed")}, cached)
    with pytest.raises(RefineMaskError, match="--backbone-weights FILE"):
        initialise(narrow)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("name", ["resnet50.pth", "resnet50.safetensors"])
def test_a_local_file(narrow, published, tmp_path, name):
    path = tmp_path / name
    (save_file if path.suffix == ".safetensors" else torch.save)(published, path)
    load_backbone(narrow, str(path))
    assert_loaded(narrow, published)


def test_none_leaves_the_random_start(narrow):
    load_backbone(narrow, "none")
    assert not narrow.backbone.conv1.weight.any()


def test_a_file_of_another_network_lists_what_is_wrong(narrow, published, tmp_path):
    path = tmp_path / "other.pth"
    weights = dict(published)
    del weights["conv1.weight"]
    weights |= {"stem.weight": torch.zeros(1), "bn1.bias": torch.zeros(3)}
    torch.save(weights, path)
    with pytest.raises(RefineMaskError) as error:
        load_backbone(narrow, str(path))
    assert "not the state dict of a torchvision resnet50" in str(error.value)
    for problem in ("missing: conv1.weight;", "unexpected: stem.weight;"):
        assert problem in str(error.value)
    assert str(error.value).endswith("wrongly shaped: bn1.bias")


class Trap:
    def __reduce__(self):
        return (exec, ("raise SystemExit('executed')",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            pickle.dumps(Trap(), protocol=2),
            "bad.pth is a plain pickle.* exec",
        ),
        (b"", "bad.pth is not a readable PyTorch checkpoint"),
        (None, "the file does not exist; give imagenet, none or a file"),
    ],
    ids=["harmful", "empty", "missing"],
)
def test_a_file_that_is_no_state_dict(narrow, tmp_path, content, message):
    path = tmp_path / "bad.pth"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RefineMaskError, match=message):
        load_backbone(narrow, str(path))
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(
        RefineMaskError, match=r"list\.pth holds an object of type list, not a state dict"
    ):
        load_backbone(narrow, str(tmp_path / "list.pth"))


def test_a_wrapped_file(narrow, published, tmp_path):
    wrapped = {f"module.{name}": tensor for name, tensor in published.items()}
    torch.save({"epoch": 90, "state_dict": wrapped, "optimizer": {}}, tmp_path / "resnet50.tar")
    load_backbone(narrow, str(tmp_path / "resnet50.tar"))
    assert_loaded(narrow, published)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.full((64,), float("nan")), r"tensor bn1\.bias has NaN or infinity"),
        (torch.zeros(64, dtype=torch.complex64), r"entry 'bn1\.bias' is not a dense CPU tensor"),
        (torch.zeros(1).expand(10**9), r"entry 'bn1\.bias' is not a dense CPU tensor"),
        (torch.eye(64).to_sparse(), r"entry 'bn1\.bias' is not a dense CPU tensor"),
        (3, r"entry 'bn1\.bias' is not a dense CPU tensor"),
    ],
)
def test_tensors_that_are_no_weights(narrow, published, tmp_path, value, message):
    torch.save(published | {"bn1.bias": value}, tmp_path / "resnet50.pth")
    with pytest.raises(RefineMaskError, match=f"--backbone-weights .*{message}"):
        load_backbone(narrow, str(tmp_path / "resnet50.pth"))


def test_the_small_presets_take_no_file():
    with pytest.raises(RefineMaskError, match="a file is for ResNet backbones"):
        load_backbone(build_model(refinemask_small()), "resnet50.pth")
