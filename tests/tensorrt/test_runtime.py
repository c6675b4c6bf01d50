"""The runtime of TensorRT on simulated CUDA and TensorRT: what a GPU would run, in its order."""

import gc
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from refinemask import engines
from refinemask.engines.tensorrt.dlpack import CUDA
from refinemask.errors import RefineMaskError
from refinemask.inference.metadata import InputLimits
from tests.tensorrt import simulated_cuda, simulated_tensorrt
from tests.tensorrt.simulation import SIZES, Exported, Foreign, images

pytestmark = pytest.mark.tensorrt


def test_what_is_simulated_exists():
    """Under the same names, in the packages that are installed."""
    trt = pytest.importorskip("tensorrt_rtx_bindings")
    runtime = pytest.importorskip("cuda.bindings.runtime")
    driver = pytest.importorskip("cuda.bindings.driver")
    for simulated, real in (
        (simulated_tensorrt.SimulatedRuntime, trt.Runtime),
        (simulated_tensorrt.SimulatedRefitter, trt.Refitter),
        (simulated_tensorrt.SimulatedParserRefitter, trt.OnnxParserRefitter),
        (simulated_tensorrt.SimulatedEngine, trt.ICudaEngine),
        (simulated_tensorrt.SimulatedContext, trt.IExecutionContext),
        (simulated_tensorrt.SimulatedConfig, trt.IRuntimeConfig),
        (simulated_tensorrt.SimulatedCache, trt.IRuntimeCache),
        (simulated_cuda.SimulatedDriver, driver),
    ):
        names = {name for name in vars(simulated) if not name.startswith("_")}
        assert names
        assert not names - {*dir(real)}
    names = {name for name in vars(simulated_cuda.SimulatedCuda) if name.startswith("cuda")}
    assert not names - {*dir(runtime)}
    for name in ("cudaMemcpyKind", "cudaMemoryType", "cudaStreamCaptureMode"):
        members = vars(getattr(simulated_cuda.SimulatedCuda, name))
        assert not members.keys() - {*dir(getattr(runtime, name))}


@pytest.mark.parametrize("form", ["fused", "static"])
def test_arrays_of_the_host(simulate, form):
    simulation = simulate(form=form)
    engine = simulation.open()
    for counts in ((3, 1), (0, 0), (5, 7)):  # more than before, after none
        found = engine.run(images(*counts), SIZES)
        assert np.bincount(found.image_index, minlength=2).tolist() == list(counts)
        assert found.boxes.tolist() == [[1, 2, 3, 4]] * sum(counts)
    assert simulation.driver.current == "of another library"
    with pytest.raises(RefineMaskError, match="build it again with --min-shapes or --max-shapes"):
        engine.run(images(*[0] * 5), np.array([[64, 96]] * 5))


def test_given_boxes_of_the_host(simulate):
    engine = simulate(form="fused", outputs="masks").open()
    rois = np.array([[1, 0, 0, 8, 8], [0, 0, 0, 8, 8]], np.float32)
    masks = engine.run_rois(images(64, 128), SIZES, rois, np.zeros(2, np.int64))
    assert masks[:, 0, 0] == pytest.approx([0.5, 0.251])
    assert engine.run_rois(images(1, 1), SIZES, rois[:0], np.zeros(0, np.int64)).shape == (
        0,
        28,
        28,
    )


@pytest.mark.parametrize("form", ["fused", "static"])
def test_arrays_on_the_gpu(simulate, form):
    """Outputs are ready when the call returns, and are of their own memory."""
    simulation = simulate(form=form)
    engine = simulation.open()
    first = engine.run_on_gpu(simulation.on_gpu(images(3, 1)), SIZES)
    second = engine.run_on_gpu(simulation.on_gpu(images(0, 2)), SIZES)
    assert first.boxes.__dlpack_device__() == (CUDA, 0)
    assert first.boxes.__cuda_array_interface__["stream"] is None
    if form == "static":
        assert simulation.read(first.num_detections).tolist() == [3, 1]
        assert simulation.read(second.num_detections).tolist() == [0, 2]
        assert simulation.read(first.scores).sum(1).tolist() == [1.5, 0.5]
    else:
        assert simulation.read(first.image_index).tolist() == [0, 0, 0, 1]
        assert simulation.read(second.image_index).tolist() == [1, 1]
        assert second.masks.shape == (2, 28, 28)
    assert engine.run(images(1, 1), SIZES).image_index.tolist() == [0, 1]


