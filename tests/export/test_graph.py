"""The exported graph: what it is made of, and that it holds for every batch and size."""

import collections
import hashlib
from functools import cache

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from refinemask import engines
from refinemask.engines.runtimes import RUNTIMES
from refinemask.engines.torch import TorchEngine
from refinemask.errors import RefineMaskError
from refinemask.export import export_graph, export_model
from refinemask.export.forms import FORMS
from refinemask.export.options import ExportOptions
from tests.export.small import assert_parity, limited_as, photo, sampled_as


@pytest.fixture(scope="session", params=FORMS)
def form(request):
    return request.param


@pytest.fixture(scope="session")
def graph(exported_as, form) -> onnx.ModelProto:
    return onnx.load(exported_as(form).path)


@pytest.fixture(scope="session")
def reference(sampled):
    return TorchEngine(sampled)


def test_every_form_has_a_runtime_that_takes_it() -> None:
    assert set(FORMS) == {form for runtime in RUNTIMES.values() for form in runtime.forms}


def test_only_standard_operators(exported):
    graph = onnx.load(exported.path)
    assert [(opset.domain, opset.version) for opset in graph.opset_import] == [("", 18)]
    assert not graph.functions
    assert {node.domain for node in graph.graph.node} == {""}
    onnx.checker.check_model(graph, full_check=True)


def test_inputs_and_outputs_are_the_contract(graph, form):
    def described(values):
        return {
            value.name: (
                value.type.tensor_type.elem_type,
                [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim],
            )
            for value in values
        }

    assert described(graph.graph.input) == {
        "images": (TensorProto.UINT8, ["batch", "height", "width", 3]),
        "image_sizes": (TensorProto.INT64, ["batch", 2]),
    }
    if form == "static":
        assert described(graph.graph.output) == {
            "boxes": (TensorProto.FLOAT, ["batch", 50, 4]),
            "scores": (TensorProto.FLOAT, ["batch", 50]),
            "labels": (TensorProto.INT64, ["batch", 50]),
            "masks": (TensorProto.FLOAT, ["batch", 50, 112, 112]),
            "num_detections": (TensorProto.INT64, ["batch"]),
            "truncated": (TensorProto.BOOL, ["batch"]),
        }
        return
    assert described(graph.graph.output) == {
        "boxes": (TensorProto.FLOAT, ["detections", 4]),
        "scores": (TensorProto.FLOAT, ["detections"]),
        "labels": (TensorProto.INT64, ["detections"]),
        "image_index": (TensorProto.INT64, ["detections"]),
        "masks": (TensorProto.FLOAT, ["detections", 112, 112]),
    }


def test_weights_are_stored_once_and_nothing_else_is_large(graph, model):
    stored = [onnx.numpy_helper.to_array(tensor) for tensor in graph.graph.initializer]
    stored += [
        onnx.numpy_helper.to_array(attribute.t)
        for node in graph.graph.node
        for attribute in node.attribute
        if attribute.type == onnx.AttributeProto.TENSOR
    ]
    weights = sum(parameter.numel() for parameter in model.parameters())
    assert sum(array.size for array in stored) < 1.01 * weights
    hashes = collections.Counter(
        hashlib.sha256(array.tobytes()).digest() for array in stored if array.size > 1000
    )
    assert set(hashes.values()) == {1}


def test_no_traces_of_the_exporter(graph):
    """Debugging notes of the exporter would name source files of this machine."""
    assert [prop.key for prop in graph.metadata_props] == ["refinemask", "refinemask_sha256"]
    for info in graph.graph.value_info:  # no symbols of the tracing
        number, *sides = info.type.tensor_type.shape.dim
        assert number.dim_param.startswith("rois_")
        assert all(side.HasField("dim_value") for side in sides)
    for node in graph.graph.node:
        assert not node.metadata_props
        assert not node.doc_string
    assert b".py" not in graph.SerializeToString()


@pytest.mark.parametrize("size", [(32, 32), (64, 32), (96, 256), (288, 160), (320, 416)])
def test_any_height_and_width(engine, sampled, size):
    images = photo(*size)[None]
    sizes = np.array([[size[0] - 5, size[1] - 9]])
    assert_parity(sampled, images, sizes, engine.run(images, sizes))


def test_one_of_those_sizes_has_detections(reference):
    assert len(reference.run(photo(320, 416)[None], np.array([[315, 407]])).scores) >= 5


