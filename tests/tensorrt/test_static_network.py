"""The whole network in the form `static` becomes an engine of TensorRT-RTX without plugins."""

from pathlib import Path

import onnx
import pytest

from refinemask.checkpoints import synthetic_model
from refinemask.configs.presets import PRESETS, preset
from refinemask.engines.tensorrt.build import build_engine
from refinemask.engines.tensorrt.profile import Profile
from refinemask.export import export_graph
from tests.tensorrt.conftest import require_rtx

pytestmark = pytest.mark.tensorrt

PROFILE = Profile(
    {
        "images": ((1, 320, 320, 3), (1, 800, 1344, 3), (2, 1344, 1344, 3)),
        "image_sizes": ((1, 2), (1, 2), (2, 2)),
    }
)


def check(name: str, folder: Path) -> None:
    """Build a preset with its dynamic batch and sizes, and check what the engine returns."""
    require_rtx()
    model = synthetic_model(preset(name))
    path = folder / "model.onnx"
    onnx.save(export_graph(model, form="static"), path)
    engine = build_engine(path, PROFILE)
    assert not [layer for layer in engine.layers if layer.kind.startswith("PLUGIN")]
    most, side = model.config.max_detections, model.config.mask_head.mask_size
    assert {tensor.name: (tensor.dtype, tensor.shape) for tensor in engine.outputs} == {
        "boxes": ("FLOAT", (-1, most, 4)),
        "scores": ("FLOAT", (-1, most)),
        "labels": ("INT64", (-1, most)),
        "masks": ("FLOAT", (-1, most, side, side)),
        "num_detections": ("INT64", (-1,)),
        "truncated": ("BOOL", (-1,)),
    }


def test_small_network(tmp_path):
    check("maskrcnn_small", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(PRESETS) - {"maskrcnn_small"}))
def test_network(tmp_path, name):
    check(name, tmp_path)
