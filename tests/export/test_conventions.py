"""The portable graph of a model with torchvision's conventions."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

from refinemask.config import TORCHVISION
from refinemask.engines.torch import TorchEngine
from refinemask.export import export_graph
from refinemask.export.parity import compare, summarise
from refinemask.presets import maskrcnn_small
from refinemask.processing import Prepared
from tests.export.small import calibrated, photo

OUTPUTS = ("boxes", "scores", "labels", "image_index", "masks")


@pytest.fixture(scope="session")
def torchvision_model():
    return calibrated(replace(maskrcnn_small(5), conventions=TORCHVISION))


@pytest.fixture(scope="session")
def graph(torchvision_model) -> onnx.ModelProto:
    return export_graph(torchvision_model)


@pytest.fixture(scope="module")
def run(graph, load):
    session = load(graph)
    return lambda **feeds: dict(zip(OUTPUTS, session(**feeds), strict=True))


def test_rois_are_pooled_as_torchvision_does(graph):
    attributes = [
        {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        for node in graph.graph.node
        if node.op_type == "RoiAlign"
    ]
    assert len(attributes) == 8  # four levels for boxes and for masks
    for values in attributes:
        assert values["coordinate_transformation_mode"] == b"output_half_pixel"
        assert values["sampling_ratio"] == 2


@pytest.mark.parametrize(
    "size",
    [(320, 416), (352, 288), (96, 480)],  # with 13, 11, 9, 3 and 15 cells of P5, P6 is stretched
)
def test_parity_at_any_size(torchvision_model, run, size):
    height, width = size
    images = np.stack([photo(height, width, seed) for seed in (0, 1)])
    sizes = np.array([[height - 5, width - 9], [height - 20, width]])
    expected = TorchEngine(torchvision_model).run(images, sizes)
    assert set(expected["image_index"]) == {0, 1}
    prepared = Prepared(np.zeros((*size, 3), np.uint8), size, np.ones(4, np.float32), size)
    report = summarise([compare(expected, run(images=images, image_sizes=sizes), prepared)])
    assert report.passed, report.table()


def test_the_smallest_image(torchvision_model, run):
    images, sizes = np.zeros((1, 32, 32, 3), np.uint8), np.array([[1, 1]])
    expected = TorchEngine(torchvision_model).run(images, sizes)
    found = run(images=images, image_sizes=sizes)
    assert len(found["scores"]) == len(expected["scores"])