def test_memory_lives_as_long_as_an_output(fused):
    engine = fused.open()
    found = engine.run_on_gpu(fused.on_gpu(images(1, 1)), SIZES)
    addresses = [array.__cuda_array_interface__["data"][0] for array in found]
    boxes = found.boxes
    capsule = found.scores.__dlpack__(stream=-1)
    del found, engine
    gc.collect()
    assert [fused.cuda.holds(address) for address in addresses] == [True, True, *[False] * 3]
    assert fused.read(boxes).shape == (2, 4)
    del boxes, capsule
    gc.collect()
    assert not any(map(fused.cuda.holds, addresses))


def test_a_stream_keeps_its_order(fused):
    """The images are not ready yet, and nobody waits for the outputs."""
    engine = fused.open()
    stream = fused.cuda.stream()
    given = fused.on_gpu(images(0, 0))
    fused.cuda.enqueue(stream, lambda: given.memory.__setitem__(..., images(2, 1)))
    found = engine.run_on_gpu(given, SIZES, SimpleNamespace(handle=stream))
    assert found.scores.__cuda_array_interface__["stream"] == stream
    other = fused.cuda.stream()
    found.scores.__dlpack__(stream=other)
    fused.cuda.drain(other)  # nothing but the wait is on it
    interface = found.scores.__cuda_array_interface__
    assert fused.cuda.read(interface["data"][0], "<f4", (3,)).tolist() == [0.5] * 3


def test_runs_on_several_streams_come_one_after_the_other(simulate):
    """Nobody waits for the first, and the sizes of the second do not overwrite its own."""
    simulation = simulate(form="static")
    engine = simulation.open()
    ran: list[str] = []
    streams = [simulation.cuda.stream() for _ in range(2)]
    found = []
    for name, stream in zip("ab", streams, strict=True):
        simulation.cuda.enqueue(stream, lambda name=name: ran.append(name))
        found += engine.run_on_gpu(simulation.on_gpu(images(1)), SIZES[:1], stream)
    assert not ran
    simulation.cuda.drain(streams[1])
    assert sorted(ran) == ["a", "b"]


def test_streams_of_the_arrays(fused):
    """What fills an array comes first, whether the stream is in the interface or is told by it."""
    engine = fused.open()
    filling = fused.cuda.stream()

    def filled(count: int) -> Foreign:
        given = fused.on_gpu(images(0))
        fused.cuda.enqueue(filling, lambda: given.memory.__setitem__(..., images(count)))
        return given

    by_interface = filled(2)
    by_interface.__cuda_array_interface__["stream"] = filling
    assert engine.run_on_gpu(by_interface, SIZES[:1]).boxes.shape == (2, 4)

    def ready(stream: int) -> None:
        _, event = fused.cuda.cudaEventCreateWithFlags(2)
        fused.cuda.cudaEventRecord(event, filling)
        fused.cuda.cudaStreamWaitEvent(stream, event, 0)

    assert engine.run_on_gpu(Exported(filled(3), ready), SIZES[:1]).boxes.shape == (3, 4)


def test_threads_take_turns(fused):
    engine = fused.open()

    def found(count: int) -> int:
        return len(engine.run(images(count), SIZES[:1]).boxes)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(found, [*range(20)] * 5)) == [*range(20)] * 5


def test_given_boxes_on_the_gpu(simulate):
    simulation = simulate(form="fused", outputs="masks")
    engine = simulation.open()
    batch = simulation.on_gpu(images(64, 128))
    rois = np.array([[0, 0, 0, 8, 8], [1, 0, 0, 8, 8], [0, 0, 0, 8, 8]], np.float32)
    labels = np.zeros(3, np.int64)
    given = simulation.on_gpu(rois), simulation.on_gpu(labels)
    masks = engine.run_rois_on_gpu(batch, SIZES, *given)
    assert simulation.read(masks)[:, 0, 0] == pytest.approx([0.25, 0.501, 0.252])
    address, memory = simulation.cuda.array(rois)
    unaligned = Foreign(address + 20, memory[1:])  # which TensorRT does not take
    masks = engine.run_rois_on_gpu(batch, SIZES, unaligned, simulation.on_gpu(labels[1:]))
    assert simulation.read(masks)[:, 0, 0] == pytest.approx([0.5, 0.251])
    none = Foreign(0, rois[:0]), Foreign(0, labels[:0])
    assert engine.run_rois_on_gpu(batch, SIZES, *none).shape == (0, 28, 28)


