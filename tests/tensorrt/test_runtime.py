"""The runtime of TensorRT on simulated CUDA and TensorRT: what a GPU would run, in its order."""

import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from refinemask import engines
from refinemask.engines.tensorrt.cuda_graphs import MAX_GRAPHS
from refinemask.engines.tensorrt.dlpack import CUDA, described, to_capsule
from refinemask.engines.tensorrt.flavours import TENSORRT_RTX
from refinemask.engines.tensorrt.profile import default_profile
from refinemask.engines.tensorrt.record import EngineRecord
from refinemask.errors import RefineMaskError
from refinemask.files import sha256
from refinemask.inference.metadata import InputLimits, sidecar_path
from tests.artifact_bytes import make_metadata
from tests.tensorrt.conftest import require_rtx
from tests.tensorrt.simulated_cuda import SimulatedCuda, SimulatedDriver
from tests.tensorrt.simulated_tensorrt import SimulatedTensorRt

SIZES = np.array([[64, 96]] * 2, np.int64)


class Simulation:
    """An engine on a simulated GPU."""

    def __init__(self, monkeypatch, tmp_path, **metadata: Any) -> None:
        require_rtx()
        bindings = pytest.importorskip("cuda.bindings")
        self.cuda = SimulatedCuda()
        self.driver = SimulatedDriver()
        monkeypatch.setattr(bindings, "runtime", self.cuda, raising=False)
        monkeypatch.setattr(bindings, "driver", self.driver, raising=False)
        ratio = 2 if metadata["form"] == "static" else None
        self.metadata = make_metadata(sampling_ratio=ratio, **metadata)
        self.trt = SimulatedTensorRt(self.cuda, self.metadata)
        monkeypatch.setitem(sys.modules, TENSORRT_RTX.module, self.trt)
        self.path = tmp_path / "model.engine"
        self.path.write_bytes(b"an engine")
        self.record = EngineRecord(
            tool_version="0.1.0",
            runtime=TENSORRT_RTX.name,
            runtime_version=TENSORRT_RTX.version(),
            engine_sha256=sha256(self.path),
            artifact="model.onnx",
            artifact_sha256="0" * 64,
            metadata=self.metadata,
            profile=default_profile(self.metadata),
            compute_capabilities=(),
            plugins_sha256=None,
            options=(),
        )
        sidecar_path(self.path).write_text(self.record.to_json(), encoding="utf-8")

    def open(self, **options: Any) -> Any:
        chosen = engines.TensorRtOptions(**options)
        return engines.open(self.path, TENSORRT_RTX.name, "cuda", tensorrt=chosen)

    def on_gpu(self, values: np.ndarray) -> "Foreign":
        """Return an array on the GPU, as PyCUDA and Numba have them."""
        return Foreign(*self.cuda.array(values))

    def read(self, array: Any) -> np.ndarray:
        """Return what an array on the GPU has when its stream is done."""
        interface = array.__cuda_array_interface__
        if interface["stream"] is not None:
            self.cuda.drain(interface["stream"])
        return self.cuda.read(interface["data"][0], interface["typestr"], interface["shape"])


class Foreign:
    """An array on the GPU with the CUDA array interface; `interface` changes that."""

    def __init__(self, address: int, memory: np.ndarray, **interface: Any) -> None:
        self.memory, self.shape = memory, memory.shape
        self.__cuda_array_interface__ = {
            "data": (address, False),
            "shape": memory.shape,
            "typestr": memory.dtype.str,
            "version": 3,
            **interface,
        }


class Exported:
    """An array on the GPU with DLPack; `ready` is called with the stream that is to wait for it."""

    def __init__(self, foreign: Foreign, ready: Any, device: tuple[int, int] = (CUDA, 0)) -> None:
        self._foreign, self._ready, self._device = foreign, ready, device
        self.shape = foreign.shape

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._device

    def __dlpack__(self, stream: int) -> Any:
        self._ready(stream)
        interface = self._foreign.__cuda_array_interface__
        return to_capsule(described(interface, self._foreign), self._device)


