"""Runtimes compared with each other, and layer by layer, on an artifact of each form."""

import copy
import json
import sys
from dataclasses import replace

import onnx
import pytest
import torch

from refinemask import engines
from refinemask.errors import RefineMaskError, WrongUsage
from refinemask.export.layer_runs import with_layers
from refinemask.export.layers import LAYERS, PREFIX
from refinemask.export.runtime_matrix import open_engines, verify_runtimes
from refinemask.inference.artifact import Artifact
from refinemask.inference.photographs import verification_photos
from tests.export.small import limited_as

PHOTOGRAPHS = tuple(photo.path for photo in verification_photos())
PAIR = (PHOTOGRAPHS[0], PHOTOGRAPHS[2])
"""Two of equal padded size."""
RUNTIMES = ("onnxruntime", "torch", "openvino")
FORMS = ("portable", *(pytest.param(form, marks=pytest.mark.slow) for form in ("fused", "static")))


@pytest.fixture(autouse=True)
def runtimes():
    for name in ("onnxruntime", "openvino"):
        pytest.importorskip(name)


@pytest.mark.parametrize("form", FORMS)
def test_every_pair_passes_and_parts_at_no_layer(form, exported_as, model):
    artifact = exported_as(form)
    exported_model = limited_as(model, form)
    done = []
    matrix = verify_runtimes(
        artifact.path,
        exported_model,
        RUNTIMES,
        PAIR,
        layers=True,
        progress=lambda *count: done.append(count),
    )
    assert done == [(1, 2), (2, 2)]
    assert matrix.passed, matrix.table()
    assert list(matrix.pairs) == [
        ("onnxruntime", "torch"),
        ("onnxruntime", "openvino"),
        ("torch", "openvino"),
    ]
    for pair, report in matrix.pairs.items():
        assert (report.images, report.batched_images) == (2, 2)
        assert report.detections >= 5
        found = matrix.layers[pair]
        assert [one.layer for one in found] == list(LAYERS)
        assert not [one.layer for one in found if one.parted], matrix.table()
        assert any(one.largest > 0 for one in found)  # two runtimes, not one twice
    values = json.loads(json.dumps(matrix.to_dict(), allow_nan=False))
    assert [entry["runtimes"] for entry in values["pairs"]] == [list(pair) for pair in matrix.pairs]
    assert {entry["first_parted_layer"] for entry in values["pairs"]} == {None}
    table = matrix.table().splitlines()
    assert [line.split("  ")[0] for line in table[1:4]] == [" - ".join(p) for p in matrix.pairs]
    assert table[5].startswith("compared on ")


@pytest.mark.parametrize(
    ("parameter", "layer"),
    [
        ("neck.fpn_convs.1.conv.weight", "p3"),
        ("rpn_head.rpn_cls.weight", "rpn_logits_p2"),
        ("roi_head.bbox_head.fc_cls.bias", "class_logits"),
        ("roi_head.mask_head.stages.1.instance_logits.bias", "mask_logits_28"),
    ],
)
def test_the_first_layer_with_other_weights_is_named(exported, model, parameter, layer):
    other = copy.deepcopy(model)
    weights = other.get_parameter(parameter).data
    weights += 0.05 * weights.abs().max()
    matrix = verify_runtimes(
        exported.path, other, ("torch", "onnxruntime"), PHOTOGRAPHS[2:3], layers=True
    )
    (values,) = matrix.to_dict()["pairs"]
    assert values["first_parted_layer"] == layer, matrix.table()
    assert f"torch - onnxruntime part at {layer}" in matrix.table()


def test_the_names_of_layers_are_in_every_graph(exported, fused_graph):
    named = {f"{PREFIX}{layer}" for layer in LAYERS} - {f"{PREFIX}scores", f"{PREFIX}masks"}
    in_part = {f"{PREFIX}semantic_logits", f"{PREFIX}mask_logits_112"}
    for graph, expected in ((onnx.load(exported.path), named), (fused_graph, named - in_part)):
        values = [name for node in graph.graph.node for name in node.output]
        assert {name for name in values if name.startswith(PREFIX)} == expected
        assert len(values) == len(set(values))


def test_a_copy_with_layers_leaves_the_artifact_alone(exported):
    before = exported.path.read_bytes()
    artifact = Artifact.open(exported.path)
    with with_layers(artifact) as (copied, names):
        assert copied.path != artifact.path and copied.sha256 != artifact.sha256
        outputs = [output.name for output in onnx.load(copied.path).graph.output]
        assert outputs[5:] == [PREFIX + name for name in names]
        with pytest.raises(RefineMaskError, match="is not as it was exported"):
            Artifact.open(copied.path)
    assert not copied.path.exists()
    assert exported.path.read_bytes() == before


def test_an_artifact_that_does_not_name_its_layers(exported, tmp_path):
    graph = onnx.load(exported.path)
    for node in graph.graph.node:
        for values in (node.input, node.output):
            values[:] = [name.replace(PREFIX, "value_") for name in values]
    artifact = Artifact(tmp_path / "old.onnx", "onnx", exported.metadata, "")
    onnx.save(graph, artifact.path)
    with (
        pytest.raises(RefineMaskError, match=r"old\.onnx does not name its layers.*export it"),
        with_layers(artifact),
    ):
        pass


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("torch", "caffe"), "unknown runtime 'caffe'; choose one of onnxruntime"),
        (("torch", "openvino", "torch"), "torch is given twice"),
        (("torch",), "two or more runtimes can be compared, got torch"),
        ((), "got none"),
    ],
)
def test_runtimes_that_cannot_be_compared(exported, model, names, message):
    with pytest.raises(WrongUsage, match=message):
        verify_runtimes(exported.path, model, names, PAIR)


def test_a_runtime_that_is_not_installed(exported, model, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(RefineMaskError, match=r"openvino engine needs OpenVINO; install it with"):
        verify_runtimes(exported.path, model, ("torch", "openvino"), PAIR)


def test_a_runtime_that_does_not_take_the_form(exported, model, monkeypatch):
    changed = replace(engines.RUNTIMES["openvino"], forms=("static",))
    monkeypatch.setitem(engines.RUNTIMES, "openvino", changed)
    with pytest.raises(RefineMaskError, match="of the form portable, and OpenVINO runs static"):
        open_engines(Artifact.open(exported.path), model, ("torch", "openvino"), "cpu")


def test_the_compiled_model(exported, model):
    """Compared as the artifact is; not compiled here, which takes minutes."""
    runtimes = ("torch", "torch_compiled")
    with torch._dynamo.config.patch(disable=True):
        matrix = verify_runtimes(exported.path, model, runtimes, PAIR)
    assert matrix.passed
    assert matrix.pairs[runtimes].box_difference <= 1e-3
    with pytest.raises(WrongUsage, match="torch_compiled does not show its layers"):
        verify_runtimes(exported.path, model, runtimes, PAIR, layers=True)
