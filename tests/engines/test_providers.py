"""Execution providers of ONNX Runtime: chosen by name, and never replaced in silence."""

import json
import logging
import os
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest

import refinemask.engines
from refinemask.engines.plugin_providers import list_devices, plugin_options
from refinemask.engines.probes import identity_graph
from refinemask.engines.providers import CPU, TENSORRT, Provider, choose_provider
from refinemask.engines.runtimes import find_runtime
from refinemask.engines.trial import try_runtime
from refinemask.errors import RefineMaskError, WrongUsage
from refinemask.inference import native
from refinemask.inference.artifact import Artifact
from tests.engines.test_engines import BLACK, FUSED_GRAPH, WHITE, batch


def test_a_runtime_may_name_a_provider():
    assert find_runtime("onnxruntime").provider is None
    chosen = find_runtime("onnxruntime:openvino")
    assert (chosen.name, chosen.provider) == ("onnxruntime", "openvino")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("openvino:cpu", "OpenVINO has no providers, got 'openvino:cpu'; write openvino"),
        ("onnxruntime:", "names no provider after the colon"),
        ("caffe:x", r"unknown runtime 'caffe:x'; choose one of onnxruntime\[:PROVIDER\], openvino"),
    ],
)
def test_names_that_are_none(name, message):
    with pytest.raises(WrongUsage, match=message):
        find_runtime(name)


@pytest.mark.parametrize("form", ["portable", "fused"])
def test_a_provider_by_its_device(make_artifact, form, caplog):
    caplog.set_level(logging.WARNING, "refinemask")
    if form == "fused" and native.library("ort") is None:
        pytest.skip(f"librefinemask_ort.so is not built; {native.BUILD}")
    path = make_artifact(**({"graph": FUSED_GRAPH, "form": "fused"} if form == "fused" else {}))
    expected = refinemask.engines.open(path).run(*batch(WHITE, BLACK))
    engine = refinemask.engines.open(path, f"onnxruntime:{CPU}", threads=1)
    for one, other in zip(engine.run(*batch(WHITE, BLACK)), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not caplog.messages


@pytest.mark.parametrize(
    ("provider", "device", "message"),
    [
        (CPU, "gpu", rf"{CPU} lists no device 'gpu' here: it lists cpu; give one of these"),
        (CPU, "npu:1", "lists no device 'npu:1' here"),
        ("abacus", "cpu", rf"no provider 'abacus' here; choose one of tensorrt, .*{CPU}"),
        ("tensorrt", "cpu", "runs on GPUs, got the device 'cpu'; use cuda or cuda:N"),
        ("tensorrt", "gpu", "unknown device 'gpu'; choose cpu, cuda or cuda:N"),
    ],
)
def test_what_is_not_there_is_refused(make_artifact, provider, device, message):
    with pytest.raises(RefineMaskError, match=message):
        refinemask.engines.open(make_artifact(), f"onnxruntime:{provider}", device)


def test_tensorrt_is_not_in_every_onnx_runtime(make_artifact):
    if TENSORRT in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has its TensorRT provider")
    with pytest.raises(RefineMaskError, match=r"built without .*pip install 'refinemask\[gpu\]'"):
        refinemask.engines.open(make_artifact(), "onnxruntime:tensorrt", "cuda")


@pytest.fixture
def with_tensorrt(monkeypatch, tmp_path):
    """Let ONNX Runtime claim that it has the providers for GPUs."""
    providers = [TENSORRT, "CUDAExecutionProvider", CPU]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)
    monkeypatch.setenv("REFINEMASK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")


def test_tensorrt_computes_in_float32_and_keeps_its_engines(with_tensorrt, make_artifact, tmp_path):
    artifact = Artifact.open(make_artifact())
    chosen = choose_provider("tensorrt", "cuda:1", None, artifact)
    assert os.environ["NVIDIA_TF32_OVERRIDE"] == "0"
    assert chosen.options["device_id"] == "1"
    assert chosen.options["trt_engine_cache_enable"] == "1"
    folder = chosen.options["trt_engine_cache_path"]
    assert os.path.isdir(folder) and folder.startswith(str(tmp_path / "cache"))
    assert not any(name in "".join(chosen.options) for name in ("fp16", "bf16", "int8", "plugin"))
    assert [name for name, _ in chosen.others] == ["CUDAExecutionProvider", CPU]
    assert chosen.others[0][1]["use_tf32"] == "0"


