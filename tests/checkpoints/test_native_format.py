"""Our checkpoints: what is written is read back, and everything else is refused in one sentence."""

import json
import resource
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import refinemask
from refinemask.checkpoints import (
    load_model,
    native_format,
    save_checkpoint,
    shipped,
    synthetic_model,
)
from refinemask.configs.config import ModelConfig
from refinemask.configs.presets import PRESETS, maskrcnn_small
from refinemask.errors import RefineMaskError
from refinemask.files import atomic_path


@pytest.fixture(scope="module")
def model():
    return synthetic_model(replace(maskrcnn_small(2), score_threshold=0.07))


@pytest.fixture
def checkpoint(model, tmp_path):
    save_checkpoint(model, tmp_path / "model.safetensors", training={"iteration": 3})
    return tmp_path / "model.safetensors"


def rewrite(path, change_tensors=lambda tensors: tensors, change_header=lambda header: header):
    """Change a checkpoint in place, without its digest; the headers are JSON text by key."""
    with safe_open(path, framework="pt") as file:
        header = file.metadata()
    content = json.loads(header["refinemask"])
    del content["digest"]
    header = {"refinemask": json.dumps(content)}
    save_file(change_tensors(load_file(path)), path, change_header(header))


def test_round_trip_is_exact(model, checkpoint):
    loaded = load_model(checkpoint)
    assert loaded.config == model.config
    assert not loaded.training
    expected, found = model.state_dict(), loaded.state_dict()
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert {name for name, p in loaded.named_parameters() if p.requires_grad} == {
        name for name, p in model.named_parameters() if p.requires_grad
    }


def test_half_precision_files_load_as_float32(model, tmp_path):
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    save_checkpoint(model, whole)
    save_checkpoint(model, half, torch.float16)
    assert half.stat().st_size < 0.55 * whole.stat().st_size
    expected = model.state_dict()
    for name, tensor in load_model(half).state_dict().items():
        assert tensor.dtype == expected[name].dtype
        rounded = expected[name].half() if tensor.is_floating_point() else expected[name]
        assert torch.equal(tensor, rounded.to(tensor.dtype)), name


def test_a_loaded_model_does_not_live_in_its_file(model, checkpoint):
    loaded = load_model(checkpoint)
    checkpoint.write_bytes(b"\0" * checkpoint.stat().st_size)
    expected = model.state_dict()
    assert all(torch.equal(v, expected[name]) for name, v in loaded.state_dict().items())


def test_provenance_is_kept(checkpoint):
    with safe_open(checkpoint, framework="pt") as file:
        assert json.loads(file.metadata()["refinemask"])["training"] == {"iteration": 3}


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_configurations_survive_json(name):
    config = PRESETS[name]()
    assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_models_that_ship_are_found_by_name(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "_WEIGHTS", tmp_path)
    assert shipped.shipped_models() == ["model"]
    assert shipped.find_checkpoint("model") == checkpoint
    with pytest.raises(RefineMaskError, match=r"a model that ships \(model\)"):
        shipped.find_checkpoint("another")


def test_missing_file(tmp_path):
    for path, fault in (
        (tmp_path / "none.safetensors", "does not exist"),
        (tmp_path, "is a folder"),
    ):
        with pytest.raises(
            RefineMaskError, match=rf"{fault}; give a .safetensors, .pth or .pt file"
        ):
            load_model(path)


@pytest.mark.parametrize("kept", [0, 4, 7, 100, 5_000, 100_000])
def test_truncated_file(checkpoint, kept):
    checkpoint.write_bytes(checkpoint.read_bytes()[:kept])
    with pytest.raises(RefineMaskError, match="not a readable safetensors checkpoint"):
        load_model(checkpoint)


@pytest.mark.parametrize("content", [b"\xff" * 64, bytes(range(256)), b"RIFF....WEBP", b"{}"])
def test_bytes_that_are_no_checkpoint(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(RefineMaskError, match="not a readable safetensors checkpoint"):
        load_model(path)


def test_safetensors_of_something_else(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(RefineMaskError, match="looks like no detector we know"):
        load_model(path)


def changed_config(**changes):
    def change(header):
        content = json.loads(header["refinemask"])
        content["config"] |= changes
        return {"refinemask": json.dumps(content)}

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda header: {"refinemask": "{not json"},
        lambda header: {"refinemask": "[1, 2]"},
        lambda header: {"refinemask": "{}"},
        lambda header: {"refinemask": '{"config": 7}'},
        lambda header: {"refinemask": '{"config": {"preset": "x"}}'},
        changed_config(unknown=1),
        changed_config(backbone="vgg16"),
        changed_config(mask_head={"type": "other"}),
        changed_config(mask_head=None),
        changed_config(input={"short_side": 9, "long_side": 3}),
        changed_config(class_names=[]),
        changed_config(category_ids=[1]),
        changed_config(fpn_channels=-1),
        changed_config(fpn_channels="wide"),
        changed_config(fpn_channels=10**12),
        changed_config(box_head_channels=2.5),
    ],
)
def test_a_damaged_configuration(checkpoint, change):
    rewrite(checkpoint, change_header=change)
    with pytest.raises(RefineMaskError, match=f"^{checkpoint}"):
        load_model(checkpoint)


