"""The static form: what its graph is made of, its padding, its limits and its sampling ratio."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

from refinemask.configs.config import TORCHVISION, Conventions
from refinemask.configs.presets import maskrcnn_small
from refinemask.errors import RefineMaskError, WrongUsage
from refinemask.export import export_graph
from refinemask.export.options import ExportOptions
from refinemask.export.sampling import with_sampling_ratio
from refinemask.inference.padded_outputs import PaddedOutputs, unpad
from refinemask.models import Detector
from refinemask.models.fcn_mask_head import FCNMaskHead
from refinemask.models.roi_pooler import RoIPooler
from tests.export.graphs import assert_static, load
from tests.export.small import assert_parity, calibrated, limited_as, photo, sampled_as


def ratios(model: Detector) -> list[int]:
    """Return the number of samples of each pooler."""
    pools = (getattr(module, "pool", None) for module in model.modules())
    return [pool.conventions.sampling_ratio for pool in pools if isinstance(pool, RoIPooler)]


def test_a_fixed_number_of_samples(model):
    changed = with_sampling_ratio(model, 3)
    assert set(ratios(model)) == {0}
    assert ratios(changed) == [3] * len(ratios(model))
    assert changed.config == model.config
    assert next(changed.parameters()) is next(model.parameters())
    assert with_sampling_ratio(model, None) is model


def test_what_is_fixed_already_stays():
    model = calibrated(replace(maskrcnn_small(1), conventions=TORCHVISION))
    assert ratios(with_sampling_ratio(model, 4)) == [2, 2]


def test_a_sampling_ratio_is_of_this_form_only(model):
    with pytest.raises(WrongUsage, match="--sampling-ratio is an option of the form static, not"):
        ExportOptions(sampling_ratio=2)
    with pytest.raises(WrongUsage, match=r"--sampling-ratio must be .*8.*, got 9"):
        ExportOptions(form="static", sampling_ratio=9)
    with pytest.raises(RefineMaskError, match="only the form static has a sampling ratio, got 2"):
        export_graph(model, form="fused", sampling_ratio=2)


def test_more_proposals_than_compilers_sort():
    conventions = Conventions(level_proposals=4000)
    model = calibrated(replace(maskrcnn_small(1), conventions=conventions))
    with pytest.raises(RefineMaskError, match="level_proposals of at most 3840, got 4000"):
        export_graph(model, form="static")


LIMIT = 10
"""Detections of an image: few, so that the graph is fast."""


@pytest.fixture(scope="session")
def greedy():
    """Return a model for which every box of every class is a candidate.

    Its masks are half as steep as others: of so few, a single pixel would fail the gate.
    """
    config = replace(maskrcnn_small(5), score_threshold=0.0, max_detections=LIMIT)
    model = calibrated(config)
    head = model.roi_head.mask_head
    assert isinstance(head, FCNMaskHead)
    head.conv_logits.weight.data *= 0.5
    return model


@pytest.fixture(scope="session")
def graph(greedy) -> onnx.ModelProto:
    return export_graph(greedy, form="static", sampling_ratio=1)


@pytest.fixture(scope="session", params=["onnxruntime", "openvino"])
def run(graph, request):
    pytest.importorskip(request.param)
    session = load(graph, request.param)
    return lambda images, sizes: PaddedOutputs(*session(images=images, image_sizes=sizes))


def test_operators(graph):
    assert_static(graph)


def test_more_candidates_than_are_considered(run, greedy):
    """1000 proposals of 5 classes; the best of them are found all the same."""
    images, sizes = photo(320, 416)[None], np.array([[315, 407]])
    found = run(images, sizes)
    assert found.truncated.tolist() == [True]
    assert found.num_detections.tolist() == [LIMIT]
    assert_parity(with_sampling_ratio(greedy, 1), images, sizes, unpad(found))


def test_fewer_candidates(run):
    """A small image has fewer anchors than make so many candidates."""
    found = run(photo(64, 64)[None], np.array([[64, 64]]))
    assert found.truncated.tolist() == [False]


def test_padding(exported_as, model):
    """In a batch of images with and without detections."""
    graph = onnx.load(exported_as("static").path)
    assert_static(graph)
    images = np.zeros((2, 224, 288, 3), np.uint8)
    images[0] = photo(224, 288, 1)
    sizes = np.array([[224, 288], [1, 1]])
    found = PaddedOutputs(*load(graph, "onnxruntime")(images=images, image_sizes=sizes))
    count, none = found.num_detections.tolist()
    assert 5 <= count < found.scores.shape[1] == 50
    assert none == 0
    assert found.truncated.tolist() == [False, False]
    for name, padding in (("boxes", 0), ("scores", 0), ("labels", -1), ("masks", 0)):
        values = getattr(found, name)
        assert (values[0, count:] == padding).all() and (values[1] == padding).all()
    assert (found.labels[0, :count] >= 0).all()
    assert (np.diff(found.scores[0]) <= 0).all()
    sampled = sampled_as(limited_as(model, "static"), "static")
    assert_parity(sampled, images, sizes, unpad(found))


def test_metadata(exported_as):
    metadata = exported_as("static").metadata
    assert (metadata.form, metadata.sampling_ratio) == ("static", 2)
    assert metadata.parity["passed"]
    assert exported_as("portable").metadata.sampling_ratio is None