def test_tensorrt_gets_our_plugins_for_the_form_fused(
    with_tensorrt, make_artifact, tmp_path, monkeypatch
):
    artifact = Artifact.open(make_artifact(graph=FUSED_GRAPH, form="fused"))
    libraries = tmp_path / "lib"
    libraries.mkdir()
    monkeypatch.setenv("REFINEMASK_LIBRARY_DIR", str(libraries))
    with pytest.raises(RefineMaskError, match=r"in TensorRT needs librefinemask_trt_auto\.so"):
        choose_provider("tensorrt", "cuda", None, artifact)
    plugins = libraries / "librefinemask_trt_auto.so"
    plugins.write_bytes(b"one")
    first = choose_provider("tensorrt", "cuda", None, artifact).options
    assert first["trt_extra_plugin_lib_paths"] == str(plugins)
    plugins.write_bytes(b"two")
    second = choose_provider("tensorrt", "cuda", None, artifact).options
    assert first["trt_engine_cache_path"] != second["trt_engine_cache_path"]


@pytest.mark.parametrize("runtime", ["onnxruntime:tensorrt", "onnxruntime"])
def test_a_session_without_the_provider_is_an_error(with_tensorrt, make_artifact, runtime):
    """ONNX Runtime itself only warns, and takes the CPU's."""
    if len(onnxruntime.get_ep_devices()) > 1:
        pytest.skip("this machine may have the provider")
    message = r"cannot run .*toy\.onnx with its .*ExecutionProvider: .*nvidia-smi"
    with (
        pytest.warns(UserWarning, match="not in available"),
        pytest.raises(RefineMaskError, match=message),
    ):
        refinemask.engines.open(make_artifact(), runtime, "cuda")


def test_a_provider_that_takes_no_node_is_an_error():
    if "AzureExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has no AzureExecutionProvider")
    provider = Provider("AzureExecutionProvider", "ort", others=((CPU, {}),))
    session = provider.start(identity_graph(), "a graph", onnxruntime.SessionOptions())
    assert session.get_providers()[0] == provider.name
    with pytest.raises(RefineMaskError, match="takes none of the 1 nodes; use another provider"):
        provider.check_nodes(session, "a graph")


def test_a_plugin_that_does_not_load(tmp_path, monkeypatch):
    package = tmp_path / "onnxruntime_ep_broken"
    package.mkdir()
    library = tmp_path / "libbroken.so"
    library.write_text("not a library")
    (package / "__init__.py").write_text(
        "def get_ep_name(): return 'BrokenExecutionProvider'\n"
        f"def get_library_path(): return {str(library)!r}\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    trial = try_runtime("onnxruntime:broken")
    assert trial.problem is not None
    assert trial.problem.startswith("ONNX Runtime cannot load its plugin provider 'broken': ")
    assert "libbroken.so" in trial.problem


def test_devices_are_named_by_kind_and_numbered(monkeypatch):
    def device(provider, kind):
        return SimpleNamespace(
            ep_name=provider, device=SimpleNamespace(type=SimpleNamespace(name=kind))
        )

    listed = [device("A", "GPU"), device("B", "CPU"), device("A", "CPU"), device("A", "GPU")]
    listed.append(device("A", "NPU"))
    monkeypatch.setattr(onnxruntime, "get_ep_devices", lambda: listed)
    found = list_devices("A")
    assert list(found) == ["gpu:0", "cpu", "gpu:1", "npu:0"]
    assert (found["gpu:1"], found["cpu"]) == (listed[3], listed[2])


def test_plugins_compute_in_float32_or_a_warning_says_that_they_may_not(monkeypatch, caplog):
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    options = plugin_options("OpenVINOExecutionProvider", "cpu", 2)
    settings = json.loads(options["load_config"])["CPU"]
    assert settings["INFERENCE_PRECISION_HINT"] == "f32"
    assert settings["INFERENCE_NUM_THREADS"] == "2"
    options = plugin_options("OpenVINOExecutionProvider", "gpu", 2)
    assert json.loads(options["load_config"]) == {"GPU": {"INFERENCE_PRECISION_HINT": "f32"}}
    assert plugin_options("NvTensorRTRTXExecutionProvider", "gpu", None)
    assert os.environ["NVIDIA_TF32_OVERRIDE"] == "0"
    assert not caplog.messages
    assert plugin_options("AbacusExecutionProvider", "npu", None) == {}
    assert "decides itself how precisely it computes" in caplog.text


def test_the_openvino_plugin_computes_in_float32(make_artifact):
    pytest.importorskip("onnxruntime_ep_openvino")
    path = make_artifact()
    expected = refinemask.engines.open(path).run(*batch(np.uint8(101), np.uint8(203)))
    found = refinemask.engines.open(path, "onnxruntime:openvino").run(
        *batch(np.uint8(101), np.uint8(203))
    )
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)  # bfloat16 would be 1e-3 off
