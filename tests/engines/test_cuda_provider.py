"""The operators of ONNX Runtime's CUDA provider, as far as a machine without a GPU can tell."""

import numpy as np
import onnxruntime
import pytest

import refinemask.engines
from refinemask.errors import RefineMaskError
from refinemask.inference import native
from tests.engines.test_engines import FUSED_GRAPH
from tests.plugins import operators
from tests.plugins.hosts import Host, OnnxRuntimeSession

HOST = Host("onnxruntime-cuda", "ort_cuda", OnnxRuntimeSession)


@pytest.fixture
def library():
    return HOST.library()


def test_the_cpu_provider_does_not_take_its_operators(library):
    """The library registers; a session that has no GPU says which node nobody runs."""
    nodes = [operators.node("BoundaryRefine", ["coarse", "fine"], ["refined"], boundary_width=1)]
    float32 = np.dtype(np.float32)
    graph = operators.model(nodes, [("coarse", float32, 4), ("fine", float32, 4)], {"refined": 1})
    with pytest.raises(Exception, match="BoundaryRefine"):
        HOST.open(graph, 1, library)


def test_it_lives_beside_the_operators_of_the_cpu_provider(library):
    path = native.library("ort")
    if path is None:
        pytest.skip(f"librefinemask_ort.so is not built; {native.BUILD}")
    for first, second in ((path, library), (library, path)):
        options = onnxruntime.SessionOptions()
        options.register_custom_ops_library(str(first))
        options.register_custom_ops_library(str(second))


def test_the_engine_says_what_is_missing(make_artifact, monkeypatch):
    artifact = make_artifact(graph=FUSED_GRAPH, form="fused")
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(RefineMaskError, match="built without CUDA, which device 'cuda' needs"):
            refinemask.engines.open(artifact, device="cuda")
    providers = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)
    monkeypatch.setenv("REFINEMASK_LIBRARY_DIR", "/nowhere")
    with pytest.raises(RefineMaskError, match=r"on cuda:1 needs librefinemask_ort_cuda\.so"):
        refinemask.engines.open(artifact, device="cuda:1")