def test_a_batch_equals_its_single_images(engine, sampled):
    images = np.stack([photo(224, 288, seed) for seed in (1, 2, 3)])
    sizes = np.array([[224, 288], [200, 280], [220, 150]])
    together = engine.run(images, sizes)
    assert set(together.image_index) == {0, 1, 2}
    assert assert_parity(sampled, images, sizes, together) >= 15
    for index in range(3):
        one = slice(index, index + 1)
        alone = engine.run(images[one], sizes[one])
        assert assert_parity(sampled, images[one], sizes[one], alone) >= 1


@pytest.fixture(scope="module")
def blank(reference):
    """Return an image of one colour that has no detections, and its size."""
    for value in range(0, 256, 5):
        images = np.full((1, 64, 96, 3), value, np.uint8)
        sizes = np.array([[1, 1]])
        if not len(reference.run(images, sizes).scores):
            return images[0], sizes[0]
    pytest.fail("the synthetic model sees objects in every blank image")


@pytest.mark.parametrize("batch", [1, 2])
def test_no_detections_and_the_call_after(engine, sampled, blank, batch):
    image, size = blank
    outputs = engine.run(np.stack([image] * batch), np.stack([size] * batch))
    assert outputs.map(np.shape) == ((0, 4), (0,), (0,), (0,), (0, 112, 112))
    images, sizes = photo(224, 288, 1)[None], np.array([[224, 288]])
    assert assert_parity(sampled, images, sizes, engine.run(images, sizes)) >= 5


def test_one_detection(engine, sampled, reference):
    images, sizes = photo(224, 288, 1)[None], np.array([[224, 288]])
    for side in range(8, 128, 4):
        sizes = np.array([[side, side]])
        if len(reference.run(images, sizes).scores) == 1:
            break
    else:
        pytest.fail("no part of the image has one object")
    assert assert_parity(sampled, images, sizes, engine.run(images, sizes)) == 1


def test_a_batch_with_and_without_detections(engine, sampled, blank):
    image, size = blank
    for place in range(3):
        images = np.zeros((3, 224, 288, 3), np.uint8)
        sizes = np.array([size] * 3)
        images[:, :64, :96] = image
        images[place], sizes[place] = photo(224, 288, 1), (224, 288)
        outputs = engine.run(images, sizes)
        assert assert_parity(sampled, images, sizes, outputs) >= 5
        assert np.unique(outputs.image_index).tolist() == [place]


@pytest.fixture(scope="session")
def fixed(maskrcnn, tmp_path_factory):
    """Return a function from a form to the artifact of a small Mask R-CNN for two 256 x 320."""

    @cache
    def export(form):
        path = tmp_path_factory.mktemp("fixed") / "model.onnx"
        options = ExportOptions(form=form, batch=2, height=256, width=320)
        model = limited_as(maskrcnn, form)
        metadata = export_model(model, path, options, weights="synthetic")
        return path, metadata

    return export


def test_fixed_sizes(maskrcnn, fixed, target):
    path, metadata = fixed(target.form)
    limits = metadata.input_limits
    assert (limits.batch, limits.height, limits.width) == (2, 256, 320)
    inputs = onnx.load(path).graph.input
    shapes = [[dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in inputs]
    assert shapes == [[2, 256, 320, 3], [2, 2]]
    engine = engines.open(path, target.runtime)
    images = np.stack([photo(256, 320, 4), photo(256, 320, 5)])
    sizes = np.array([[256, 320], [200, 300]])
    sampled = sampled_as(limited_as(maskrcnn, target.form), target.form)
    assert assert_parity(sampled, images, sizes, engine.run(images, sizes)) >= 10
    with pytest.raises(RefineMaskError, match="height 256, got 288"):
        engine.run(np.zeros((2, 288, 320, 3), np.uint8), sizes)


def test_fixed_artifacts_resize_images_to_fit(fixed):
    path, metadata = fixed("portable")
    assert metadata.parity["passed"]
    assert metadata.parity["detections"] >= 5
    tall = engines.open(path).prepare(np.zeros((900, 300, 3), np.uint8))
    assert tall.image.shape == (256, 320, 3)
    assert tall.size == (256, 85)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch": 0}, "batch of an artifact must be at least 1, got 0"),
        ({"height": 100}, "height .* must be a multiple of 32 from 32 to 2048, got 100"),
        ({"width": 4096}, "width .* must be a multiple of 32 from 32 to 2048, got 4096"),
        ({"form": "fast"}, "unknown form 'fast'; choose one of portable, fused, static"),
    ],
)
def test_arguments_that_are_not_allowed(model, arguments, message):
    with pytest.raises(RefineMaskError, match=message):
        export_graph(model, **arguments)
