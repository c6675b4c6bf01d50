"""The corpus through every fuzz target, and planted faults that the fuzzer must find."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import numpy as np
import pytest

from refinemask.errors import RefineMaskError
from tests.fuzz.__main__ import main
from tests.fuzz.campaign import fuzz, keep
from tests.fuzz.child import ROOT, Limits, find_failure
from tests.fuzz.formats import (
    SEPARATOR,
    mutate_artifact,
    mutate_checkpoint,
    mutate_parts,
    mutate_safetensors,
)
from tests.fuzz.mutations import mutate_bytes, mutate_json, mutate_text
from tests.fuzz.targets import CORPUS, TARGETS, Target

LIMITS = Limits(seconds=1)
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # it forks


def refuse(data: bytes, folder: Path) -> None:
    raise RefineMaskError("refused")


def crash(data: bytes, folder: Path) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def raise_key_error(data: bytes, folder: Path) -> None:
    raise KeyError("\ud800")


def hang(data: bytes, folder: Path) -> None:
    time.sleep(60)


def fill_memory(data: bytes, folder: Path) -> None:
    np.ones(2**28, np.uint8)


def ask_for_too_much(data: bytes, folder: Path) -> None:
    np.ones(2**45, np.uint8)


def leave(data: bytes, folder: Path) -> None:
    raise SystemExit(0)


def write(data: bytes, folder: Path) -> None:
    (folder / "a").write_bytes(data)
    assert os.listdir(folder) == ["a"]


def test_the_corpus_is_read_or_refused():
    """In a process of its own, because those that are forked need one without threads."""
    command = [sys.executable, "-m", "tests.fuzz", "--seconds", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("0 kinds of failures") == len(TARGETS)


def test_mutations_get_beyond_the_first_checks():
    """They are read, or refused for many reasons, of which none explains nearly all."""
    command = [sys.executable, "-m", "tests.fuzz.outcomes", "60"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.keys() == TARGETS.keys()
    for target, outcomes in found.items():
        assert sum(outcomes.values()) == 60
        assert max(outcomes.values()) <= 42, (target, outcomes)
        assert len(outcomes) >= 6, (target, outcomes)


def test_the_corpus_is_small():
    sizes = [path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()]
    assert sum(sizes) < 200_000
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)


@pytest.mark.parametrize("read", [write, refuse])
def test_no_failure(read):
    assert find_failure(read, [b"a", b"b", b"c"], LIMITS) == (3, None)


@pytest.mark.parametrize(
    ("read", "name"),
    [
        (crash, "SIGSEGV in "),
        (raise_key_error, "KeyError in "),
        (hang, "more than 1 s in "),
        (ask_for_too_much, "numpy._core._exceptions._ArrayMemoryError in "),
        (leave, "SystemExit in "),
    ],
)
def test_failures_have_a_name(read, name):
    count, failure = find_failure(read, [b"a", b"b"], LIMITS)
    assert failure is not None
    assert count == 0
    assert failure.name.startswith(name)
    assert read.__name__ in failure.report


def test_too_much_memory():
    _, failure = find_failure(fill_memory, [b"a"], Limits(resident_bytes=2**27))
    assert failure is not None
    assert failure.name.startswith("tests.fuzz.child.TooMuchMemory")


def test_a_planted_fault_is_found_and_kept(tmp_path, monkeypatch):
    """One value of a JSON text that the reader does not expect."""

    def read(data: bytes, folder: Path) -> None:
        try:
            content = json.loads(data)
            size = content["images"][0]["height"]
        except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
            raise RefineMaskError("not of this kind") from error
        if isinstance(size, int) and size > 2**31:
            os.kill(os.getpid(), signal.SIGSEGV)

    seed = json.dumps({"images": [{"id": 1, "height": 40, "width": 60}]}).encode()
    monkeypatch.setattr(Target, "seeds", lambda _: [seed])
    target = Target("planted", read, mutate_json)
    found = []
    fuzz(target, 5, 1, lambda *failure: found.append(failure))
    ((failure, data),) = found
    assert failure.name.startswith("SIGSEGV")
    path = keep(target, data, tmp_path)
    _, again = find_failure(read, [path.read_bytes()], Limits())
    assert again is not None
    assert again.name == failure.name


def test_each_kind_of_failure_is_reported_once(monkeypatch):
    monkeypatch.setattr(Target, "seeds", lambda _: [b"1", b"2", b"3"])
    found = []
    target = Target("planted", raise_key_error, mutate_bytes)
    count = fuzz(target, 0, 1, lambda failure, data: found.append(data), LIMITS)
    assert (count, found) == (3, [b"1"])


@pytest.mark.parametrize(
    ("mutate", "seed"),
    [
        (mutate_bytes, b"0123456789"),
        (mutate_bytes, b""),
        (mutate_text, b"0 0.25 0.5\nname: [a]\n"),
        (mutate_text, b""),
        (mutate_json, b'{"a": [1, "b", {"c": null}]}'),
        (mutate_json, b"5"),
        (mutate_json, b"[" + b"9" * 4000 + b", 1e308]"),
        (mutate_json, b"{"),
        (mutate_checkpoint, b"PK\5\6" + bytes(18)),  # an archive without an entry
        (mutate_parts(mutate_json, mutate_text), b"[1]" + SEPARATOR + b"a b"),
        (mutate_parts(mutate_json, mutate_text), b"[1]"),
        *(
            (mutate, (CORPUS / name).read_bytes())
            for mutate, name in (
                (mutate_artifact, "artifact/toy.onnx"),
                (mutate_artifact, "artifact/no_metadata.onnx"),
                (mutate_safetensors, "safetensors/one_tensor.safetensors"),
                (mutate_safetensors, "safetensors/header_alone.safetensors"),
                (mutate_checkpoint, "pickle/state_dict.pth"),
                (mutate_checkpoint, "pickle/legacy.pth"),
            )
        ),
    ],
)
def test_mutations_follow_from_the_seed(mutate, seed):
    made = [mutate(seed, Random(number)) for number in range(200)]
    assert made == [mutate(seed, Random(number)) for number in range(200)]
    assert len(set(made)) > 20
    for data in made:
        mutate(data[:5000], Random(0))


def test_json_that_json_does_not_write():
    random = Random(2)
    made = b"".join(mutate_json(b"[1, 2, 3]", random) for _ in range(500))
    for text in (b"NaN", b"1e400", b"\\ud800", b"9" * 5000, b"[" * 100_000, b'{"a":{"a":'):
        assert text in made


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["nothing"], "unknown target nothing"), (["--input", "a"], "requires the one target")],
)
def test_wrong_usage(monkeypatch, capsys, arguments, message):
    monkeypatch.setattr(sys, "argv", ["fuzz", *arguments])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert message in capsys.readouterr().err
