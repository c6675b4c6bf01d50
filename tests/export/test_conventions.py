"""The graph of a model with torchvision's conventions."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from refinemask.configs.config import TORCHVISION, Conventions
from refinemask.configs.presets import maskrcnn_small
from refinemask.engines.torch import TorchEngine
from refinemask.export import export_graph
from tests.export.graphs import attributes, flat
from tests.export.small import assert_parity, calibrated, limited_as, photo, sampled_as


@pytest.fixture(scope="session")
def torchvision_model():
    return calibrated(replace(maskrcnn_small(5), conventions=TORCHVISION))


@pytest.fixture(scope="session")
def graph_as(torchvision_model):
    """Return a function that exports that model in a form, once."""
    return cache(lambda form: export_graph(limited_as(torchvision_model, form), form=form))


@pytest.fixture(scope="module")
def run(graph_as, target):
    session = target.load(graph_as(target.form))
    return lambda **feeds: flat(session(**feeds), target.form)


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
def test_parity_at_any_size(torchvision_model, run, size, target):
    height, width = size
    images = np.stack([photo(height, width, seed) for seed in (0, 1)])
    sizes = np.array([[height - 5, width - 9], [height - 20, width]])
    found = run(images=images, image_sizes=sizes)
    assert set(found.image_index) == {0, 1}
    assert_parity(limited_as(torchvision_model, target.form), images, sizes, found)


def test_the_smallest_image(torchvision_model, run):
    images, sizes = np.zeros((1, 32, 32, 3), np.uint8), np.array([[1, 1]])
    expected = TorchEngine(torchvision_model).run(images, sizes)
    found = run(images=images, image_sizes=sizes)
    assert len(found.scores) == len(expected.scores)


OWN = Conventions(
    anchor_scales=(4, 8),
    anchor_ratios=(0.2, 1.0, 5.0),
    proposal_stds=(0.5, 0.5, 0.8, 0.8),
    detection_stds=(0.05, 0.05, 0.1, 0.1),
    proposal_iou=0.8,
    detection_iou=0.3,
    level_proposals=300,
    max_proposals=500,
)


@pytest.fixture(scope="module")
def own_model():
    config = replace(maskrcnn_small(5), conventions=OWN, score_threshold=0.005, max_detections=130)
    return calibrated(config)


@pytest.fixture(scope="module")
def own_graph_as(own_model):
    """Return a function that exports that model in a form, once."""
    return cache(lambda form: export_graph(own_model, form=form))


def test_values_of_a_model_of_its_own_are_in_the_graph(own_graph_as):
    nodes = [node for node in own_graph_as("fused").graph.node if node.domain == "refinemask"]
    proposals, _, detections, _ = map(attributes, nodes)
    assert proposals["iou_threshold"] == pytest.approx(0.8)
    assert proposals["max_per_image"] == 500
    assert detections["iou_threshold"] == pytest.approx(0.3)
    assert detections["score_threshold"] == pytest.approx(0.005)
    assert detections["max_per_image"] == 130


def test_parity_of_a_model_with_values_of_its_own(own_model, own_graph_as, target):
    session = target.load(own_graph_as(target.form))
    images, sizes = photo(320, 416)[None], np.array([[310, 411]])
    found = flat(session(images=images, image_sizes=sizes), target.form)
    assert len(found.scores) > 100  # more than the default lets through
    assert_parity(sampled_as(own_model, target.form), images, sizes, found)
