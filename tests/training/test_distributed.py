"""Two processes that torchrun starts against one, and how they end.

The processor's backend, gloo, stands for all: there is no machine with several GPUs to test on.
"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from refinemask.errors import RefineMaskError
from refinemask.training import train
from refinemask.training.distributed import World, mean_count
from tests.training.runs import CLASSES, assert_equal, metrics, options, weights

RUN: dict[str, str | int | float] = {
    "dataset": "shapes:6",
    "classes": ",".join(CLASSES),
    "preset": "refinemask_small",
    "batch-size": 4,
    "short-sides": "96,112",
    "long-side": 128,
    "canvas": 128,
    "rois": 16,
    "warm-up": 0,
    "learning-rate": 1e-5,
    "iterations": 3,
    "seed": 3,
    "device": "cpu",
}
"""The command line of `whole_batch`."""


def whole_batch(output, **changes):
    """The same run in this process."""
    return options(
        output,
        **{
            "datasets": ("shapes:6",),
            "preset": "refinemask_small",
            "batch_size": 4,
            "short_sides": (96, 112),
            "mask_rois": None,
            "warm_up": 0,
            "learning_rate": 1e-5,
            "iterations": 3,
        }
        | changes,
    )


def torchrun(output: Path, *more: str, **changes: object) -> subprocess.Popen[str]:
    """Start two processes; their standard error is a pipe."""
    values = RUN | {name.replace("_", "-"): value for name, value in changes.items()}
    words = [word for name, value in values.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += ["-m", "refinemask", "train", "--output", str(output), *words, *more]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the exit code and standard error."""
    _, errors = process.communicate(timeout=300)
    return process.returncode, errors


@pytest.fixture(scope="module")
def shared_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two") / "run"
    code, errors = finish(torchrun(folder))
    assert code == 0, errors
    return folder


@pytest.fixture(scope="module")
def single_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one")
    train(whole_batch(folder))
    return folder


def assert_same_run(found: Path, expected: Path) -> None:
    """Compare runs that differ in the order of their sums only.

    Gradients are compared through the momentum, which is their sum, relative to its norm. Rounding
    turns a few ReLUs over: that was 0.03 % for the worst tensor, where losses averaged in each
    process, not over all terms, give 5 % for the median one and 13 % for the worst. The learning
    rate is small because a weight that is off by rounding may change which boxes are sampled.
    """
    lines, wanted = metrics(found), metrics(expected)
    assert [line.keys() for line in lines] == [line.keys() for line in wanted]
    for line, other in zip(lines, wanted, strict=True):
        for name in line.keys() - {"seconds"}:
            assert line[name] == pytest.approx(other[name], rel=1e-5, abs=1e-7), name
    tensors, others = (load_file(folder / "state.safetensors") for folder in (found, expected))
    assert tensors.keys() == others.keys()
    assert sum(name.endswith("momentum_buffer") for name in tensors) > 100
    for name, tensor in others.items():
        if name.startswith("optimizer/"):
            assert (tensors[name] - tensor).norm() <= 2e-3 * tensor.norm(), name
        else:
            torch.testing.assert_close(tensors[name], tensor, rtol=1e-5, atol=1e-7)


def test_two_processes_equal_one(shared_run, single_run):
    assert_same_run(shared_run, single_run)
    assert len(metrics(shared_run)) == 3  # one process writes
    assert sorted(path.name for path in shared_run.iterdir()) == [
        "metrics.jsonl", "model.safetensors", "state.safetensors"
    ]  # fmt: skip


def test_ctrl_c_stops_both_and_either_number_of_processes_resumes(shared_run, single_run, tmp_path):
    process = torchrun(tmp_path / "run")
    log = tmp_path / "run" / "metrics.jsonl"
    while not (log.exists() and log.read_text().count("\n")):
        assert process.poll() is None, finish(process)[1]
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    code, errors = finish(process)
    assert code != 0
    assert errors.splitlines().count("interrupted") == 1
    assert len(metrics(tmp_path / "run")) < 3
    state = (tmp_path / "run" / "state.safetensors").read_bytes()

    train(whole_batch(tmp_path / "run", resume=True))
    assert_same_run(tmp_path / "run", single_run)

    (tmp_path / "run" / "state.safetensors").write_bytes(state)
    code, errors = finish(torchrun(tmp_path / "run", "--resume"))
    assert code == 0, errors
    found, expected = (weights(f / "model.safetensors") for f in (tmp_path / "run", shared_run))
    assert_equal(found, expected)  # of two numbers the sum has one order


def test_an_error_of_one_process_ends_both_with_one_message(tmp_path):
    """Six images, of which one cannot be read; a batch of two reads it in one process."""
    image = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    polygon = [20, 20, 80, 20, 80, 80, 20, 80]
    shape = {"category_id": 1, "bbox": [20, 20, 60, 60], "area": 3600, "iscrowd": 0}
    for number in range(6):
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
    whole = (tmp_path / "1.png").read_bytes()
    (tmp_path / "1.png").write_bytes(whole[:100])
    content = {
        "images": [
            {"id": n, "file_name": f"{n}.png", "height": 96, "width": 128} for n in range(6)
        ],
        "categories": [{"id": 1, "name": "square"}],
        "annotations": [
            {"id": n + 1, "image_id": n, "segmentation": [polygon], **shape} for n in range(6)
        ],
    }
    (tmp_path / "squares.json").write_text(json.dumps(content))
    changes = {
        "dataset": f"{tmp_path / 'squares.json'}@{tmp_path}",
        "classes": "square",
        "preset": "maskrcnn_small",
        "batch-size": 2,
        "short-sides": 96,
    }
    code, errors = finish(torchrun(tmp_path / "run", **changes))
    assert code != 0
    messages = [line for line in errors.splitlines() if line.startswith(("error", "interrupted"))]
    assert len(messages) == 1 and "1.png" in messages[0], errors
    done = len(metrics(tmp_path / "run"))
    assert 0 < done < 3
    (tmp_path / "1.png").write_bytes(whole)
    code, errors = finish(torchrun(tmp_path / "run", "--resume", **changes))
    assert code == 0, errors
    assert [line["iteration"] for line in metrics(tmp_path / "run")] == [1, 2, 3]


def test_a_batch_that_cannot_be_shared(tmp_path):
    code, errors = finish(torchrun(tmp_path / "run", batch_size=3))
    assert code != 0
    messages = [line for line in errors.splitlines() if line.startswith("error")]
    assert len(messages) == 1, errors
    assert "2 processes cannot share a batch of 3 images equally" in messages[0]
    assert not (tmp_path / "run").exists()


def test_one_process_counts_for_itself():
    assert mean_count(7).item() == 7
    assert mean_count(torch.tensor(0)).item() == 1
    assert World().any(True) and not World().any(False)
    assert World().mean(torch.tensor([2.0, 3.0])).tolist() == [2, 3]


def test_each_process_takes_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    second = World(rank=5, size=8, local_rank=1)
    assert second.own_device("auto") == second.own_device("cuda") == "cuda:1"
    assert second.own_device("cpu") == "cpu"
    assert World().own_device("cuda:0") == "cuda:0"
    with pytest.raises(RefineMaskError, match="a GPU of its own, so --device must be auto"):
        second.own_device("cuda:0")
    with pytest.raises(RefineMaskError, match=r"PyTorch sees 2; use --nproc-per-node 2 or"):
        World(rank=2, size=4, local_rank=2).own_device("auto")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert second.own_device("auto") == "cpu"
