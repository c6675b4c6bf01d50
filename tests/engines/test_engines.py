"""Engines on a toy artifact: the contract, the errors, and life without torch."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import refinemask.engines
from refinemask.engines.runtimes import RUNTIMES
from refinemask.errors import RefineMaskError
from refinemask.inference.artifact import Artifact
from refinemask.inference.metadata import InputLimits
from refinemask.inference.structures import RawOutputs
from tests.artifact_bytes import make_metadata
from tests.engines.conftest import CPU_RUNTIMES, GRAPH
from tests.plugins.hosts import HOSTS

WHITE, BLACK = np.uint8(255), np.uint8(0)


def batch(*colours: np.uint8, size=(64, 96)):
    images = np.stack([np.full((*size, 3), colour, np.uint8) for colour in colours])
    return images, np.array([[60, 80]] * len(colours), np.int64)


@pytest.fixture(params=CPU_RUNTIMES)
def runtime(request):
    pytest.importorskip(request.param)
    return request.param


def test_run_returns_the_contract(make_artifact, runtime):
    engine = refinemask.engines.open(make_artifact(), runtime, threads=1)
    outputs = engine.run(*batch(WHITE, BLACK, WHITE))
    assert outputs.map(lambda values: (values.dtype.name, values.shape)) == RawOutputs(
        boxes=("float32", (2, 4)),
        scores=("float32", (2,)),
        labels=("int64", (2,)),
        image_index=("int64", (2,)),
        masks=("float32", (2, 28, 28)),
    )
    assert outputs.image_index.tolist() == [0, 2]
    assert outputs.boxes.tolist() == [[0, 0, 40, 30]] * 2


@pytest.mark.parametrize("count", [1, 2])
def test_run_without_detections(make_artifact, runtime, count):
    engine = refinemask.engines.open(make_artifact(), runtime)
    outputs = engine.run(*batch(*[BLACK] * count))
    assert outputs.map(np.shape) == ((0, 4), (0,), (0,), (0,), (0, 28, 28))
    assert len(engine.run(*batch(WHITE)).scores) == 1  # and the call after


def test_predict_returns_to_the_original_image(make_artifact, runtime):
    engine = refinemask.engines.open(make_artifact(), runtime)
    image = np.full((128, 160, 3), 255, np.uint8)  # resized to 64 x 80, padded to 64 x 96
    detections = engine.predict(image)
    np.testing.assert_allclose(detections.boxes, [[0, 0, 80, 64]])
    assert detections.image_size == (128, 160)
    masks = np.asarray(detections.masks)
    assert masks.shape == (1, 128, 160)
    assert masks[0, 8:56, :80].all() and masks[0, :64, 10:70].all()  # all but rounded corners
    assert not masks[0, 64:].any() and not masks[0, :, 80:].any()
    assert len(engine.predict(image, score_threshold=0.9)) == 0
    assert len(engine.predict(image, max_detections=0)) == 0
    assert (engine.class_names, engine.category_ids) == (("person",), (1,))


@pytest.mark.parametrize("size", [(1, 1), (20, 20000), (20000, 20), (333, 500)])
def test_predict_any_image_size(make_artifact, runtime, size):
    engine = refinemask.engines.open(make_artifact(), runtime)
    detections = engine.predict(np.full((*size, 3), 255, np.uint8), masks="rle")
    assert detections.image_size == size
    for rle in detections.masks:
        assert rle["size"] == list(size)


def test_fixed_inputs(make_artifact, runtime):
    limits = InputLimits(64, 96, batch=3, height=64, width=96)
    graph = GRAPH.replace("[B, H, W, 3]", "[3, 64, 96, 3]").replace("[B, 2]", "[3, 2]")
    engine = refinemask.engines.open(make_artifact(graph=graph, limits=limits), runtime)
    assert engine.run(*batch(WHITE, WHITE)).image_index.tolist() == [0, 1]
    assert engine.run(*batch(BLACK, WHITE)).image_index.tolist() == [1]
    portrait = engine.predict(np.full((120, 60, 3), 255, np.uint8))  # fits as 64 x 32
    np.testing.assert_allclose(portrait.boxes, [[0, 0, 30, 60]], rtol=1e-6)
    with pytest.raises(RefineMaskError, match=r"takes 1 to 3 images at a time, got 4"):
        engine.run(*batch(WHITE, WHITE, WHITE, WHITE))
    with pytest.raises(RefineMaskError, match=r"images of height 64, got 96"):
        engine.run(*batch(WHITE, size=(96, 96)))


def test_run_from_several_threads(make_artifact, runtime):
    engine = refinemask.engines.open(make_artifact(), runtime)
    wrong = []

    def work(colour):
        for _ in range(30):
            outputs = engine.run(*batch(np.uint8(colour)))
            if abs(outputs.scores[0] - colour / 255) > 1e-5:
                wrong.append(colour)

    workers = [threading.Thread(target=work, args=(colour,)) for colour in (100, 150, 200, 250)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


@pytest.mark.parametrize(
    ("images", "sizes", "message"),
    [
        (np.zeros((1, 64, 64, 3), np.float32), [[64, 64]], "uint8 array of shape"),
        (np.zeros((64, 64, 3), np.uint8), [[64, 64]], r"uint8 array of shape"),
        (np.zeros((1, 3, 64, 64), np.uint8), [[64, 64]], r"got uint8 \(1, 3, 64, 64\)"),
        (np.zeros((0, 64, 64, 3), np.uint8), np.zeros((0, 2)), r"1 or more images .* got 0"),
        (np.zeros((1, 60, 64, 3), np.uint8), [[60, 64]], "multiple of 32 from 32 to 2048, got 60"),
        (np.zeros((1, 64, 2080, 3), np.uint8), [[64, 64]], "width .* got 2080"),
        (np.zeros((1, 64, 64, 3), np.uint8), [[64, 65]], r"got \[\[64, 65\]\]"),
        (np.zeros((1, 64, 64, 3), np.uint8), [[0, 64]], r"got \[\[0, 64\]\]"),
        (np.zeros((2, 64, 64, 3), np.uint8), [[64, 64]], r"shape \(2, 2\), got int64 \(1, 2\)"),
    ],
)
def test_run_checks_its_inputs(make_artifact, images, sizes, message):
    engine = refinemask.engines.open(make_artifact())
    with pytest.raises(RefineMaskError, match=message):
        engine.run(images, np.asarray(sizes, np.int64))


def test_open_unknown_runtime(make_artifact):
    with pytest.raises(RefineMaskError, match=r"'tflite'; choose one of onnxruntime\[:PROV"):
        refinemask.engines.open(make_artifact(), "tflite")


def test_open_wrong_threads_and_device(make_artifact, runtime):
    with pytest.raises(RefineMaskError, match="threads must be >= 1, got 0"):
        refinemask.engines.open(make_artifact(), runtime, threads=0)
    with pytest.raises(RefineMaskError, match=r"device.*'tpu'"):
        refinemask.engines.open(make_artifact(), runtime, device="tpu")


def test_open_folder(tmp_path, runtime):
    with pytest.raises(RefineMaskError, match="is a folder; give a file inside it"):
        refinemask.engines.open(tmp_path, runtime)


def test_open_missing_file(tmp_path, runtime):
    with pytest.raises(RefineMaskError, match=r"absent.onnx does not exist; make it with"):
        refinemask.engines.open(tmp_path / "absent.onnx", runtime)


@pytest.mark.parametrize("content", [b"", b"not an artifact " * 9])
def test_open_damaged_file(tmp_path, runtime, content):
    path = tmp_path / "damaged.onnx"
    path.write_bytes(content)
    with pytest.raises(RefineMaskError, match=r"damaged\.onnx .*export it again"):
        refinemask.engines.open(path, runtime)


def test_open_truncated_file(make_artifact, runtime):
    path = make_artifact()
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(RefineMaskError, match=r"toy\.onnx"):
        refinemask.engines.open(path, runtime)


def test_open_foreign_graph(make_artifact, runtime):
    with pytest.raises(RefineMaskError, match="was not exported by refinemask-export"):
        refinemask.engines.open(make_artifact(text=None), runtime)


def test_open_newer_metadata(make_artifact, runtime):
    text = make_metadata(schema_version=99).to_json()
    with pytest.raises(RefineMaskError, match=r"toy\.onnx: .*schema version 99.*export"):
        refinemask.engines.open(make_artifact(text), runtime)


BLOCK = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
import numpy as np
import refinemask.engines
from refinemask.errors import RefineMaskError
"""


