"""The graph of a model with torchvision's conventions."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from refinemask.configs.config import TORCHVISION
from refinemask.configs.presets import maskrcnn_small
from refinemask.engines.torch import TorchEngine
from refinemask.export import export_graph
from refinemask.inference.structures import RawArrays
from tests.export.graphs import attributes
from tests.export.small import assert_parity, calibrated, photo


@pytest.fixture(scope="session")
def torchvision_model():
    return calibrated(replace(maskrcnn_small(5), conventions=TORCHVISION))


@pytest.fixture(scope="session")
def graph_as(torchvision_model):
    """Return a function that exports that model in a form, once."""
    return cache(lambda form: export_graph(torchvision_model, form=form))


@pytest.fixture(scope="module")
def run(graph_as, target):
    session = target.load(graph_as(target.form))
    return lambda **feeds: RawArrays(*session(**feeds))


def test_rois_are_pooled_as_torchvision_does(graph_as):
    nodes = [node for node in graph_as("portable").graph.node if node.op_type == "RoiAlign"]
    assert len(nodes) == 8  # four levels for boxes and for masks
    for values in map(attributes, nodes):
        assert values["coordinate_transformation_mode"] == b"output_half_pixel"
        assert values["sampling_ratio"] == 2


def test_fused_operators_have_what_differs_from_the_defaults(graph_as):
    nodes = [node for node in graph_as("fused").graph.node if node.domain == "refinemask"]
    kinds = [node.op_type for node in nodes]
    assert kinds == ["BatchedNMS", "MultiScaleRoIAlign", "BatchedNMS", "MultiScaleRoIAlign"]
    proposals, boxes, detections, masks = map(attributes, nodes)
    for values in (boxes, masks):
        assert (values["sampling_ratio"], values["aligned"]) == (2, 0)
        assert values["epsilon_after_log"] == 1
    assert proposals["max_shifted"] == detections["max_shifted"] == 1000
    assert "first_shift" not in proposals
    assert detections["first_shift"] == 1


@pytest.mark.parametrize(
    "size",
    [(320, 416), (352, 288), (96, 480)],  # with 13, 11, 9, 3 and 15 cells of P5, P6 is stretched
)
def test_parity_at_any_size(torchvision_model, run, size):
    height, width = size
    images = np.stack([photo(height, width, seed) for seed in (0, 1)])
    sizes = np.array([[height - 5, width - 9], [height - 20, width]])
    found = run(images=images, image_sizes=sizes)
    assert set(found.image_index) == {0, 1}
    assert_parity(torchvision_model, images, sizes, found)


def test_the_smallest_image(torchvision_model, run):
    images, sizes = np.zeros((1, 32, 32, 3), np.uint8), np.array([[1, 1]])
    expected = TorchEngine(torchvision_model).run(images, sizes)
    found = run(images=images, image_sizes=sizes)
    assert len(found.scores) == len(expected.scores)
