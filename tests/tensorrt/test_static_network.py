"""The whole network in the form `static` becomes an engine of TensorRT-RTX without plugins."""

from pathlib import Path

import pytest

from refinemask.checkpoints import synthetic_model
from refinemask.configs.config import ModelConfig
from refinemask.configs.presets import PRESETS, preset
from refinemask.engines.tensorrt.engine_file import build_artifact
from refinemask.engines.tensorrt.options import BuildOptions
from refinemask.inference.artifact import Artifact
from tests.export.shared_artifacts import small_artifact
from tests.tensorrt.artifacts import write_artifact
from tests.tensorrt.conftest import require_rtx

pytestmark = pytest.mark.tensorrt

OPTIONS = BuildOptions("tensorrt_rtx", min_shapes=(("images", (1, 320, 320, 3)),))


def check(artifact: Artifact, folder: Path) -> None:
    """Build an artifact of dynamic batch and sizes, and check what the engine returns."""
    built, record = build_artifact(artifact, folder / "model.engine", OPTIONS)
    assert record.plugins_sha256 is None
    assert not [layer for layer in built.layers if layer.kind.startswith("PLUGIN")]
    config = ModelConfig.from_dict(artifact.metadata.config)
    most, side = config.max_detections, config.mask_head.mask_size
    assert {tensor.name: (tensor.dtype, tensor.shape) for tensor in built.outputs} == {
        "boxes": ("FLOAT", (-1, most, 4)),
        "scores": ("FLOAT", (-1, most)),
        "labels": ("INT64", (-1, most)),
        "masks": ("FLOAT", (-1, most, side, side)),
        "num_detections": ("INT64", (-1,)),
        "truncated": ("BOOL", (-1,)),
    }


def test_small_network(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    require_rtx()
    artifact = small_artifact(tmp_path_factory.getbasetemp(), "static")
    check(Artifact.open(artifact.path), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_network(tmp_path: Path, name: str) -> None:
    require_rtx()
    model = synthetic_model(preset(name))
    check(write_artifact(model, "static", tmp_path / "model.onnx"), tmp_path)
