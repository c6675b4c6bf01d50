"""Mask R-CNN of detectron2: its names, its conventions, and its plain pickles of arrays."""

import pickle
import resource
from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
import torch

from refinemask.checkpoints.array_pickles import read_arrays
from refinemask.checkpoints.detectron2 import DETECTRON2
from refinemask.checkpoints.load import load_model, read_checkpoint
from refinemask.configs.presets import maskrcnn_r50, maskrcnn_r101
from refinemask.errors import RefineMaskError
from tests.checkpoints import foreign


def ours(preset=maskrcnn_r50, classes=80):
    config = foreign.narrow(preset(classes))
    return replace(config, conventions=replace(DETECTRON2, stride_in_1x1=True))


def theirs(config, **more):
    weights = foreign.state_dict(config)
    return {foreign.detectron2_name(name): tensor for name, tensor in weights.items()} | more


@pytest.mark.parametrize("preset", [maskrcnn_r50, maskrcnn_r101])
def test_the_layout_of_the_model_zoo(tmp_path, preset):
    config = ours(preset)
    path = tmp_path / "model_final.pkl"
    arrays = {name: tensor.numpy() for name, tensor in theirs(config).items()}
    content = {"model": arrays, "__author__": "Detectron2 Model Zoo", "matching_heuristics": True}
    path.write_bytes(pickle.dumps(content, protocol=2))
    model = load_model(path)
    assert model.config.conventions == config.conventions
    assert model.config.input.mean == (123.675, 116.28, 103.53)
    assert model.config.input.std == (1.0, 1.0, 1.0)
    assert model.config.class_names == config.class_names
    expected = foreign.state_dict(config)
    expected["backbone.conv1.weight"] = expected["backbone.conv1.weight"][:, [2, 1, 0]]
    weights = model.state_dict()
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], tensor) for name, tensor in expected.items())


def test_bgr_weights_and_reversed_weights_see_the_same(tmp_path):
    torch.save({"model": theirs(ours())}, tmp_path / "model_final.pth")
    model = load_model(tmp_path / "model_final.pth")
    bgr = torch.rand(1, 3, 64, 64) * 255
    mean = torch.tensor([103.53, 116.28, 123.675]).reshape(3, 1, 1)
    first = foreign.state_dict(ours())["backbone.conv1.weight"]
    expected = torch.nn.functional.conv2d(bgr - mean, first, stride=2, padding=3)
    rgb = bgr.flip(1) - torch.tensor(model.config.input.mean).reshape(3, 1, 1)
    weight = model.state_dict()["backbone.conv1.weight"]
    found = torch.nn.functional.conv2d(rgb, weight, stride=2, padding=3)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)


def test_what_the_file_records(tmp_path):
    config = ours(classes=3)
    recorded = {
        "pixel_mean": torch.tensor([123.675, 116.28, 103.53]).reshape(3, 1, 1),
        "pixel_std": torch.tensor([58.395, 57.12, 57.375]).reshape(3, 1, 1),
        **foreign.cell_anchors((16, 32, 64, 128, 256), (0.2, 1.0, 5.0)),
    }
    torch.save({"model": theirs(config, **recorded), "iteration": 9}, tmp_path / "model.pth")
    found = read_checkpoint(tmp_path / "model.pth")
    assert found.config.conventions.anchor_scales == (4.0,)
    assert found.config.conventions.anchor_ratios == (0.2, 1.0, 5.0)
    assert not found.config.conventions.stride_in_1x1
    assert found.config.input.std == (58.395, 57.12, 57.375)
    assert found.config.class_names == ("class 0", "class 1", "class 2")
    assert {"input.mean", "conventions.anchor_scales"} <= set(found.recorded or ())
    weight = foreign.state_dict(config)["backbone.conv1.weight"]
    assert torch.equal(found.tensors["backbone.conv1.weight"], weight)


def test_norms_of_the_first_versions(tmp_path):
    tensors = {n: t for n, t in theirs(ours()).items() if not n.endswith(("_mean", "_var"))}
    torch.save(tensors, tmp_path / "model.pth")
    found = load_model(tmp_path / "model.pth").state_dict()
    assert (found["backbone.layer4.2.bn3.running_var"] == 1).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"roi_heads.keypoint_head.x": torch.ones(1)}, "a detector of keypoints"),
        ({"roi_heads.box_head.0.fc1.weight": torch.ones(1)}, "a Cascade R-CNN"),
        (foreign.cell_anchors((32, 64, 128, 256, 500)), "its anchors have several sizes a level"),
        (foreign.cell_anchors((32, 64, 128, 256)), "not those of the five levels"),
        (
            {n: t[:0] for n, t in foreign.cell_anchors().items()},
            "not those of the five levels",
        ),
        (
            {n: t.bool() for n, t in foreign.cell_anchors().items()},
            "its anchors have several sizes",
        ),
        (
            {n: t.to(torch.float8_e5m2) for n, t in foreign.cell_anchors().items()},
            "its anchors have several sizes a level",
        ),
        ({"pixel_mean": torch.ones(1)}, "mean must be a list of 3 values"),
        ({"pixel_mean": torch.ones(0)}, "mean must be a list of 3 values"),
    ],
)
def test_other_models_are_refused_by_name(tmp_path, change, message):
    torch.save(theirs(ours()) | change, tmp_path / "model.pth")
    with pytest.raises(RefineMaskError, match=rf"model\.pth cannot be loaded: .*{message}"):
        load_model(tmp_path / "model.pth")


