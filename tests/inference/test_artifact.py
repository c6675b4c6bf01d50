"""Artifacts are read and checked without a runtime, and other files are refused."""

import json
import os
from pathlib import Path

import pytest

from refinemask.errors import RefineMaskError
from refinemask.inference.artifact import Artifact, interface
from refinemask.inference.metadata import InputLimits, sidecar_path
from refinemask.inference.onnx_graph import Tensor
from refinemask.inference.seal import check_seal, seal
from tests.artifact_bytes import field, make_metadata, model_bytes

METADATA = make_metadata(InputLimits(384, 512), parity={"passed": True})
OURS = field(4, "BoundaryRefine") + field(7, "refinemask")
LOOP = field(4, "Loop") + field(5, field(6, b""))


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """An artifact without nodes."""
    path = tmp_path / "model.onnx"
    path.write_bytes(model_bytes(METADATA))
    return path


def test_open(artifact):
    opened = Artifact.open(str(artifact))
    assert (opened.path, opened.kind) == (artifact, "onnx")
    assert opened.metadata.to_json() == METADATA.to_json()
    assert opened.sha256 == check_seal(artifact.read_bytes())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist; make it with refinemask-export"),
        (b"", "is empty; export it again"),
        (b"not an artifact" * 9, "damaged"),
        (field(14, field(1, b"key") + field(2, b"value")), "has no metadata 'refinemask'"),
        (field(14, field(1, b"refinemask") + field(2, b"{}")), "is not as it was exported"),
        (model_bytes("{}"), r"other\.onnx: not the metadata"),
    ],
)
def test_other_files(tmp_path, content, message):
    path = tmp_path / "other.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RefineMaskError, match=message):
        Artifact.open(path)
    with pytest.raises(RefineMaskError, match="is a folder; give a file inside it"):
        Artifact.open(tmp_path)


def test_what_is_not_a_regular_file(tmp_path):
    os.mkfifo(tmp_path / "fifo.onnx")
    for path in (tmp_path / "fifo.onnx", Path("/dev/zero")):
        with pytest.raises(RefineMaskError, match="is not a regular file; give an ONNX file"):
            Artifact.open(path)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.truncate(1 << 31)
    with pytest.raises(RefineMaskError, match="ONNX files are smaller than 2147483648"):
        Artifact.open(path)


def test_a_file_that_does_not_fit_memory(artifact, monkeypatch):
    def fail(path):
        raise MemoryError

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(
        RefineMaskError, match=r"cannot read .*model\.onnx: its \d+ bytes do not fit"
    ):
        Artifact.open(artifact)


def test_every_bit_is_under_the_seal(artifact):
    content = artifact.read_bytes()
    for position in range(0, 8 * len(content), 3):
        byte, bit = divmod(position, 8)
        flipped = content[byte] ^ 1 << bit
        artifact.write_bytes(content[:byte] + bytes([flipped]) + content[byte + 1 :])
        with pytest.raises(RefineMaskError) as error:
            Artifact.open(artifact)
        assert str(error.value).isprintable()


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + field(99, 0)])
def test_shorter_and_longer_files_are_refused(artifact, change):
    artifact.write_bytes(change(artifact.read_bytes()))
    with pytest.raises(RefineMaskError):
        Artifact.open(artifact)


def test_a_seal_by_hand():
    digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    data = seal(digest)
    assert data == field(14, field(1, "refinemask_sha256") + field(2, digest))
    assert check_seal(data) == digest
    assert check_seal(b"") is check_seal(data[:40]) is None


@pytest.mark.parametrize(
    "content",
    ["", "nonsense", "[]", "{}", '{"sha256": "12ab"}', "[" * 99999, METADATA.to_json()],
)
def test_a_sidecar_of_another_file(artifact, content):
    sidecar_path(artifact).write_text(content)
    with pytest.raises(RefineMaskError, match=r"model.onnx.json is not the metadata of .*delete"):
        Artifact.open(artifact)


def test_a_sidecar_that_is_no_file(artifact):
    os.mkfifo(sidecar_path(artifact))
    with pytest.raises(RefineMaskError, match=r"model.onnx.json is not the metadata of"):
        Artifact.open(artifact)


def test_the_sidecar_of_the_file(artifact):
    digest = Artifact.open(artifact).sha256
    sidecar_path(artifact).write_text(METADATA.to_json(sha256=digest))
    assert Artifact.open(artifact).metadata.to_json() == METADATA.to_json()
    assert json.loads(sidecar_path(artifact).read_text())["sha256"] == digest


@pytest.mark.parametrize(
    ("form", "nodes", "message"),
    [
        ("portable", [OURS], "its form is portable, and its operators are those of .* fused"),
        ("fused", [], "its form is fused, and its operators are those of the form portable"),
        ("torch", [], "its form is torch"),
        ("static", [], "its form is static, and its operators are those of the form portable"),
        ("portable", [LOOP], "its form is portable, and its operators are those of .* static"),
        ("fused", [OURS, LOOP], "it has loops beside operators of our own, which no artifact has"),
    ],
)
def test_a_form_that_the_operators_contradict(artifact, form, nodes, message):
    ratio = 2 if form == "static" else None
    metadata = make_metadata(form=form, sampling_ratio=ratio)
    artifact.write_bytes(model_bytes(metadata, nodes))
    with pytest.raises(RefineMaskError, match=message):
        Artifact.open(artifact)