def run_without(blocked: set[str], code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", BLOCK.format(blocked=blocked) + code],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_engines_work_without_torch(make_artifact, runtime):
    code = f"""
engine = refinemask.engines.open({str(make_artifact())!r}, {runtime!r})
sys.stdout.write(str(len(engine.predict(np.full((50, 70, 3), 255, np.uint8)))))
"""
    blocked = {"torch", "torchvision", "onnx", "onnxscript", "safetensors", "pycocotools"}
    assert run_without(blocked, code) == "1"


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("onnxruntime", "runtime"),
        ("openvino", "openvino"),
        ("torch", "torch"),
        ("torch_compiled", "torch"),
    ],
)
def test_absent_runtime_names_the_extra(name, extra):
    assert refinemask.engines.RUNTIMES[name].extra == extra
    code = f"""
try:
    refinemask.engines.open("model.onnx", {name!r})
except RefineMaskError as error:
    sys.stdout.write(str(error))
"""
    module = refinemask.engines.RUNTIMES[name].module
    assert f"pip install 'refinemask[{extra}]'" in run_without({module}, code)


def test_another_graph_with_our_metadata_is_refused(make_artifact, runtime):
    graph = """
        <ir_version: 10, opset_import: ["" : 18]>
        other (float[N] x) => (float[N] y) { y = Neg(x) }
    """
    with pytest.raises(RefineMaskError, match=r"has the inputs x float32 \(\?\), not images"):
        refinemask.engines.open(make_artifact(graph=graph), runtime)


