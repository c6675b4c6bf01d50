"""The runtime "auto": which one it is, why, and what is said where there is none."""

import logging

import numpy as np
import pytest

import refinemask.engines
from refinemask.cli.selection import PredictorChoice
from refinemask.engines import ARTIFACT_RUNTIMES, RUNTIMES, choose_runtime
from refinemask.engines.automatic import FASTEST_FIRST
from refinemask.errors import RefineMaskError
from refinemask.inference import native
from refinemask.inference.images import save_image
from tests.cli.program import invoke
from tests.engines.conftest import CPU_RUNTIMES
from tests.engines.test_engines import FUSED_GRAPH, run_without


@pytest.fixture
def logged(caplog):
    caplog.set_level(logging.INFO, "refinemask")
    return caplog


def test_every_runtime_has_a_place_in_each_of_its_forms():
    for form, names in FASTEST_FIRST.items():
        runs = [name for name in CPU_RUNTIMES if form in RUNTIMES[name].forms]
        assert sorted(names) == sorted(runs)
    forms = {form for runtime in RUNTIMES.values() for form in runtime.forms}
    assert set(FASTEST_FIRST) == forms


def test_an_engine_runs_in_what_it_was_built_for(tmp_path):
    with pytest.raises(RefineMaskError, match="does not exist; build it with: refinemask build"):
        choose_runtime(tmp_path / "model.engine")


def test_the_fastest_runs_an_artifact(make_artifact, logged):
    pytest.importorskip("openvino")
    pytest.importorskip("onnxruntime")
    path = make_artifact()
    engine = refinemask.engines.open(path, "auto", threads=1)
    assert type(engine).__name__ == "OpenVinoEngine"
    assert logged.messages == [f"{path} runs in OpenVINO, the fastest for the form portable"]
    if native.library("ort"):
        path = make_artifact(graph=FUSED_GRAPH, form="fused")
        assert type(refinemask.engines.open(path, "auto")).__name__ == "OnnxRuntimeEngine"


CHOOSE = """
import logging
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
try:
    engine = refinemask.engines.open({path!r}, "auto")
    sys.stdout.write(type(engine).__name__)
except RefineMaskError as error:
    sys.stdout.write(str(error))
"""


def test_the_next_one_where_it_is_not_installed(make_artifact):
    pytest.importorskip("onnxruntime")
    said, name = run_without({"openvino"}, CHOOSE.format(path=str(make_artifact()))).splitlines()
    assert name == "OnnxRuntimeEngine"
    assert "runs in ONNX Runtime, the fastest for the form portable of those that can" in said
    assert "pip install 'refinemask[openvino]'" in said


def test_none_is_installed(make_artifact):
    said = run_without(set(ARTIFACT_RUNTIMES), CHOOSE.format(path=str(make_artifact())))
    assert "no runtime here runs" in said and "toy.onnx, of the form portable, on 'cpu'" in said
    for extra in ("runtime", "openvino"):
        assert f"pip install 'refinemask[{extra}]'" in said


def test_pytorch_is_not_installed():
    said = run_without({"torch"}, CHOOSE.format(path="refinemask_small")).splitlines()
    assert said[0] == "refinemask_small runs in PyTorch, as checkpoints do"
    assert "pip install 'refinemask[torch]'" in said[1]


def test_fused_artifacts_need_the_operators_of_the_runtime(
    make_artifact, tmp_path, monkeypatch, logged
):
    pytest.importorskip("openvino")
    pytest.importorskip("onnxruntime")
    path, library = make_artifact(graph=FUSED_GRAPH, form="fused"), native.library("openvino")
    if library is None:
        pytest.skip(f"librefinemask_openvino.so is not built; {native.BUILD}")
    folder = tmp_path / "libraries"
    folder.mkdir()
    monkeypatch.setenv("REFINEMASK_LIBRARY_DIR", str(folder))
    with pytest.raises(
        RefineMaskError, match=r"librefinemask_ort\.so.*librefinemask_openvino\.so.*missing"
    ):
        choose_runtime(path)
    (folder / library.name).symlink_to(library)
    assert choose_runtime(path).name == "openvino"
    assert "the form fused in ONNX Runtime needs librefinemask_ort.so" in logged.text


@pytest.mark.parametrize("path", ["refinemask_small", "a.safetensors", "a.pth", "a.pt", "a.pkl"])
def test_checkpoints_go_to_pytorch(path):
    assert choose_runtime(path) is RUNTIMES["torch"]


def test_the_device_decides_too(make_artifact, logged):
    pytest.importorskip("onnxruntime")
    path = make_artifact()
    assert choose_runtime(path, "cuda:1").name == "onnxruntime"
    assert "OpenVINO runs on cpu only, not on 'cuda:1'" in logged.text
    with pytest.raises(RefineMaskError, match=r"OpenVINO runs on .*ONNX Runtime runs on cpu and"):
        choose_runtime(path, "tpu")


def test_files_that_are_none(tmp_path):
    with pytest.raises(RefineMaskError, match=r"absent\.onnx does not exist; make it with"):
        refinemask.engines.open(tmp_path / "absent.onnx", "auto")


def test_the_command_line_says_which(make_artifact, tmp_path):
    pytest.importorskip("openvino")
    photograph = tmp_path / "white.png"
    save_image(photograph, np.full((64, 96, 3), 255, np.uint8))
    path = make_artifact()
    given = ("predict", photograph, "--artifact", path, "--json", "-")
    done = invoke(*given, "--runtime", "auto")
    assert done.exit_code == 0, done.output
    assert done.stderr.count("runs in OpenVINO, the fastest for the form portable") == 1
    explicit = invoke(*given, "--runtime", "openvino")
    assert (explicit.stdout, "runs in" in explicit.stderr) == (done.stdout, False)
    automatic, chosen = (PredictorChoice(artifact=path, runtime=r) for r in ("auto", "openvino"))
    assert automatic.identity() == chosen.identity()  # for --resume
