"""Graphs that are given boxes: in each form and runtime, the masks that the model predicts."""

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import pytest

from refinemask import engines
from refinemask.engines import Engine
from refinemask.export import export_graph, export_model, verify_artifact
from refinemask.export.options import ExportOptions
from refinemask.export.parity import summarise
from refinemask.export.subjects import photographs
from refinemask.export.tolerances import PROBABILITY_SHARE, PROBABILITY_TOLERANCE
from refinemask.export.verify import compare_subjects
from refinemask.inference.images import load_image
from refinemask.inference.metadata import ArtifactMetadata
from refinemask.inference.photographs import verification_photos
from refinemask.models import Detector
from tests.export.conftest import Target
from tests.export.graphs import operator_names
from tests.export.small import photo, sampled_as

PHOTOGRAPH, _, OTHER = (photo.path for photo in verification_photos())
PAIR = (PHOTOGRAPH, OTHER)
"""Of equal padded size."""


class Exported(NamedTuple):
    path: Path
    metadata: ArtifactMetadata


@pytest.fixture(scope="module")
def segmenting_as(
    model: Detector, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Callable[[str], Exported]:
    """Return a function that exports the model in a form, once, with everything dynamic."""

    @cache
    def export(form: str) -> Exported:
        if form == "fused":
            request.getfixturevalue("operators")
        path = tmp_path_factory.mktemp(form) / "masks.onnx"
        images = () if form == "portable" else (PHOTOGRAPH,)
        options = ExportOptions(form=form, outputs="masks", images=images)
        return Exported(path, export_model(model, path, options, weights="synthetic"))

    return export


@pytest.fixture(scope="module")
def segmenting(segmenting_as: Callable[[str], Exported], target: Target) -> Engine:
    return engines.open(segmenting_as(target.form).path, target.runtime)


@pytest.fixture
def reference(model: Detector, target: Target) -> Detector:
    """Return the model with as many samples of RoIAlign as the form has."""
    return sampled_as(model, target.form)


def random_rois(count: int, images: int, size: tuple[int, int]) -> np.ndarray:
    """Return boxes in any order of their images, and a few without area."""
    rng = np.random.default_rng(count)
    corners = np.sort(rng.uniform(0, 1, (count, 2, 2)), axis=1).reshape(count, 4)
    corners *= [size[1], size[0]] * 2
    corners[2::5, 2:] = corners[2::5, :2]
    return np.concatenate([rng.integers(images, size=(count, 1)), corners], 1).astype(np.float32)


@pytest.mark.parametrize("count", [0, 1, 12])
def test_any_number_of_boxes_in_a_batch(
    segmenting: Engine, reference: Detector, count: int
) -> None:
    images = np.stack([photo(96, 160, seed) for seed in (1, 2)])
    sizes = np.array([[96, 160], [80, 100]])
    rois = random_rois(count, 2, (80, 100))
    labels = np.arange(count) % reference.config.num_classes
    found = segmenting.run_rois(images, sizes, rois, labels)
    expected = reference.run_rois(images, sizes, rois, labels)
    assert found.shape == (count, 112, 112)
    differs = np.abs(found - expected) > PROBABILITY_TOLERANCE
    assert differs.sum() <= 0.001 * differs.size  # near ties, which the gate tells apart


def test_boxes_of_predict_get_the_masks_of_predict(segmenting: Engine, reference: Detector) -> None:
    image = load_image(PHOTOGRAPH)
    detected = reference.predict(image, "probs")
    assert len(detected) >= 5
    order = np.arange(len(detected))[::-1]
    given = (detected.boxes[order], detected.labels[order], detected.scores[order])
    found = segmenting.segment(image, *given, masks="probs")
    assert found.boxes.tolist() == given[0].tolist() and found.scores.tolist() == given[2].tolist()
    difference = np.abs(np.asarray(found.masks) - np.asarray(detected.masks)[order])
    assert (difference <= PROBABILITY_TOLERANCE).mean() >= PROBABILITY_SHARE


def test_the_gate_compares_masks_of_the_boxes_of_the_model(
    segmenting_as: Callable[[str], Exported], model: Detector, target: Target
) -> None:
    exported = segmenting_as(target.form)
    assert exported.metadata.outputs == "masks"
    parity = exported.metadata.parity
    if target.runtime != "onnxruntime":  # in which every export is verified
        report = verify_artifact(exported.path, model, [PHOTOGRAPH], runtime=target.runtime)
        assert report.passed, report.table()
        parity = report.to_dict()
    assert parity["passed"] and parity["detections"] >= 5
    assert (parity["unmatched"], parity["box_difference"], parity["score_difference"]) == (0, 0, 0)


def test_the_gate_compares_batches(segmenting_as: Callable[[str], Exported]) -> None:
    assert segmenting_as("portable").metadata.parity["batched_images"] == 2


def test_the_gate_refuses_the_masks_of_another_head(
    segmenting_as: Callable[[str], Exported], model: Detector
) -> None:
    other = copy.deepcopy(model)
    mask_head = other.roi_head.mask_head
    mask_head.get_parameter("final_instance_logits.bias").data += 0.1
    report = verify_artifact(segmenting_as("portable").path, other, [PHOTOGRAPH])
    assert not report.passed and report.unmatched == 0


def test_the_gate_refuses_masks_of_other_boxes(
    segmenting_as: Callable[[str], Exported], model: Detector
) -> None:
    engine = engines.open(segmenting_as("portable").path)
    subjects = list(photographs(model, engine, PAIR))

    class Wrong:
        """Gives the engine something else than it is asked to."""

        def __init__(self, change: Callable[..., tuple[np.ndarray, np.ndarray]]) -> None:
            self.change, self.outputs, self.metadata = change, engine.outputs, engine.metadata

        def run_rois(self, images, image_sizes, rois, labels):
            return engine.run_rois(images, image_sizes, *self.change(rois.copy(), labels))

    def other_image(rois, labels):
        rois[:, 0] = rois[::-1, 0]
        return rois, labels

    def moved(rois, labels):
        rois[:, 3:] -= 0.25
        return rois, labels

    def verdict(change: Callable[..., tuple[np.ndarray, np.ndarray]]) -> bool:
        return summarise(list(compare_subjects(Wrong(change), subjects))).passed  # type: ignore[arg-type]

    assert verdict(lambda rois, labels: (rois, labels))
    assert not verdict(lambda rois, labels: (rois, (labels + 1) % 5))
    assert not verdict(other_image)
    assert not verdict(moved)


def test_what_the_graph_is_made_of(
    segmenting_as: Callable[[str], Exported], model: Detector
) -> None:
    graph = onnx.load(segmenting_as("fused").path)
    names = operator_names(graph)
    assert "refinemask:BatchedNMS" not in names and "TopK" not in names
    assert names.count("refinemask:MultiScaleRoIAlign") == 7
    stored = sum(int(np.prod(tensor.dims)) for tensor in graph.graph.initializer)
    heads = (model.rpn_head, model.roi_head.bbox_head)
    unused = sum(values.numel() for head in heads for values in head.parameters())
    assert stored < 1.01 * sum(values.numel() for values in model.parameters()) - unused


def test_mask_rcnn_of_fixed_size(maskrcnn: Detector) -> None:
    graph = export_graph(maskrcnn, outputs="masks", batch=1, height=64, width=96)
    sizes = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*graph.graph.input, *graph.graph.output)
    }
    assert sizes == {
        "images": [1, 64, 96, 3],
        "image_sizes": [1, 2],
        "rois": ["rois", 5],
        "labels": ["rois"],
        "masks": ["rois", 28, 28],
    }