def test_a_signal_after_openvino_engines_are_gone(make_artifact):
    """Each OpenVINO core replaces the signal stack, and two of them left one that was freed."""
    pytest.importorskip("openvino")
    code = (
        "import faulthandler, signal, sys\n"
        "faulthandler.enable()\n"
        "import refinemask\n"
        "first, second = (refinemask.engines.open(sys.argv[1], 'openvino') for _ in range(2))\n"
        "del first, second\n"
        "signal.signal(signal.SIGINT, lambda *_: print('handled'))\n"
        "signal.raise_signal(signal.SIGINT)\n"
    )
    command = [sys.executable, "-c", code, str(make_artifact())]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr


@pytest.mark.parametrize(
    ("runtime", "library"),
    [("onnxruntime", "librefinemask_ort"), ("openvino", "librefinemask_openvino")],
)
def test_fused_artifacts_without_the_operators(
    make_artifact, tmp_path, monkeypatch, runtime, library
):
    pytest.importorskip(runtime)
    monkeypatch.setenv("REFINEMASK_LIBRARY_DIR", str(tmp_path))
    with pytest.raises(
        RefineMaskError,
        match=rf"the fused artifact .*toy\.onnx needs {library}\.so, .*build it .*pip",
    ):
        refinemask.engines.open(make_artifact(graph=FUSED_GRAPH, form="fused"), runtime)


FUSED_GRAPH = (
    GRAPH.replace('["" : 18]', '["" : 18, "refinemask" : 1]')
    .replace(
        "    masks = Expand(one, shape)\n",
        "    fine = Unsqueeze(expanded, last)\n"
        "    small = Constant<value_ints = [1, 14, 14]>()\n"
        "    small_shape = Concat<axis = 0>(count, small)\n"
        "    coarse = Expand(one, small_shape)\n"
        "    refined = refinemask.BoundaryRefine<boundary_width = 1>(coarse, fine)\n"
        "    masks = Squeeze(refined, last)\n",
    )
    .replace("    fine =", "    expanded = Expand(one, shape)\n    fine =")
)


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_fused_artifacts_bring_their_operators(make_artifact, host):
    """Several sessions, and several threads in each."""
    pytest.importorskip(host.name)
    host.library()
    path = make_artifact(graph=FUSED_GRAPH, form="fused")
    engines = [refinemask.engines.open(path, host.name) for _ in range(3)]
    images, sizes = batch(WHITE, BLACK, WHITE)
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda engine: engine.run(images, sizes), engines * 8))
    for outputs in results:
        np.testing.assert_array_equal(outputs.image_index, [0, 2])
        np.testing.assert_array_equal(outputs.masks, np.ones((2, 28, 28), np.float32))


def test_forms_that_a_runtime_does_not_run(make_artifact):
    portable = replace(RUNTIMES["openvino"], forms=("portable",))
    artifact = Artifact.open(make_artifact(graph=FUSED_GRAPH, form="fused"))
    with pytest.raises(
        RefineMaskError,
        match=r"toy\.onnx is an artifact of the form fused, and OpenVINO runs portable ones only; "
        "run it with onnxruntime or openvino, or export it with",
    ):
        portable.check_form(artifact)


def test_openvino_does_not_keep_layers_for_every_shape(make_artifact, monkeypatch):
    pytest.importorskip("openvino")
    from refinemask.engines import openvino as module

    given = []

    class Core:
        def __init__(self):
            self.core = module.shared_core()

        def compile_model(self, model, device, settings):
            given.append(settings)
            return self.core.compile_model(model, device, settings)

    core = Core()
    monkeypatch.setattr(module, "shared_core", lambda: core)
    engine = refinemask.engines.open(make_artifact(), "openvino")
    assert [settings["CPU_RUNTIME_CACHE_CAPACITY"] for settings in given] == [100]
    for width in range(32, 320, 32):  # and it runs images of many shapes
        engine.run(np.zeros((1, 64, width, 3), np.uint8), np.array([[64, width]]))


@pytest.mark.parametrize("suffix", [".ort", ".pb", ".xml", ".tflite", ""])
def test_the_name_of_a_file_does_not_choose_its_format(make_artifact, runtime, suffix, capfd):
    path = make_artifact()
    engine = refinemask.engines.open(path.rename(path.with_suffix(suffix)), runtime)
    assert len(engine.run(*batch(WHITE)).scores) == 1
    assert capfd.readouterr() == ("", "")
