"""Artifacts are read without a runtime, and other files are refused."""

import json
from pathlib import Path

import pytest

from refinemask.errors import RefineMaskError
from refinemask.inference.artifact import INPUT_NAMES, OUTPUT_NAMES, Artifact
from refinemask.inference.metadata import METADATA_KEY, ArtifactMetadata, InputLimits

METADATA = ArtifactMetadata(
    tool_version="0.1.0",
    preset="refinemask_small",
    config={"preset": "refinemask_small"},
    class_names=("person",),
    category_ids=(1,),
    input_limits=InputLimits(384, 512),
    form="portable",
    precision="float32",
    weights="trained",
    checkpoint_sha256=None,
    parity={"passed": True},
)


def field(number: int, content: bytes) -> bytes:
    """Encode a field of bytes of a protobuf message."""
    length, size = b"", len(content)
    while True:
        more = 128 if size > 127 else 0
        length += bytes([size & 127 | more])
        size >>= 7
        if not more:
            return bytes([number * 8 + 2]) + length + content


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """The properties of an ONNX file, without a graph."""
    entry = field(1, METADATA_KEY.encode()) + field(2, METADATA.to_json().encode())
    path = tmp_path / "model.onnx"
    path.write_bytes(field(14, entry))
    return path


def test_open(artifact):
    assert Artifact.open(artifact) == Artifact(artifact, "onnx", METADATA)
    assert Artifact.open(str(artifact)).path == artifact


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist; make it with refinemask-export"),
        (b"", "is empty; export it again"),
        (b"not an artifact" * 9, "damaged"),
        (field(14, field(1, b"key") + field(2, b"value")), "has no metadata 'refinemask'"),
        (field(14, field(1, b"refinemask") + field(2, b"{}")), r"other\.onnx: not the metadata"),
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


def test_check(artifact):
    opened = Artifact.open(artifact)
    opened.check(INPUT_NAMES, reversed(OUTPUT_NAMES))
    with pytest.raises(RefineMaskError, match="has the inputs images, not images, image_sizes"):
        opened.check(["images"], OUTPUT_NAMES)
    with pytest.raises(RefineMaskError, match="has the outputs y, not boxes, scores, labels"):
        opened.check(INPUT_NAMES, ["y"])


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
    ("text", "shown"), [("first\nlast line", "last line"), ("", "RuntimeError")]
)
def test_load_error_has_the_last_line_of_the_runtime(artifact, text, shown):
    error = Artifact.open(artifact).load_error(RuntimeError(text))
    assert str(error).endswith(
        f"model.onnx as an ONNX artifact: {shown}; export it again with refinemask-export"
    )