def test_arrays_that_are_refused(simulate):
    simulation = simulate(form="fused", limits=InputLimits(64, 96, batch=2))
    engine = simulation.open()
    batch = images(1, 1)
    address, memory = simulation.cuda.array(batch)
    strides = (*memory.strides[:2], memory.strides[2] * 2, 1)
    for given, message in (
        (Foreign(address, memory, strides=strides), "images must be contiguous, got strides"),
        (Foreign(address, memory, mask=batch), "images has a mask"),
        (Foreign(memory.ctypes.data + (1 << 40), memory), "images is on the host"),
        (Foreign(address, memory.view(np.int8)), r"images must be a uint8 array.*got int8"),
        (Foreign(address, memory[:1]), "this engine takes 2 images at a time, got 1"),
    ):
        with pytest.raises(RefineMaskError, match=message):
            engine.run_on_gpu(given, SIZES[: len(given.memory)])
    elsewhere = Exported(Foreign(address, memory), print, (CUDA, 1))
    with pytest.raises(RefineMaskError, match="images is on the GPU cuda:1, and the engine runs"):
        engine.run_on_gpu(elsewhere, SIZES)
    with pytest.raises(RefineMaskError, match="images is on the CPU, and the engine runs"):
        engine.run_on_gpu(batch, SIZES)
    with pytest.raises(RefineMaskError, match="image_sizes must be from 1 x 1"):
        engine.run_on_gpu(Foreign(address, memory), SIZES * 2)
    with pytest.raises(RefineMaskError, match="detects objects and takes no boxes"):
        engine.run_rois_on_gpu(Foreign(address, memory), SIZES, batch, batch)


def test_runtimes_without_arrays_on_the_gpu(fused):
    class Plain(engines.Engine):
        def _run(self, images, image_sizes): ...

    engine = Plain(fused.metadata, "a model")
    with pytest.raises(RefineMaskError, match="does not take arrays on the GPU; run an engine"):
        engine.run_on_gpu(None, SIZES)
    with pytest.raises(RefineMaskError, match="does not take arrays on the GPU; run an engine"):
        engine.run_rois_on_gpu(None, SIZES, None, None)


def test_options_of_another_runtime(tmp_path):
    options = engines.TensorRtOptions()
    with pytest.raises(RefineMaskError, match="is to run in ONNX Runtime; leave them out"):
        engines.open(tmp_path / "model.onnx", tensorrt=options)


def test_weights_of_the_artifact(fused, tmp_path):
    weights = tmp_path / "model.onnx"
    fused.write(b"an engine, no weights", "--strip-weights")
    for content, reason in (
        (b"unknown node", "model.onnx: a node is unknown; build it again"),
        (b"something else", "model.onnx: it lacks conv1; it lacks conv2; build it again"),
    ):
        fused.write_artifact(weights, content)
        with pytest.raises(RefineMaskError, match=f"does not take the weights of .*{reason}"):
            fused.open()
    fused.write_artifact(weights, b"all weights")
    assert len(fused.open().run(images(2), SIZES[:1]).boxes) == 2


def test_code_in_an_engine(fused):
    fused.write(b"an engine with code")  # whose record says nothing of it
    with pytest.raises(RefineMaskError, match=r"does not load .*model.engine; build it again"):
        fused.open()
    fused.write(b"an engine with code", "--version-compatible")
    with pytest.raises(RefineMaskError, match=r"contains code, .*\(embedded_code=True\)"):
        fused.open()
    engine = fused.open(embedded_code=True)
    assert len(engine.run(images(2), SIZES[:1]).boxes) == 2