@pytest.mark.parametrize("place", [0.4, 0.7, 0.99])
def test_a_flipped_bit(checkpoint, place):
    content = bytearray(checkpoint.read_bytes())
    content[int(place * len(content))] ^= 16
    checkpoint.write_bytes(content)
    with pytest.raises(RefineMaskError, match="do not match their digest; copy the file again"):
        load_model(checkpoint)


def test_a_configuration_that_was_changed_has_another_digest(checkpoint):
    content = checkpoint.read_bytes()
    assert content.count(b'\\"score_threshold\\": 0.07') == 1
    checkpoint.write_bytes(content.replace(b"0.07,", b"0.09,"))
    with pytest.raises(RefineMaskError, match="do not match their digest"):
        load_model(checkpoint)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("rpn_head.rpn_reg.bias", float("nan"), "NaN or infinity"),
        ("roi_head.bbox_head.fc_cls.weight", float("-inf"), "NaN or infinity"),
        ("backbone.stem.1.running_var", -1.0, "a variance below 0"),
    ],
)
def test_weights_that_are_no_numbers(checkpoint, name, value, problem):
    def spoil(tensors):
        tensors[name].view(-1)[-1] = value
        return tensors

    rewrite(checkpoint, spoil)
    with pytest.raises(RefineMaskError, match=f"its tensor {name} has {problem}"):
        load_model(checkpoint)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: {k: v for k, v in t.items() if "rpn" not in k}, r"6 missing \(rpn_head.rpn_cls"),
        (lambda t: t | {"extra": torch.zeros(1)}, r"1 unexpected \(extra\)"),
        (
            lambda t: t | {"rpn_head.rpn_cls.bias": torch.zeros(4)},
            r"1 wrongly shaped \(rpn_head.rpn_cls.bias: got 4, expected 3\)",
        ),
    ],
)
def test_tensors_that_do_not_fit(checkpoint, change, message):
    rewrite(checkpoint, change_tensors=change)
    with pytest.raises(RefineMaskError, match=message):
        load_model(checkpoint)


@pytest.mark.parametrize("kind", ["complex64", "float4_e2m1fn_x2", "float8_e8m0fnu", "uint64"])
def test_types_that_are_no_weights(checkpoint, kind):
    dtype = getattr(torch, kind, None)
    if dtype is None:
        pytest.skip(f"this PyTorch has no {kind}")

    def spoil(tensors):
        numbers = tensors["rpn_head.rpn_reg.bias"]
        size = numbers.numel() * torch.empty(0, dtype=dtype).element_size()
        spoilt = torch.zeros(size, dtype=torch.uint8).view(dtype)
        return tensors | {"rpn_head.rpn_reg.bias": spoilt}

    rewrite(checkpoint, spoil)
    with pytest.raises(
        RefineMaskError, match=rf"'rpn_head.rpn_reg.bias' is of the type torch.{kind}"
    ):
        load_model(checkpoint)


def test_saving_where_nothing_can_be_written(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RefineMaskError, match="cannot"):
        save_checkpoint(model, tmp_path / "file" / "model.safetensors")


TENSORS = {
    "flags": torch.tensor([True, False, True]),
    "halves": torch.arange(3).half(),
    "last": torch.arange(24.0).reshape(1, 2, 3, 4).to(memory_format=torch.channels_last),
    "none": torch.zeros(0, 4),
    "number": torch.tensor(7),
    "trained": torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16)),
}


def test_tensors_of_every_type_and_form(tmp_path):
    path = tmp_path / "m.safetensors"
    native_format.write_tensors(path, TENSORS, {"key": "\u00e9"})
    found, metadata = native_format.read_tensors(path)
    assert metadata == {"key": "\u00e9"}
    assert found.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor), name


def test_the_file_that_is_locked_is_written(tmp_path, monkeypatch):
    """Otherwise another process takes it for abandoned and removes it."""

    @contextmanager
    def watched(path):
        with atomic_path(path) as temporary:
            before = temporary.stat()
            yield temporary
            assert (temporary.stat().st_ino, temporary.stat().st_mode) == (
                before.st_ino,
                before.st_mode,
            )
            assert [*tmp_path.iterdir()] == [temporary]

    monkeypatch.setattr(native_format, "atomic_path", watched)
    native_format.write_tensors(tmp_path / "m.safetensors", TENSORS, {})
    (tmp_path / "other").touch()
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_full_disk_leaves_nothing(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(
            RefineMaskError, match=r"cannot write .*m\.pt: File too large; make room"
        ):
            native_format.write_tensors(tmp_path / "m.pt", {"a": torch.zeros(30_000)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_unknown_preset():
    with pytest.raises(RefineMaskError, match="unknown preset 'mask2former'; choose one of refine"):
        refinemask.preset("mask2former")
