"""`refinemask.engines` with TensorRT on a GPU: the same detections as PyTorch's."""

import os
import time
from functools import partial
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch.utils.dlpack import from_dlpack

from refinemask import engines
from refinemask.configs.presets import refinemask_small
from refinemask.engines.layer_times import layer_times
from refinemask.engines.tensorrt.engine_file import build_artifact
from refinemask.engines.tensorrt.flavours import FLAVOURS
from refinemask.engines.tensorrt.gpu_array import GpuArray
from refinemask.engines.tensorrt.options import BuildOptions
from refinemask.errors import RefineMaskError
from refinemask.inference import native
from refinemask.inference.outputs import flat_outputs
from refinemask.inference.processing import prepare
from tests.engines.c_library import Library, array, view
from tests.export.small import assert_parity, calibrated, photo, sampled_as
from tests.gpu.runner import RTX_CAPABILITIES
from tests.tensorrt.artifacts import write_artifact

pytestmark = [pytest.mark.gpu, pytest.mark.tensorrt]
SIZES = np.array([[224, 288]] * 2, np.int64)
MAX_SHAPES = (("images", (2, 512, 512, 3)),)
ROIS = np.array([[0, 10, 10, 100, 90], [1, 0, 0, 288, 224], [0, 50, 60, 60, 70]], np.float32)


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


def test_the_c_interface_gives_the_numbers_of_python(flavour, model, tmp_path):
    native.require("runtime", "this test")
    artifact = write_artifact(model, "fused", tmp_path / "model.onnx")
    path = tmp_path / "model.engine"
    build_artifact(artifact, path, BuildOptions(flavour.name, max_shapes=MAX_SHAPES))
    library, image = Library(), np.ascontiguousarray(photo(224, 288, 0))
    expected = engines.open(path, flavour.name, "cuda").predict(image, masks="probs")
    with library.opened(path, runtime=flavour.name, device="cuda") as engine:
        images = [view(image)] * 5  # more than the profile has in a batch
        with library.predicted(engine, images, masks="probs") as found:
            for one in found:
                assert one.count == len(expected.scores) > 0
                for name, values in (("boxes", expected.boxes), ("scores", expected.scores)):
                    got = array(getattr(one, name), values.shape, np.float32)
                    np.testing.assert_allclose(got, values, rtol=1e-5, atol=1e-4)
                probs = np.asarray(expected.masks)
                got = array(one.probs, probs.shape, np.float32)
                np.testing.assert_allclose(got, probs, rtol=1e-5, atol=1e-4)


def on_device(array: np.ndarray) -> torch.Tensor:
    """Return a copy of an array on the GPU."""
    return torch.from_numpy(array).cuda()


def on_host(array: GpuArray) -> np.ndarray:
    """Return a copy of an array on the GPU, which PyTorch takes."""
    return from_dlpack(array).cpu().numpy()


@pytest.mark.parametrize("form", ["fused", "static"])
def test_arrays_on_the_gpu(flavour, model, tmp_path, form):
    """They give the numbers of arrays on the host, on any stream and for any library."""
    artifact = write_artifact(model, form, tmp_path / "model.onnx")
    path = tmp_path / "model.engine"
    build_artifact(artifact, path, BuildOptions(flavour.name, max_shapes=MAX_SHAPES))
    engine = engines.open(path, flavour.name, "cuda")
    images = np.stack([photo(224, 288, seed) for seed in (0, 1)])
    expected = engine.run(images, SIZES)

    def check(found):
        arrays = found._make(map(on_host, found))
        flat = flat_outputs(arrays, str(path))
        for name, values in expected._asdict().items():
            np.testing.assert_allclose(getattr(flat, name), values, rtol=1e-5, atol=1e-4)

    on_gpu = on_device(images)
    first = engine.run_on_gpu(on_gpu, SIZES)
    check(first)
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        flipped = on_gpu.flip(2).contiguous()
        on_gpu = flipped.flip(2).contiguous()  # is ready on this stream alone
        check(engine.run_on_gpu(on_gpu, SIZES, stream))
        check(engine.run_on_gpu(on_gpu, SIZES, stream.cuda_stream))
    taken = torch.as_tensor(first.boxes, device="cuda")  # by the CUDA array interface
    assert taken.data_ptr() == first.boxes.__cuda_array_interface__["data"][0]
    check(first)  # after other runs
    before = torch.cuda.memory.mem_get_info()[0]
    for _ in range(20):
        engine.run_on_gpu(on_gpu, SIZES)
    assert before - torch.cuda.memory.mem_get_info()[0] < 64 << 20
    with pytest.raises(RefineMaskError, match="images is on the CPU, and the engine runs on"):
        engine.run_on_gpu(torch.from_numpy(images), SIZES)


