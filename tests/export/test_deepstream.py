"""`refinemask deepstream`: its network in ONNX Runtime, its parser in a program like nvinfer."""

import json
import shutil
import subprocess
from configparser import ConfigParser
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from refinemask import engines
from refinemask.cli.main import app
from refinemask.errors import RefineMaskError
from refinemask.export.deepstream.folder import FILES, FUNCTION, labels, write_folder
from refinemask.export.deepstream.graph import deepstream_graph
from refinemask.export.deepstream.options import DeepStreamOptions
from refinemask.export.deepstream.sizes import canvas_size, scaled_size
from refinemask.inference import native
from refinemask.inference.artifact import Artifact
from refinemask.inference.metadata import InputLimits
from refinemask.inference.outputs import flat_outputs
from refinemask.inference.padded_outputs import PaddedOutputs
from refinemask.inference.processing import prepare
from tests.artifact_bytes import make_metadata, model_bytes
from tests.conftest import ROOT
from tests.export.small import photo

PLUGINS = ROOT / "plugins"
FRAME = (180, 256)
"""Height and width of the frames; both nvinfer and engines scale them to 360 x 512."""
CANVAS = (384, 512)
THRESHOLD = 0.06
TYPES = {"float32": 0, "int32": 3}
"""Numbers of NvDsInferDataType."""


@pytest.fixture(scope="module")
def static(exported_as) -> Artifact:
    pytest.importorskip("onnxruntime")
    return Artifact.open(exported_as("static").path)


@pytest.fixture(scope="module")
def engine(static) -> engines.Engine:
    return engines.open(static, "onnxruntime")


@pytest.fixture(scope="module")
def library() -> Path:
    path = native.library("deepstream")
    if path is None:
        pytest.skip(f"librefinemask_deepstream.so is not built; {native.BUILD}")
    return path


def invoke(artifact: Path, output: Path, *arguments: str) -> Result:
    given = ["--artifact", str(artifact), "--output", str(output), *arguments]
    return CliRunner().invoke(app, ["deepstream", *given])


@pytest.fixture(scope="module")
def folder(static, library, tmp_path_factory) -> Path:
    """Return what the command writes for small frames."""
    path = tmp_path_factory.mktemp("deepstream") / "out"
    sizes = ("--frame-height", str(FRAME[0]), "--frame-width", str(FRAME[1]))
    done = invoke(
        static.path, path, *sizes, "--batch-size", "2", "--score-threshold", str(THRESHOLD)
    )
    assert done.exit_code == 0, done.output
    return path


def test_files(static, folder):
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    names = (folder / "labels.txt").read_text().splitlines()
    assert names == list(static.metadata.class_names)


def test_configuration(folder):
    """The keys are those of nvinfer, from its source; the paths are those of the folder."""
    parser = ConfigParser()
    parser.read(folder / "config_infer.txt")
    found = {section: dict(parser[section]) for section in parser.sections()}
    assert found == {
        "property": {
            "onnx-file": "refinemask.onnx",
            "model-engine-file": "refinemask.onnx_b2_gpu0_fp32.engine",
            "labelfile-path": "labels.txt",
            "custom-lib-path": "librefinemask_deepstream.so",
            "parse-bbox-instance-mask-func-name": "NvDsInferParseCustomRefineMask",
            "batch-size": "2",
            "gie-unique-id": "1",
            "process-mode": "1",
            "network-mode": "0",
            "network-type": "3",
            "num-detected-classes": "5",
            "infer-dims": "3;384;512",
            "network-input-order": "0",
            "model-color-format": "0",
            "net-scale-factor": "1.0",
            "maintain-aspect-ratio": "1",
            "symmetric-padding": "0",
            "scaling-filter": "1",
            "output-instance-mask": "1",
            "segmentation-threshold": "0.5",
            "cluster-mode": "4",
        },
        "class-attrs-all": {"pre-cluster-threshold": str(THRESHOLD), "topk": "-1"},
    }


@pytest.mark.parametrize(
    ("frame", "limits", "canvas", "scaled"),
    [
        ((1080, 1920), InputLimits(800, 1333), (768, 1344), (756, 1344)),
        ((1920, 1080), InputLimits(800, 1333), (1344, 768), (1344, 756)),
        ((480, 640), InputLimits(800, 1333), (800, 1088), (800, 1066)),
        ((481, 641), InputLimits(800, 1333), (800, 1088), (800, 1066)),
        ((1080, 1920), InputLimits(800, 1333, height=640, width=640), (640, 640), (360, 640)),
        ((32, 16384), InputLimits(800, 1333), (32, 1344), (2, 1344)),
    ],
)
def test_sizes(frame, limits, canvas, scaled):
    assert canvas_size(frame, limits) == canvas
    assert scaled_size(frame, canvas) == scaled


class Network(NamedTuple):
    """What is given to the networks, and what the one for nvinfer returns."""

    frames: list[NDArray[np.uint8]]
    images: NDArray[np.uint8]
    outputs: dict[str, NDArray[Any]]