@pytest.fixture
def simulate(monkeypatch, tmp_path):
    """Return a function from metadata to an engine on a simulated GPU."""
    return lambda **metadata: Simulation(monkeypatch, tmp_path, **metadata)


@pytest.fixture
def fused(simulate):
    return simulate(form="fused")


def images(*first: int, size: tuple[int, int] = (64, 96)) -> np.ndarray:
    """Return black images, but for the first byte of each: the number of its objects."""
    batch = np.zeros((len(first), *size, 3), np.uint8)
    batch[:, 0, 0, 0] = first
    return batch


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


@pytest.fixture
def masks(simulate):
    return simulate(form="fused", outputs="masks")


def filled(engine: Any, first: int, boxes: int = 2) -> list[float]:
    """Return what the masks of boxes in an image with this first byte are filled with."""
    rois = np.zeros((boxes, 5), np.float32)
    found = engine.run_rois(images(first), SIZES[:1], rois, np.zeros(boxes, np.int64))
    return found[:, 0, 0].tolist()


def test_cuda_graphs(masks):
    """The first run is executed and captured, and the others only launch."""
    engine = masks.open(cuda_graphs=True)
    assert filled(engine, 64) == pytest.approx([0.25, 0.251])
    assert filled(engine, 128) == pytest.approx([0.5, 0.501])
    assert filled(engine, 192, 3) == pytest.approx([0.75, 0.751, 0.752])
    assert filled(engine, 32) == pytest.approx([0.125, 0.126])
    assert [context.runs for context in masks.trt.contexts] == [2, 2]
    assert masks.trt.contexts[0].config.dynamic_shapes_kernel_specialization_strategy == "eager"


def test_cuda_graphs_on_the_gpu(masks):
    """Each call has memory of its own, and nothing overtakes on another stream."""
    engine = masks.open(cuda_graphs=True)
    rois, labels = np.zeros((1, 5), np.float32), np.zeros(1, np.int64)
    given = masks.on_gpu(rois), masks.on_gpu(labels)
    streams = [None, *(masks.cuda.stream() for _ in range(2))]
    found = [
        engine.run_rois_on_gpu(masks.on_gpu(images(first)), SIZES[:1], *given, stream)
        for first, stream in zip((64, 128, 192), streams, strict=True)
    ]
    assert [masks.read(array)[0, 0, 0] for array in reversed(found)] == [0.75, 0.5, 0.25]
    assert [context.runs for context in masks.trt.contexts] == [2]


def test_few_cuda_graphs_are_kept(masks):
    engine = masks.open(cuda_graphs=True)
    made = []
    for boxes in (1, 2, 3, 4, 1, 5, 1, 2):  # 2 is the one that was not used for longest
        assert len(filled(engine, 0, boxes)) == boxes
        made.append(len(masks.trt.contexts))
    assert made == [1, 2, 3, 4, 4, 5, 5, 6]
    assert masks.cuda.graphs == MAX_GRAPHS
    del engine
    gc.collect()
    assert masks.cuda.graphs == 0


def test_captures_that_fail(masks):
    """Nothing is run without the graph that was asked for."""
    engine = masks.open(cuda_graphs=True)
    masks.trt.capturable = False
    for _ in range(2):
        with pytest.raises(
            RefineMaskError, match=r"cannot be captured as a CUDA graph: .*leave out"
        ):
            filled(engine, 64)
    masks.trt.capturable = True
    assert filled(engine, 64) == pytest.approx([0.25, 0.251])


@pytest.mark.parametrize(("form", "reason"), [("fused", "shapes"), ("static", "suppression")])
def test_engines_that_cannot_be_captured(simulate, form, reason):
    with pytest.raises(RefineMaskError, match=f"{reason}.*; leave out cuda_graphs, or"):
        simulate(form=form).open(cuda_graphs=True)


def test_options_of_another_runtime(tmp_path):
    options = engines.TensorRtOptions()
    with pytest.raises(RefineMaskError, match="is to run in ONNX Runtime; leave them out"):
        engines.open(tmp_path / "model.onnx", tensorrt=options)