@pytest.mark.parametrize("form", ["fused", "static"])
@pytest.mark.parametrize("cuda_graphs", [False, True])
def test_given_boxes_on_the_gpu(flavour, model, tmp_path, form, cuda_graphs):
    artifact = write_artifact(model, form, tmp_path / "model.onnx", outputs="masks")
    path = tmp_path / "model.engine"
    build_artifact(artifact, path, BuildOptions(flavour.name, max_shapes=MAX_SHAPES))
    expected_of = engines.open(path, flavour.name, "cuda").run_rois
    options = engines.TensorRtOptions(cuda_graphs=cuda_graphs)
    engine = engines.open(path, flavour.name, "cuda", tensorrt=options)
    labels = np.zeros(len(ROIS), np.int64)
    for seed in range(3):  # with graphs, the first is captured and the others are launched
        images = np.stack([photo(224, 288, seed), photo(224, 288, seed + 1)])
        expected = expected_of(images, SIZES, ROIS, labels)
        check = partial(np.testing.assert_allclose, desired=expected, rtol=1e-5, atol=1e-5)
        check(engine.run_rois(images, SIZES, ROIS, labels))
        batch, rois, classes = map(on_device, (images, ROIS, labels))
        check(on_host(engine.run_rois_on_gpu(batch, SIZES, rois, classes)))
        stream = torch.cuda.Stream()
        check(on_host(engine.run_rois_on_gpu(batch, SIZES, rois, classes, stream)))
    unaligned = engine.run_rois_on_gpu(batch, SIZES, rois[1:], classes[1:])
    np.testing.assert_allclose(on_host(unaligned), expected[1:], rtol=1e-5, atol=1e-5)
    assert engine.run_rois_on_gpu(batch, SIZES, rois[:0], classes[:0]).shape[0] == 0


def test_layers_are_timed(flavour, model, tmp_path):
    artifact = write_artifact(model, "fused", tmp_path / "model.onnx")
    path = tmp_path / "model.engine"
    build_artifact(artifact, path, BuildOptions(flavour.name, max_shapes=MAX_SHAPES))
    prepared = prepare(photo(224, 288, 0), 224, 288)
    found = layer_times(path, flavour.name, [prepared], "cuda")
    assert found is not None and found.layers
    assert 0 < sum(layer.seconds for layer in found.layers) < found.seconds


def test_an_artifact_is_built_once(flavour, model, tmp_path, monkeypatch):
    monkeypatch.setenv("REFINEMASK_CACHE", str(tmp_path / "cache"))
    artifact = write_artifact(model, "fused", tmp_path / "model.onnx")
    engines.open(artifact, flavour.name, "cuda")
    (engine,) = (tmp_path / "cache").rglob("*.engine")
    built = os.stat(engine).st_mtime_ns
    engines.open(artifact, flavour.name, "cuda")
    assert os.stat(engine).st_mtime_ns == built


def test_compiled_kernels_are_kept(flavour, model, tmp_path, monkeypatch, caplog):
    if not flavour.portable:
        pytest.skip(f"{flavour.title} compiles kernels when it builds")
    monkeypatch.setenv("REFINEMASK_CACHE", str(tmp_path / "cache"))
    artifact = write_artifact(model, "fused", tmp_path / "model.onnx")
    images = photo(224, 288, 0)[None]

    def seconds() -> float:
        """Return the time to open the engine and run it once."""
        start = time.perf_counter()
        engine = engines.open(artifact, flavour.name, "cuda")
        engine.run(images, SIZES[:1])
        return time.perf_counter() - start

    seconds()  # builds the engine
    (file,) = (tmp_path / "cache").rglob("*.kernels")
    assert file.stat().st_size > 10_000
    kept = seconds()
    file.write_bytes(file.read_bytes()[:-1])
    caplog.clear()
    assert seconds() > kept
    assert "is damaged; compiling again" in caplog.text
    caplog.clear()
    seconds()
    assert not caplog.records


def test_an_engine_without_weights(flavour, model, tmp_path):
    """It is smaller, and gives the same numbers with the weights of its artifact."""
    artifact = write_artifact(model, "fused", tmp_path / "model.onnx")
    images = np.stack([photo(224, 288, seed) for seed in (0, 1)])
    found, sizes = [], []
    for strip_weights in (False, True):
        path = tmp_path / f"{strip_weights}.engine"
        options = BuildOptions(flavour.name, max_shapes=MAX_SHAPES, strip_weights=strip_weights)
        build_artifact(artifact, path, options)
        sizes.append(path.stat().st_size)
        found.append(engines.open(path, flavour.name, "cuda").run(images, SIZES))
    assert sizes[1] < sizes[0] / 2
    for name, values in found[0]._asdict().items():
        np.testing.assert_allclose(getattr(found[1], name), values, rtol=1e-4, atol=1e-3)


def test_an_engine_for_later_versions(flavour, model, tmp_path):
    if flavour.portable:
        pytest.skip(f"engines of {flavour.title} fit one release")
    artifact = write_artifact(model, "static", tmp_path / "model.onnx")
    path = tmp_path / "model.engine"
    options = BuildOptions(flavour.name, max_shapes=MAX_SHAPES, version_compatible=True)
    build_artifact(artifact, path, options)
    with pytest.raises(RefineMaskError, match="contains code"):
        engines.open(path, flavour.name, "cuda")
    allowed = engines.TensorRtOptions(embedded_code=True)
    engine = engines.open(path, flavour.name, "cuda", tensorrt=allowed)
    images = photo(224, 288, 0)[None]
    found = engine.run(images, SIZES[:1])
    assert_parity(sampled_as(model, "static"), images, SIZES[:1], found)