@pytest.fixture(scope="module")
def network(folder) -> Network:
    """Run the network as nvinfer does on frames that it has scaled."""
    import onnxruntime

    frames = [photo(*FRAME, seed) for seed in (0, 1)]
    images = np.stack([prepare(frame, 384, 512).image for frame in frames])
    assert images.shape == (2, *CANVAS, 3)
    session = onnxruntime.InferenceSession(folder / "refinemask.onnx")
    (given,) = session.get_inputs()
    assert (given.name, given.type, given.shape[1:]) == ("images", "tensor(float)", [3, *CANVAS])
    values = images.transpose(0, 3, 1, 2).astype(np.float32)
    names = [output.name for output in session.get_outputs()]
    outputs = dict(zip(names, session.run(None, {"images": values}), strict=True))
    return Network(frames, images, outputs)


def test_the_network_is_that_of_the_artifact(engine, network):
    sizes = np.array([scaled_size(FRAME, CANVAS)] * 2, np.int64)
    assert sizes[0].tolist() == [360, 512]
    expected = engine.run(network.images, sizes)
    found = network.outputs
    assert (found["labels"].dtype, found["num_detections"].shape) == (np.int32, (2, 1))
    padded = PaddedOutputs(
        found["boxes"],
        found["scores"],
        found["labels"].astype(np.int64),
        found["masks"],
        found["num_detections"][:, 0].astype(np.int64),
        found["truncated"][:, 0].astype(bool),
    )
    flat = flat_outputs(padded, "the network")
    assert np.bincount(expected.image_index).min() >= 5
    for name, values in expected._asdict().items():
        np.testing.assert_array_equal(getattr(flat, name), values, name)


class Host(NamedTuple):
    """A program that calls a library as nvinfer does."""

    program: Path
    library: Path

    def parse(
        self, outputs: dict[str, NDArray[Any]], folder: Path, classes: int = 5
    ) -> subprocess.CompletedProcess[bytes]:
        """Give it the outputs of a batch; masks go to a file in the folder."""
        batch = len(outputs["scores"])
        layers = [f"{batch}\n".encode()]
        for name, values in outputs.items():
            words = [name, TYPES[values.dtype.name], *values.shape[1:]]
            layers.append(f"{' '.join(map(str, words))}\n".encode() + values.tobytes())
        numbers = str(classes), str(THRESHOLD)
        given = (self.program, self.library, FUNCTION, *numbers, folder / "masks")
        return subprocess.run(given, input=b"".join(layers), capture_output=True)


@pytest.fixture(scope="module", params=["plain", "sanitized"])
def host(request, tmp_path_factory) -> Host:
    """Compile the program, and with the sanitizers also the library."""
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("there is no C++ compiler (c++)")
    path = tmp_path_factory.mktemp(request.param)
    command: list[str | Path] = [
        compiler,
        "-std=c++17",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-I",
        PLUGINS,
    ]
    if request.param == "sanitized":
        command += ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
        built = path / "libparser.so"
        source = PLUGINS / "deepstream" / "parser.cpp"
        subprocess.run([*command, "-shared", "-fPIC", source, "-o", built], check=True)
    else:
        built = request.getfixturevalue("library")
    source = PLUGINS / "tests" / "deepstream" / "host.cpp"
    subprocess.run([*command, source, "-o", path / "host", "-ldl"], check=True)
    return Host(path / "host", built)


def test_objects_are_those_of_predict(engine, network, host, tmp_path):
    done = host.parse(network.outputs, tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    rows = np.loadtxt(done.stdout.decode().splitlines(), np.float32)
    side = network.outputs["masks"].shape[-1]
    masks = np.fromfile(tmp_path / "masks", np.float32).reshape(-1, side, side)
    assert (rows[:, 7:] == side).all() and len(masks) == len(rows)
    given = {"masks": "probs", "score_threshold": THRESHOLD, "batch_size": 2}
    for frame, expected in enumerate(engine.predict_batch(network.frames, **given)):
        mine = rows[:, 0] == frame
        left, top, width, height = rows[mine, 2:6].T / 2  # back from 360 x 512 to 180 x 256
        boxes = np.stack([left, top, left + width, top + height], axis=1)
        assert 0 < len(expected) < network.outputs["num_detections"][frame, 0]
        np.testing.assert_array_equal(rows[mine, 1], expected.labels)
        np.testing.assert_array_equal(rows[mine, 6], expected.scores)
        np.testing.assert_allclose(boxes, expected.boxes, atol=1e-4)
        np.testing.assert_array_equal(masks[mine], expected.masks)


def test_classes_that_are_not_configured_are_left_out(network, host, tmp_path):
    done = host.parse(network.outputs, tmp_path, classes=2)
    labels = {int(line.split()[1]) for line in done.stdout.splitlines()}
    assert done.returncode == 0 and labels == {0, 1}


def outputs_of_one(count: int = 1, truncated: bool = False) -> dict[str, NDArray[Any]]:
    """Return the outputs for a frame: two slots, of which the first ones hold objects."""
    return {
        "boxes": np.array([[[1, 2, 4, 8], [0, 0, 0, 0]]], np.float32),
        "scores": np.array([[0.9, 0.8]], np.float32),
        "labels": np.array([[3, 0]], np.int32),
        "masks": np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2),
        "num_detections": np.array([[count]], np.int32),
        "truncated": np.array([[truncated]], np.int32),
    }


