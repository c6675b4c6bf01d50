"""Artifact metadata survives JSON, and anything else is refused."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refinemask.configs.presets import refinemask_small
from refinemask.errors import RefineMaskError
from refinemask.inference.metadata import ArtifactMetadata, InputLimits, sidecar_path

CONFIG = refinemask_small().with_classes(("person", "café"), (1, 7))
METADATA = ArtifactMetadata(
    tool_version="0.1.0",
    preset="refinemask_small",
    config=CONFIG.to_dict(),
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
    read = ArtifactMetadata.from_json(METADATA.to_json())
    assert read.to_json() == METADATA.to_json()
    assert read.model == CONFIG


def test_json_is_the_documented_schema():
    values = json.loads(METADATA.to_json())
    assert values["schema_version"] == 2
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


@pytest.mark.parametrize("version", [1, 3, "2", 2.0, True, None, [[]], 10**400])
def test_other_schemas_are_refused(version):
    values = json.loads(METADATA.to_json()) | {"schema_version": version, "new_field": 1}
    with pytest.raises(RefineMaskError, match=r"schema version .* export the artifact again"):
        ArtifactMetadata.from_json(json.dumps(values))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("short_side", "x"),
        ("short_side", 0),
        ("short_side", 20000),
        ("short_side", True),
        ("long_side", 383),
        ("long_side", 10**400),
        ("divisor", 0),
        ("divisor", 1),
        ("divisor", 7),
        ("min_size", 0),
        ("min_size", 48),
        ("max_size", None),
        ("max_size", 4096),
        ("batch", 0),
        ("batch", 10**9),
        ("width", 1.5),
        ("width", 500),
        ("height", 4096),
    ],
)
def test_impossible_limits_are_refused(name, value):
    values = json.loads(METADATA.to_json())
    values["input_limits"][name] = value
    with pytest.raises(
        RefineMaskError, match=f"limit {name} .* export the artifact again"
    ) as error:
        ArtifactMetadata.from_json(json.dumps(values))
    assert len(str(error.value)) < 250 and str(error.value).isprintable()


def test_limits_that_contradict_each_other():
    with pytest.raises(RefineMaskError, match=r"max_size .* from 512 to 2048, got 256"):
        InputLimits(384, 512, min_size=512, max_size=256)
    with pytest.raises(RefineMaskError, match=r"height .* from 512 to 1024 or null, got 32"):
        InputLimits(384, 512, min_size=512, max_size=1024, height=32)
    with pytest.raises(RefineMaskError, match=r"width .* multiple of 64 .* got 96"):
        InputLimits(384, 512, divisor=64, min_size=64, width=96)


@pytest.mark.parametrize(
    "change",
    [
        {"tool_version": 3},
        {"preset": ["refinemask_small"]},
        {"preset": "maskrcnn_small"},
        {"config": []},
        {"config": {}},
        {"config": {"preset": {}}},
        {"class_names": ["person", 3]},
        {"class_names": ["person", "cat"]},
        {"class_names": ["person", "\ud800"]},
        {"class_names": ["person", "\x1b[2J"]},
        {"class_names": ["person", "two\nlines"]},
        {"class_names": ["person", "x" * 2000]},
        {"category_ids": [1, 7.0]},
        {"category_ids": [1, 8]},
        {"category_ids": [1, 10**400]},
        {"input_limits": None},
        {"input_limits": [384, 512]},
        {"form": "square"},
        {"form": "static"},  # without a sampling ratio
        {"form": "static", "sampling_ratio": 0},
        {"form": "static", "sampling_ratio": 9},
        {"form": "static", "sampling_ratio": True},
        {"form": "static", "sampling_ratio": 2.0},
        {"sampling_ratio": 2},
        {"form": None},
        {"form": ["portable"]},
        {"precision": "int4"},
        {"weights": 1},
        {"checkpoint_sha256": "x" * 64},
        {"checkpoint_sha256": 5},
        {"parity": None},
        {"parity": [1]},
        {"parity": {"boxes": 1}},
        {"parity": {"passed": "yes"}},
        {"parity": {"passed": True, "boxes": float("nan")}},
        {"parity": {"passed": True, "boxes": "small"}},
        {"parity": {"passed": True, "boxes": 10**400}},
    ],
)
def test_values_of_another_kind_are_refused_in_one_line(change):
    text = json.dumps(json.loads(METADATA.to_json()) | change)
    with pytest.raises(RefineMaskError) as error:
        ArtifactMetadata.from_json(text)
    assert len(str(error.value)) < 400 and str(error.value).isprintable()


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5000, " " * (1 << 23)])
def test_text_that_is_too_much_for_a_parser(text):
    with pytest.raises(RefineMaskError, match=r"not the metadata of an artifact; export"):
        ArtifactMetadata.from_json(text)


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


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([10**400, -1, 2**31, 1e308, "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def places(values, path=()):
    """Return the way to every value in JSON."""
    found = [path] if path else []
    items = values.items() if isinstance(values, dict) else []
    if isinstance(values, list):
        items = list(enumerate(values))
    for name, value in items:
        found += places(value, (*path, name))
    return found


@given(st.data())
@settings(max_examples=400)
def test_any_value_anywhere_is_read_or_refused_in_one_line(data):
    values = json.loads(METADATA.to_json())
    *path, last = data.draw(st.sampled_from(places(values)))
    inner = values
    for name in path:
        inner = inner[name]
    inner[last] = data.draw(JSON)
    try:
        read = ArtifactMetadata.from_json(json.dumps(values))
    except RefineMaskError as error:
        assert str(error).isprintable() and len(str(error)) < 600
    else:
        assert read.model.num_classes == 2
