"""The whole network in the form `static` becomes an engine of TensorRT-RTX without plugins."""

from pathlib import Path

import pytest

from refinemask.checkpoints import synthetic_model
from refinemask.configs.presets import PRESETS, preset
from refinemask.engines.tensorrt.engine_file import build_artifact
from refinemask.engines.tensorrt.options import BuildOptions
from tests.tensorrt.artifacts import write_artifact
from tests.tensorrt.conftest import require_rtx

pytestmark = pytest.mark.tensorrt

OPTIONS = BuildOptions("tensorrt_rtx", min_shapes=(("images", (1, 320, 320, 3)),))


def check(name: str, folder: Path) -> None:
    """Build a preset with its dynamic batch and sizes, and check what the engine returns."""
    require_rtx()
    model = synthetic_model(preset(name))
    artifact = write_artifact(model, "static", folder / "model.onnx")
    built, record = build_artifact(artifact, folder / "model.engine", OPTIONS)
    assert record.plugins_sha256 is None
    assert not [layer for layer in built.layers if layer.kind.startswith("PLUGIN")]
    most, side = model.config.max_detections, model.config.mask_head.mask_size
    assert {tensor.name: (tensor.dtype, tensor.shape) for tensor in built.outputs} == {
        "boxes": ("FLOAT", (-1, most, 4)),
        "scores": ("FLOAT", (-1, most)),
        "labels": ("INT64", (-1, most)),
        "masks": ("FLOAT", (-1, most, side, side)),
        "num_detections": ("INT64", (-1,)),
        "truncated": ("BOOL", (-1,)),
    }


FAST = ("maskrcnn_r50", "refinemask_r50")


@pytest.mark.parametrize("name", FAST)
def test_network(tmp_path, name):
    check(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(PRESETS) - {*FAST}))
def test_network_of_another_preset(tmp_path, name):
    check(name, tmp_path)