def test_a_fused_artifact(artifact):
    artifact.write_bytes(model_bytes(make_metadata(form="fused"), [OURS]))
    assert Artifact.open(artifact).metadata.form == "fused"


def test_a_static_artifact(artifact):
    static = make_metadata(form="static", sampling_ratio=2)
    artifact.write_bytes(model_bytes(static, [LOOP]))
    assert Artifact.open(artifact).metadata.sampling_ratio == 2
    artifact.write_bytes(model_bytes(static, [LOOP], outputs=OUTPUTS))
    with pytest.raises(RefineMaskError, match=r"not .*num_detections int64"):
        Artifact.open(artifact)


def test_tensors_outside_of_the_file(artifact):
    location = field(1, "location") + field(2, "*/_ORT_MEM_ADDR_/*")
    artifact.write_bytes(model_bytes(METADATA, graph=field(5, field(13, location) + field(14, 1))))
    with pytest.raises(RefineMaskError, match="it has tensors outside of the file, which no"):
        Artifact.open(artifact)


INPUTS, OUTPUTS = interface(METADATA)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": INPUTS[:1]}, r"has the inputs images uint8 \(\?, \?, \?, 3\), not images"),
        ({"inputs": (*INPUTS, INPUTS[0])}, "inputs"),
        ({"inputs": (Tensor("images", "float32", INPUTS[0].shape), INPUTS[1])}, "inputs"),
        ({"inputs": (Tensor("images", "uint8", (8, None, None, 3)), INPUTS[1])}, "inputs"),
        (
            {"outputs": [Tensor("\x1b[2J", "float64", (5,))]},
            r"outputs \\x1b\[2J of another type",
        ),
        (
            {"outputs": (*OUTPUTS[:4], Tensor("masks", "float32", (None, 8000, 8000)))},
            r"masks float32 \(\?, 8000, 8000\), not",
        ),
        ({"outputs": (*OUTPUTS[:4], Tensor("masks", "float32", (None, None, None)))}, "outputs"),
    ],
)
def test_another_interface(artifact, changes, message):
    artifact.write_bytes(model_bytes(METADATA, **changes))
    with pytest.raises(RefineMaskError, match=message) as error:
        Artifact.open(artifact)
    assert str(error.value).isprintable()


GIVEN_BOXES = make_metadata(outputs="masks")


def test_an_artifact_for_given_boxes(artifact):
    artifact.write_bytes(model_bytes(GIVEN_BOXES))
    assert Artifact.open(artifact).metadata.outputs == "masks"
    assert Artifact.open(artifact).describe()["outputs"] == "masks"


@pytest.mark.parametrize(
    ("metadata", "of", "message"),
    [
        (METADATA, GIVEN_BOXES, r"labels int64 \(\?\), not images uint8"),
        (GIVEN_BOXES, METADATA, r"not images .* rois float32 \(\?, 5\), labels int64 \(\?\)"),
    ],
)
def test_an_interface_of_other_outputs(artifact, metadata, of, message):
    inputs, outputs = interface(of)
    artifact.write_bytes(model_bytes(metadata, inputs=inputs, outputs=outputs))
    with pytest.raises(RefineMaskError, match=message):
        Artifact.open(artifact)
    artifact.write_bytes(model_bytes(metadata, outputs=outputs))
    with pytest.raises(RefineMaskError, match="has the outputs "):
        Artifact.open(artifact)


def test_fixed_sizes_are_those_of_the_graph(artifact):
    fixed = make_metadata(InputLimits(64, 96, batch=2, height=64, width=96))
    artifact.write_bytes(model_bytes(fixed))
    assert Artifact.open(artifact).metadata.input_limits == fixed.input_limits
    artifact.write_bytes(model_bytes(fixed, inputs=INPUTS))
    with pytest.raises(RefineMaskError, match=r"not images uint8 \(2, 64, 96, 3\)"):
        Artifact.open(artifact)


def test_describe_leaves_out_the_model(artifact):
    described = json.loads(json.dumps(Artifact.open(artifact).describe()))
    assert described.keys() == json.loads(METADATA.to_json()).keys() - {
        "preset",
        "config",
        "class_names",
        "category_ids",
    }
    assert described["parity"] == {"passed": True}


@pytest.mark.parametrize(
    ("text", "shown"),
    [("first\nlast line", "last line"), ("", "RuntimeError"), ("a\x1b[2J", r"a\x1b[2J")],
)
def test_load_error_has_the_last_line_of_the_runtime(artifact, text, shown):
    error = Artifact.open(artifact).load_error(RuntimeError(text))
    assert str(error).endswith(
        f"model.onnx as an ONNX artifact: {shown}; export it again with refinemask-export"
    )