def test_a_part_that_is_missing_is_named(tmp_path):
    tensors = {n: t for n, t in theirs(ours()).items() if "mask_head" not in n}
    torch.save(tensors, tmp_path / "model.pth")
    with pytest.raises(RefineMaskError, match=r"without roi_heads\.mask_head\.mask_fcn1"):
        load_model(tmp_path / "model.pth")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_arrays_of_every_protocol(tmp_path, protocol):
    arrays: dict[str, np.ndarray] = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.asfortranarray(np.arange(6, dtype=np.float64).reshape(2, 3)),
        "c": np.array(7, np.int64),
        "d": np.arange(3, dtype=">f4"),
        "e": np.zeros((0, 4), np.float16),
    }
    path = tmp_path / "arrays.pkl"
    path.write_bytes(pickle.dumps(OrderedDict(model=arrays, score=np.float64(2)), protocol))
    found = read_arrays(path)["model"]
    for name, array in arrays.items():
        assert np.array_equal(found[name].numpy(), array)
        assert found[name].numpy().dtype == array.dtype.newbyteorder("=")


class Calls:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


ARRAY = np.zeros(2, np.float32).__reduce__()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Calls(exec, ("raise SystemExit",)), "an object of the type __builtin__.exec"),
        (Calls(getattr, (1, "real")), "an object of the type __builtin__.getattr"),
        (np.array([None]), "an array of the type 'O8'"),
        (np.array(["text"]), "an array of the type 'U4'"),
        (Calls(*ARRAY[:2], (1, (2**40,), np.dtype("f4"), False, b"1234")), "with 4 bytes"),
        (Calls(*ARRAY[:2], (1, (-2,), np.dtype("f4"), False, b"")), "another kind than plain"),
        (Calls(*ARRAY[:2], (1, (2,), "f4", False, b"12345678")), "another kind than plain"),
        (Calls(*ARRAY[:2], (1,)), "cannot be read as a mapping of arrays"),
    ],
)
def test_hostile_pickles_execute_nothing(tmp_path, value, message):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"model": {"a": value}}, protocol=2))
    with pytest.raises(RefineMaskError, match=rf"model\.pkl is a plain pickle.*{message}") as error:
        load_model(path)
    assert "\n" not in str(error.value)


def shared_bytes(count):
    """Return arrays that have the same bytes."""
    data = ARRAY[2][-1] * 1000
    state = (1, (2000,), np.dtype("f4"), False, data)
    return {str(index): Calls(*ARRAY[:2], state) for index in range(count)}


def nested(value, times):
    for _ in range(times):
        value = (value, value)
    return value


def shared_mapping(count):
    inner = dict.fromkeys(map(str, range(count)))
    return dict.fromkeys(map(str, range(count)), inner)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (shared_bytes(100), "arrays of more bytes than the file has"),
        ({(1, 2): 1}, "a key of the type tuple"),
        ({2**61 - 1: 1}, "a key of the type int"),
        (Calls(OrderedDict, ([("a", 1)],)), "takes 1 positional argument"),
        ({1, 2}, "cannot be read as a mapping"),
        ({"a": np.zeros((1,) * 33)}, "another kind than plain numbers"),
        ({"a": Calls(np.dtype, (nested(0, 60),))}, r"an array of the type \(\("),
        ({"a": Calls(np.dtype, ("O" * 10**6,))}, r"an array of the type 'OOO.{50,60}\.\.\. *\)"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_small_pickles_that_would_take_much(tmp_path, content, message, protocol):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    with pytest.raises(RefineMaskError, match=message) as error:
        read_arrays(path)
    assert len(str(error.value)) < 500


def test_the_memo_of_a_pickle(tmp_path):
    """An index of 2^32 - 1, for which the unpickler of C takes 64 GB."""
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x02}r\xff\xff\xff\xff" + b"K\x010" * 3 + b".")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert read_arrays(path) == {}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_what_a_pickle_holds_many_times_is_converted_once(tmp_path):
    path = tmp_path / "model.pkl"
    array = np.ones(3)
    path.write_bytes(pickle.dumps(shared_mapping(300) | {"a": array, "b": {"c": array}}, 2))
    found = read_arrays(path)
    assert found["0"] is found["299"]
    assert found["a"] is found["b"]["c"]
