"""Two processes that torchrun starts against one, and how they end.

The CPU's backend, gloo, stands for all: there is no machine with several GPUs to test on. Runs that
are compared compute in float64: in float32 the order of a sum changes a score by more than some
scores differ, and with it the boxes that are trained on.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from refinemask.errors import RefineMaskError
from refinemask.training import train
from refinemask.training.distributed import World, mean_count
from refinemask.training.image_check import FILE_NAME, fingerprint
from tests.training import train_in_double
from tests.training.runs import CLASSES, metrics, options

RUN: dict[str, str | int | float] = {
    "dataset": "shapes:6",
    "classes": ",".join(CLASSES),
    "preset": "refinemask_small",
    "batch-size": 4,
    "short-sides": "48,56",
    "long-side": 64,
    "canvas": 64,
    "rois": 16,
    "warm-up": 0,
    "learning-rate": 1e-3,
    "iterations": 2,
    "ema": 0.9,
    "zoom": 0.5,
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
            "short_sides": (48, 56),
            "mask_rois": None,
            "warm_up": 0,
            "learning_rate": 1e-3,
            "iterations": 2,
            "ema": 0.9,
            "zoom": 0.5,
        }
        | changes,
    )


def torchrun(
    output: Path,
    *more: str,
    changes: Mapping[str, str | int] | None = None,
    program: tuple[str, ...] = ("-m", "refinemask"),
    environment: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Run two processes; return the exit code and what they wrote to standard error."""
    values = {**RUN, **(changes or {})}
    words = [word for name, value in values.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += [*program, "train", "--output", str(output), *words, *more]
    done = subprocess.run(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}
    )
    return done.returncode, done.stderr


def torchrun_in_double(output: Path, *more: str, **environment: str) -> tuple[int, str]:
    program = (str(train_in_double.__file__),)
    return torchrun(output, *more, program=program, environment=environment)


@contextmanager
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="module")
def shared_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two") / "run"
    code, errors = torchrun_in_double(folder)
    assert code == 0, errors
    return folder


@pytest.fixture(scope="module")
def single_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one")
    with double():
        train(whole_batch(folder))
    return folder


def assert_same_run(found: Path, expected: Path) -> None:
    """Compare runs that differ in the order of their sums only.

    The optimizer's momentum is the sum of the gradients. Were losses averaged in each process, not
    over all terms, those would be off by 5 % for the median tensor.
    """
    lines, wanted = metrics(found), metrics(expected)
    assert [line.keys() for line in lines] == [line.keys() for line in wanted]
    for line, other in zip(lines, wanted, strict=True):
        for name in line.keys() - {"seconds"}:
            assert line[name] == pytest.approx(other[name], rel=1e-9, abs=1e-12), name
    tensors, others = (load_file(folder / "state.safetensors") for folder in (found, expected))
    assert tensors.keys() == others.keys()
    assert sum(name.endswith("momentum_buffer") for name in tensors) > 100
    for name, tensor in others.items():
        difference = (tensors[name] - tensor).double().norm()
        assert difference <= 1e-9 * tensor.double().norm(), name


def test_two_processes_equal_one(shared_run, single_run):
    assert_same_run(shared_run, single_run)
    assert len(metrics(shared_run)) == 2  # one process writes
    assert sorted(path.name for path in shared_run.iterdir()) == [
        "metrics.jsonl", "model.safetensors", "state.safetensors"
    ]  # fmt: skip


def test_ctrl_c_stops_both_and_either_number_of_processes_resumes(single_run, tmp_path):
    code, errors = torchrun_in_double(tmp_path / "run", PRESS_CTRL_C="1")
    assert code != 0
    assert errors.splitlines().count("interrupted") == 1
    assert len(metrics(tmp_path / "run")) == 1
    state = (tmp_path / "run" / "state.safetensors").read_bytes()

    with double():
        train(whole_batch(tmp_path / "run", resume=True))
    assert_same_run(tmp_path / "run", single_run)

    (tmp_path / "run" / "state.safetensors").write_bytes(state)
    code, errors = torchrun_in_double(tmp_path / "run", "--resume")
    assert code == 0, errors
    assert_same_run(tmp_path / "run", single_run)


def test_an_error_of_one_process_ends_both_with_one_message(tmp_path):
    """Six images, of which one cannot be read; a batch of two reads it in one process.

    It broke after all images had been checked. The run continues once it is repaired.
    """
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
    images = [(tmp_path / f"{number}.png", (96, 128)) for number in range(6)]
    checked = {"sha256": fingerprint(images)}
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / FILE_NAME).write_text(json.dumps(checked))
    changes: dict[str, str | int] = {
        "dataset": f"{tmp_path / 'squares.json'}@{tmp_path}",
        "classes": "square",
        "preset": "maskrcnn_small",
        "batch-size": 2,
        "short-sides": 48,
        "iterations": 3,
    }
    code, errors = torchrun(tmp_path / "run", changes=changes)
    assert code != 0
    # The other process may say "interrupted", where torchrun's SIGTERM is faster than the news.
    messages = [line for line in errors.splitlines() if line.startswith("error")]
    assert len(messages) == 1 and "1.png" in messages[0], errors
    done = len(metrics(tmp_path / "run"))
    assert 1 < done < 4  # the first line is about the data
    (tmp_path / "1.png").write_bytes(whole)
    train(
        whole_batch(
            tmp_path / "run",
            datasets=(str(changes["dataset"]),),
            classes=("square",),
            preset="maskrcnn_small",
            batch_size=2,
            short_sides=(48,),
            iterations=3,
            resume=True,
        )
    )
    assert [line["iteration"] for line in metrics(tmp_path / "run")] == [0, 1, 2, 3]


def test_a_batch_that_cannot_be_shared(tmp_path):
    with pytest.raises(RefineMaskError, match="2 processes cannot share a batch of 3 images equal"):
        train(whole_batch(tmp_path / "run", batch_size=3), world=World(rank=0, size=2))
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
    with pytest.raises(RefineMaskError, match="takes its own GPU, so --device must be auto"):
        second.own_device("cuda:0")
    with pytest.raises(RefineMaskError, match=r"PyTorch sees 2; use --nproc-per-node 2 or"):
        World(rank=2, size=4, local_rank=2).own_device("auto")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert second.own_device("auto") == "cpu"
