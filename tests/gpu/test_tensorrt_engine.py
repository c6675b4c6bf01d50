"""`refinemask.engines` with TensorRT on a GPU: the same detections as PyTorch's."""

import os
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from refinemask import engines
from refinemask.configs.presets import refinemask_small
from refinemask.engines.tensorrt.engine_file import build_artifact
from refinemask.engines.tensorrt.flavours import FLAVOURS
from refinemask.engines.tensorrt.options import BuildOptions
from refinemask.errors import RefineMaskError
from refinemask.inference import native
from tests.export.small import assert_parity, calibrated, photo, sampled_as
from tests.gpu.runner import RTX_CAPABILITIES
from tests.tensorrt.artifacts import write_artifact

pytestmark = [pytest.mark.gpu, pytest.mark.tensorrt]
SIZES = np.array([[224, 288]] * 2, np.int64)
MAX_SHAPES = (("images", (2, 512, 512, 3)),)


@pytest.fixture(params=FLAVOURS.values(), ids=lambda flavour: flavour.name)
def flavour(gpu, request):
    """Return each TensorRT that is installed and runs on this GPU."""
    flavour = request.param
    if find_spec(flavour.module) is None:
        pytest.skip(f"{flavour.title} is not installed")
    if flavour.portable and torch.cuda.get_device_capability() not in RTX_CAPABILITIES:
        pytest.skip(f"{flavour.title} does not run on {torch.cuda.get_device_name()}")
    if native.library("trt") is None:
        pytest.skip(f"librefinemask_trt.so is not built; {native.BUILD}")
    return flavour


@pytest.fixture(scope="module")
def model():
    return calibrated(refinemask_small())


@pytest.mark.parametrize("form", ["fused", "static"])
def test_an_engine_gives_the_numbers_of_the_model(flavour, model, tmp_path, form):
    artifact = write_artifact(model, form, tmp_path / "model.onnx")
    path = tmp_path / "model.engine"
    build_artifact(artifact, path, BuildOptions(flavour.name, max_shapes=MAX_SHAPES))
    engine = engines.open(path, flavour.name, "cuda")
    images = np.stack([photo(224, 288, seed) for seed in (0, 1)])
    sampled = sampled_as(model, form)
    for count in (1, 2):
        found = engine.run(images[:count], SIZES[:count])
        assert assert_parity(sampled, images[:count], SIZES[:count], found) >= 5
    grey = np.full((1, 64, 64, 3), 127, np.uint8)
    assert_parity(sampled, grey, np.array([[64, 64]]), engine.run(grey, np.array([[64, 64]])))
    again = engine.run(images, SIZES)  # after an image without detections
    assert_parity(sampled, images, SIZES, again)
    with pytest.raises(RefineMaskError, match="build it again with --min-shapes or --max-shapes"):
        engine.run(np.zeros((3, 64, 64, 3), np.uint8), np.array([[64, 64]] * 3))


def test_an_artifact_is_built_once(flavour, model, tmp_path, monkeypatch):
    monkeypatch.setenv("REFINEMASK_CACHE", str(tmp_path / "cache"))
    artifact = write_artifact(model, "fused", tmp_path / "model.onnx")
    engines.open(artifact, flavour.name, "cuda")
    (engine,) = (tmp_path / "cache").rglob("*.engine")
    built = os.stat(engine).st_mtime_ns
    engines.open(artifact, flavour.name, "cuda")
    assert os.stat(engine).st_mtime_ns == built
