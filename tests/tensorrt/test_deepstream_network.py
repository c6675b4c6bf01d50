"""The network for NVIDIA DeepStream becomes an engine of TensorRT-RTX."""

import onnx
import pytest

from refinemask.checkpoints import synthetic_model
from refinemask.configs.presets import preset
from refinemask.engines.tensorrt.build import build_engine
from refinemask.engines.tensorrt.profile import Profile
from refinemask.export import export_graph
from refinemask.export.deepstream.graph import deepstream_graph
from tests.tensorrt.conftest import require_rtx

pytestmark = pytest.mark.tensorrt


@pytest.mark.slow
def test_network(tmp_path):
    require_rtx()
    model = synthetic_model(preset("refinemask_r50"))
    canvas, scaled = (768, 1344), (756, 1344)
    network = deepstream_graph(export_graph(model, form="static"), canvas, scaled)
    onnx.save(network, tmp_path / "refinemask.onnx")
    one, two = (1, 3, *canvas), (2, 3, *canvas)
    profile = Profile({"images": (one, two, two)})  # as nvinfer makes it for two sources
    built = build_engine(tmp_path / "refinemask.onnx", profile)
    assert {tensor.name: (tensor.dtype, tensor.shape) for tensor in built.outputs} == {
        "boxes": ("FLOAT", (-1, 100, 4)),
        "scores": ("FLOAT", (-1, 100)),
        "labels": ("INT32", (-1, 100)),
        "masks": ("FLOAT", (-1, 100, 112, 112)),
        "num_detections": ("INT32", (-1, 1)),
        "truncated": ("INT32", (-1, 1)),
    }
