"""Whole models on a GPU: the parity gate of every runtime that is there, and latency."""

from collections.abc import Callable
from contextlib import nullcontext
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from refinemask import engines
from refinemask.checkpoints import load_model
from refinemask.engines.base import Engine
from refinemask.engines.trial import try_runtime
from refinemask.export import export_model
from refinemask.export.options import ExportOptions
from refinemask.export.parity import check_decision, summarise
from refinemask.export.sampling import with_sampling_ratio
from refinemask.export.subjects import default_subjects
from refinemask.export.verify import compare_subjects
from refinemask.models import Detector
from refinemask.ops import compiled
from tests.gpu.results import microseconds, report
from tests.plugins.hosts import cuda_provider
from tests.plugins.torch_host import TORCH_HOSTS

pytestmark = pytest.mark.gpu
NAMES = ("refinemask_small", "maskrcnn_small")


def check_parity(model: Detector, engine: Engine) -> None:
    """Apply the gate to the photographs of an export, against the model on the CPU."""
    parts = list(compare_subjects(engine, islice(default_subjects(model, engine), 3)))
    found = summarise(parts)
    check_decision(found, parts)
    assert found.passed, str(found)


@pytest.mark.parametrize("name", NAMES)
def test_pytorch(gpu, name):
    TORCH_HOSTS[-1].library()
    engine = engines.open(name, "torch", "cuda")
    with compiled.compiled_operators():
        assert compiled.chosen(torch.zeros(1, device="cuda")) is not None
    check_parity(load_model(name), engine)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", ["portable", "fused"])
def test_onnxruntime(gpu, tmp_path, name, form):
    hosts = cuda_provider()
    if not hosts:
        pytest.skip("this ONNX Runtime has no CUDA provider")
    if form == "fused":
        hosts[0].library()
    model, path = load_model(name), Path(tmp_path, "model.onnx")
    export_model(model, path, ExportOptions(form=form))
    check_parity(model, engines.open(path, "onnxruntime", "cuda"))


@pytest.mark.tensorrt
@pytest.mark.parametrize("form", ["portable", "fused", "static"])
@pytest.mark.parametrize(
    ("provider", "device"), [("tensorrt", "cuda"), ("nv_tensorrt_rtx", "gpu:0")]
)
def test_providers_of_onnxruntime(gpu, tmp_path, monkeypatch, provider, device, form):
    monkeypatch.setenv("REFINEMASK_CACHE", str(tmp_path / "cache"))
    trial = try_runtime(f"onnxruntime:{provider}")
    if trial.problem is not None:
        pytest.skip(trial.problem)
    model, path = load_model(NAMES[0]), Path(tmp_path, "model.onnx")
    export_model(model, path, ExportOptions(form=form))
    engine = engines.open(path, f"onnxruntime:{provider}", device)
    check_parity(with_sampling_ratio(model, engine.metadata.sampling_ratio), engine)


@pytest.mark.slow
def test_latency(gpu):
    """PyTorch with the references and with our operators, interleaved."""
    TORCH_HOSTS[-1].library()
    images = np.random.default_rng(0).integers(0, 256, (1, 416, 416, 3), np.uint8)
    rows = []
    for name in NAMES:
        model = load_model(name, device="cuda")
        ours = _milliseconds(model, images, compiled.compiled_operators)
        theirs = _milliseconds(model, images, nullcontext)
        again = _milliseconds(model, images, compiled.compiled_operators)
        fastest = min(ours, again)
        rows.append([name, f"{theirs:.2f}", f"{fastest:.2f}", f"{theirs / fastest:.2f}"])
    columns = ["Model, one image of 416×416", "references, ms", "our operators, ms", "ratio"]
    report("Models in PyTorch", columns, rows)


@torch.inference_mode()
def _milliseconds(model: Detector, images: np.ndarray, use: Callable[[], object]) -> float:
    batch = torch.from_numpy(images).cuda()
    sizes = torch.tensor([images.shape[1:3]], device="cuda")
    with use():  # type: ignore[attr-defined]
        return microseconds(lambda: model.detect(batch, sizes), repeats=20) / 1000
