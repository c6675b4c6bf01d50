"""Artifact metadata survives JSON, and anything else is refused."""

import json

import pytest

from refinemask.errors import RefineMaskError
from refinemask.inference.metadata import ArtifactMetadata, InputLimits, sidecar_path

METADATA = ArtifactMetadata(
    tool_version="0.1.0",
    preset="refinemask_small",
    config={"preset": "refinemask_small"},
    class_names=("person", "café"),
    category_ids=(1, 7),
    input_limits=InputLimits(384, 512, width=512),
    form="portable",
    precision="float32",
    weights="trained",
    checkpoint_sha256="ab" * 32,
    parity={"passed": True, "boxes": 1e-4},
)


def test_json_round_trip():
    assert ArtifactMetadata.from_json(METADATA.to_json()) == METADATA


def test_json_is_the_documented_schema():
    values = json.loads(METADATA.to_json())
    assert values["schema_version"] == 1
    assert values["class_names"] == ["person", "café"]
    assert values["input_limits"] == {
        "short_side": 384,
        "long_side": 512,
        "min_size": 32,
        "max_size": 2048,
        "divisor": 32,
        "batch": None,
        "height": None,
        "width": 512,
    }


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "{}", "3", '"text"', "null"])
def test_other_text_is_refused(text):
    with pytest.raises(RefineMaskError, match=r"not the metadata of an artifact; export"):
        ArtifactMetadata.from_json(text)


@pytest.mark.parametrize("version", [0, 2, "1"])
def test_other_schemas_are_refused(version):
    values = json.loads(METADATA.to_json()) | {"schema_version": version, "new_field": 1}
    with pytest.raises(RefineMaskError, match=r"schema version .* export the artifact again"):
        ArtifactMetadata.from_json(json.dumps(values))


@pytest.mark.parametrize(
    ("name", "value"),
    [("divisor", 0), ("short_side", "x"), ("max_size", None), ("batch", 0), ("width", 1.5)],
)
def test_impossible_limits_are_refused(name, value):
    values = json.loads(METADATA.to_json())
    values["input_limits"][name] = value
    with pytest.raises(RefineMaskError, match=f"limit {name} .* export the artifact again"):
        ArtifactMetadata.from_json(json.dumps(values))


@pytest.mark.parametrize(
    "change", [{"class_names": "person"}, {"class_names": None}, {"input_limits": {}}, {"extra": 1}]
)
def test_damaged_metadata_is_refused(change):
    values = json.loads(METADATA.to_json()) | change
    with pytest.raises(RefineMaskError, match="damaged"):
        ArtifactMetadata.from_json(json.dumps(values))


def test_class_names_and_ids_must_match():
    values = json.loads(METADATA.to_json()) | {"category_ids": [1]}
    with pytest.raises(RefineMaskError, match="2 class names but 1 category ids"):
        ArtifactMetadata.from_json(json.dumps(values))


def test_sidecar_path(tmp_path):
    assert sidecar_path(tmp_path / "model.onnx") == tmp_path / "model.onnx.json"