@pytest.mark.parametrize("count", [-1, 0, 1, 2, 3])
def test_as_many_objects_as_there_are(host, tmp_path, count):
    done = host.parse(outputs_of_one(count), tmp_path)
    assert done.returncode == 0
    lines = done.stdout.decode().splitlines()
    assert len(lines) == min(max(count, 0), 2)
    if lines:
        first = [float(word) for word in lines[0].split()]
        np.testing.assert_allclose(first, [0, 3, 1, 2, 3, 6, 0.9, 2, 2])
        assert np.fromfile(tmp_path / "masks", np.float32)[:4].tolist() == [0, 1, 2, 3]


def test_what_a_detector_must_not_give(host, tmp_path):
    """Labels out of range and scores that are not numbers are no objects."""
    outputs = outputs_of_one(2)
    outputs["labels"][:] = [[-1, 2_000_000_000]]
    assert host.parse(outputs, tmp_path).stdout == b""
    outputs = outputs_of_one(2)
    outputs["scores"][:] = np.nan
    assert host.parse(outputs, tmp_path).stdout == b""


def test_too_many_candidates_are_a_warning_once(host, tmp_path):
    outputs = {
        name: np.concatenate([values] * 2) for name, values in outputs_of_one(1, True).items()
    }
    done = host.parse(outputs, tmp_path)
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 2
    assert done.stderr.count(b"some objects may be missing") == 1


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("masks", None, "the engine has no output masks"),
        ("scores", np.zeros((1, 2), np.int32), "scores has the type 3 and 1 dimensions, not 0"),
        ("masks", np.zeros((1, 2, 4), np.float32), "masks has the type 0 and 2 dimensions, not"),
        ("masks", np.zeros((1, 2, 4, 2), np.float32), "the shapes of the outputs do not agree"),
        ("boxes", np.zeros((1, 3, 4), np.float32), "the shapes of the outputs do not agree"),
    ],
)
def test_outputs_of_another_network(host, tmp_path, name, values, message):
    outputs = outputs_of_one()
    if values is None:
        del outputs[name]
    else:
        outputs[name] = values
    done = host.parse(outputs, tmp_path)
    assert done.returncode == 1 and done.stdout == b""
    assert message in done.stderr.decode() and "`refinemask deepstream`" in done.stderr.decode()


def test_labels():
    """Of nvinfer: it skips empty lines and splits the others at semicolons."""
    assert labels(["person", "", "a; b", " "]) == "person\nclass 1\na, b\nclass 3\n"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "has the form portable, whose outputs have a row for each object"),
        ({"outputs": "masks"}, "takes the boxes of another detector"),
    ],
)
def test_artifacts_that_nvinfer_cannot_run(tmp_path, changes, message):
    artifact = tmp_path / "model.onnx"
    artifact.write_bytes(model_bytes(make_metadata(**changes)))
    done = invoke(artifact, tmp_path / "out")
    assert done.exit_code == 1 and message in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_artifact_of_a_fixed_batch(static, library, tmp_path):
    limits = replace(static.metadata.input_limits, batch=4)
    fixed = replace(static, metadata=replace(static.metadata, input_limits=limits))
    with pytest.raises(RefineMaskError, match=r"takes 4 images at a time.*without --batch"):
        write_folder(fixed, tmp_path, DeepStreamOptions())


def test_a_graph_that_computes_with_its_bytes(static):
    graph = onnx.load(static.path)
    next(node for node in graph.graph.node if node.op_type == "Cast").op_type = "Not"
    with pytest.raises(RefineMaskError, match="gives its images to Not, Shape, not only to"):
        deepstream_graph(graph, CANVAS, CANVAS)


def test_nothing_is_replaced_that_is_read(static, tmp_path):
    artifact = shutil.copy(static.path, tmp_path / "refinemask.onnx")
    before = Path(artifact).read_bytes()
    done = invoke(Path(artifact), tmp_path)
    assert done.exit_code == 2 and "is an input of this command" in done.stderr
    assert Path(artifact).read_bytes() == before


def test_without_the_library(static, tmp_path, monkeypatch):
    monkeypatch.setenv("REFINEMASK_LIBRARY_DIR", str(tmp_path))
    done = invoke(static.path, tmp_path / "out")
    assert done.exit_code == 1
    assert "nvinfer needs librefinemask_deepstream.so, which is missing" in done.stderr


def test_json(static, library, tmp_path):
    done = invoke(static.path, tmp_path / "out", "--json", "-")
    found = json.loads(done.stdout)
    assert found["configuration"] == str(tmp_path / "out" / "config_infer.txt")
    assert found["network"] == {"height": 288, "width": 512}
    assert found["frame"] == {"height": 288, "width": 512}
