"""Files of torch.save: harmless ones are read, the others refused with nothing executed."""

import argparse
import io
import os
import pickle
import runpy
import sys
import tarfile
import zipfile
from collections import OrderedDict
from types import ModuleType

import numpy as np
import pytest
import torch

from refinemask.checkpoints import load_model
from refinemask.checkpoints.pickles import Ignored, read_pickle
from refinemask.errors import RefineMaskError


class Call:
    """Calls a function when it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


ATTACKS = {
    "posix.system": lambda trace: Call(os.system, f"touch {trace}"),
    "eval": lambda trace: Call(eval, f"open({str(trace)!r}, 'w')"),
    "exec": lambda trace: Call(exec, f"open({str(trace)!r}, 'w')"),
    "io.open": lambda trace: Call(open, str(trace), "w"),
    "runpy.run_path": lambda trace: Call(runpy.run_path, str(trace)),
    "numpy.fromfile": lambda trace: Call(np.fromfile, str(trace)),
    "torch.hub.load": lambda trace: Call(torch.hub.load, "nobody/nothing", "model"),
    "torch.serialization.load": lambda trace: Call(torch.load, str(trace)),
}
PLACES = {
    "alone": lambda call: call,
    "state_dict": lambda call: {"state_dict": OrderedDict(weight=call)},
    "meta": lambda call: {"meta": {"env": [{"deep": (1, call)}]}, "state_dict": {}},
    "key": lambda call: {"optimizer": {"state": {(1, call): 2}}},
}


@pytest.fixture(params=[True, False], ids=["zip", "legacy"])
def save(request, tmp_path):
    def write(content):
        path = tmp_path / "model.pth"
        torch.save(content, path, _use_new_zipfile_serialization=request.param)
        return path

    return write


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_are_refused_by_name_and_not_executed(save, tmp_path, name, place):
    trace = tmp_path / "executed"
    path = save(PLACES[place](ATTACKS[name](trace)))
    with pytest.raises(RefineMaskError, match=rf"of the type {name}, .* nothing was executed"):
        load_model(path)
    assert not trace.exists()


def test_a_plain_pickle_is_refused_and_not_executed(tmp_path):
    path, trace = tmp_path / "model.pth", tmp_path / "executed"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path.write_bytes(pickle.dumps(ATTACKS["posix.system"](trace), protocol))
        with pytest.raises(RefineMaskError):
            load_model(path)
        assert not trace.exists()


def test_an_attack_with_the_stand_ins_gets_nowhere(save, tmp_path):
    """`getattr` is on the list, as mmengine's files hold it, but it is not the real one."""
    trace = tmp_path / "executed"
    content = read_pickle(save({"got": Call(getattr, "text", "upper"), "dtype": np.dtype("f8")}))
    assert isinstance(content["got"], Ignored) and isinstance(content["dtype"], Ignored)
    path = save(Call(getattr, Call(__import__, "os"), "system"))
    with pytest.raises(RefineMaskError, match="of the type __import__"):
        load_model(path)
    assert not trace.exists()


def test_the_list_is_in_force_only_while_reading(save):
    path = save({"best": np.float64(0.5)})
    read_pickle(path)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)


@pytest.fixture
def history(monkeypatch):
    """A class as mmengine's, which refers to its own methods; its package is not installed."""

    class HistoryBuffer:
        def mean(self):
            raise AssertionError("called while reading")

        def __getstate__(self):
            methods = {"mean": HistoryBuffer.mean}
            return {"_log_history": np.arange(3.0), "statistics_methods": methods}

        def __setstate__(self, state):
            raise AssertionError("called while reading")

    module = ModuleType("mmengine.logging.history_buffer")
    HistoryBuffer.__module__, HistoryBuffer.__qualname__ = module.__name__, "HistoryBuffer"
    HistoryBuffer.mean.__module__ = module.__name__
    HistoryBuffer.mean.__qualname__ = "HistoryBuffer.mean"
    module.HistoryBuffer = HistoryBuffer  # type: ignore[attr-defined]
    for name in ("mmengine", "mmengine.logging"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return HistoryBuffer()


def test_training_state_of_other_packages_is_ignored(save, history):
    content = {
        "meta": {"hook_msgs": {"best_score": np.float64(0.4), "counts": np.arange(3)}},
        "message_hub": {"log_scalars": OrderedDict(loss=history), "resumed_keys": {"loss": True}},
        "args": argparse.Namespace(lr=0.02),
        "names": ("person", "car"),
        "weights": OrderedDict(a=torch.arange(3.0), b=torch.ones(2, dtype=torch.float16)),
    }
    found = read_pickle(save(content))
    assert found["names"] == ("person", "car")
    assert torch.equal(found["weights"]["a"], torch.arange(3.0))
    assert found["weights"]["b"].dtype == torch.float16
    ignored = [*found["meta"]["hook_msgs"].values(), found["args"]]
    ignored += found["message_hub"]["log_scalars"].values()
    assert all(isinstance(value, Ignored) for value in ignored)


def test_a_whole_module_is_refused_by_its_type(save):
    with pytest.raises(
        RefineMaskError, match=r"torch\.nn\.modules\.linear\.Linear.*state_dict\(\)"
    ):
        load_model(save(torch.nn.Linear(2, 2)))


@pytest.mark.parametrize("content", [None, 3, [torch.zeros(2)], {}, {"state_dict": {}}, "text"])
def test_no_state_dict(save, content):
    with pytest.raises(RefineMaskError, match="not a state dict"):
        load_model(save(content))


@pytest.mark.parametrize(
    "value", [3, None, torch.eye(2).to_sparse(), np.float32(2), torch.zeros(2, device="meta")]
)
def test_entries_that_are_no_dense_tensors(save, value):
    with pytest.raises(RefineMaskError, match="its entry 'b' is not a dense CPU tensor"):
        load_model(save({"state_dict": {"a": torch.zeros(1), "b": value}}))


def test_a_torchscript_program(tmp_path):
    torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / "model.pt")
    with pytest.raises(RefineMaskError, match="is a TorchScript program"):
        load_model(tmp_path / "model.pt")


def test_the_oldest_format(tmp_path):
    path, trace = tmp_path / "model.pth", tmp_path / "executed"
    attack = pickle.dumps(ATTACKS["io.open"](trace), 2)
    with tarfile.open(path, "w") as tar:
        for name in ("storages", "tensors", "pickle"):
            entry = tarfile.TarInfo(name)
            entry.size = len(attack)
            tar.addfile(entry, io.BytesIO(attack))
    with pytest.raises(RefineMaskError, match=r"has the tar format of PyTorch 0\.1"):
        load_model(path)
    assert not trace.exists()


def test_a_zip_of_something_else(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(RefineMaskError, match="is not a readable PyTorch checkpoint"):
        load_model(tmp_path / "model.pth")


@pytest.mark.parametrize(
    "content", [b"", b"\x80", b"PK\x03\x04", b"\xff" * 64, b"<html>404</html>"]
)
def test_bytes_that_are_no_checkpoint(tmp_path, content):
    path = tmp_path / "model.pth"
    path.write_bytes(content)
    with pytest.raises(RefineMaskError, match="is not a readable PyTorch checkpoint"):
        load_model(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_file(save, share):
    path = save({"state_dict": {"weight": torch.rand(1000)}})
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(RefineMaskError, match="is not a readable PyTorch checkpoint"):
        load_model(path)
