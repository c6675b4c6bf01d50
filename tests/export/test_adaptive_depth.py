"""Adaptive depth in graphs: the masks of the same rule in PyTorch, and artifacts that record it."""

import numpy as np
import onnxruntime
import pytest
import torch

from refinemask.checkpoints import load_model
from refinemask.configs.presets import maskrcnn_small, refinemask_small
from refinemask.errors import RefineMaskError, WrongUsage
from refinemask.export import export_graph, export_model
from refinemask.export.as_exported import as_exported
from refinemask.export.options import ExportOptions
from refinemask.inference.metadata import ArtifactMetadata
from refinemask.models.adaptive_depth import AdaptiveHead, with_adaptive_depth
from refinemask.models.detector import normalise
from tests.artifact_bytes import make_metadata
from tests.export.small import calibrated, photo
from tests.plugins.hosts import HOSTS

ROIS = {
    "of each size": [[0, 20, 20, 40, 50], [0, 9, 70, 80, 99], [0, 30, 5, 60, 155], [0, 1, 1, 9, 9]],
    "small": [[0, 20, 20, 40, 50]],
    "none": [],
}


@pytest.fixture(scope="module")
def model():
    return calibrated(refinemask_small(5))


@pytest.fixture(scope="module", params=["fused", pytest.param("portable", marks=pytest.mark.slow)])
def session(request, model):
    graph = export_graph(model, form=request.param, outputs="masks", adaptive_depth=True)
    options = onnxruntime.SessionOptions()
    if request.param == "fused":
        options.register_custom_ops_library(str(HOSTS["onnxruntime"].library()))
    serialized = graph.SerializeToString()
    return onnxruntime.InferenceSession(serialized, options, ["CPUExecutionProvider"])


@pytest.mark.parametrize("rois", ROIS)
def test_masks_of_given_boxes(model, session, rois):
    images, sizes = photo(160, 192)[None], np.array([[160, 192]])
    boxes = np.array(ROIS[rois], np.float32).reshape(-1, 5)
    labels = np.arange(len(boxes)) % 5
    given = {"images": images, "image_sizes": sizes, "rois": boxes, "labels": labels}
    (found,) = session.run(None, given)
    pixels = normalise(torch.from_numpy(images), torch.from_numpy(sizes), model.config.input)
    with torch.no_grad():
        arguments = model.features(pixels), torch.from_numpy(boxes), torch.from_numpy(labels)
        expected = with_adaptive_depth(model).segment_rois(*arguments).numpy()
        refined = model.segment_rois(*arguments).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)
    stops = (boxes[:, 3:] - boxes[:, 1:3]).max(1) < 112
    differs = np.abs(found - refined).reshape(-1, 112 * 112).max(1) > 1e-3
    assert (differs == stops).all()


@pytest.mark.slow
def test_an_artifact_records_it_and_passes_the_gate(tmp_path):
    options = ExportOptions(adaptive_depth=True)
    metadata = export_model(load_model("refinemask_small"), tmp_path / "model.onnx", options)
    assert metadata.parity["passed"]
    assert ArtifactMetadata.from_json(metadata.to_json()).adaptive_depth


def test_artifacts_are_compared_with_the_same_rule(model):
    changed = as_exported(model, make_metadata(adaptive_depth=True))
    assert isinstance(changed.roi_head.mask_head, AdaptiveHead)
    assert as_exported(model, make_metadata()) is model


def test_not_in_the_static_form(model):
    with pytest.raises(WrongUsage, match="--adaptive-depth is not an option of the form static"):
        ExportOptions(form="static", adaptive_depth=True)
    with pytest.raises(RefineMaskError, match="static has no adaptive depth; choose portable or"):
        export_graph(model, form="static", adaptive_depth=True)
    with pytest.raises(RefineMaskError, match="false in the form static, got True in the form sta"):
        make_metadata(form="static", sampling_ratio=2, adaptive_depth=True)
    with pytest.raises(RefineMaskError, match=r"adaptive_depth in .* true or false.*, got 1 in"):
        make_metadata(adaptive_depth=1)


def test_not_of_other_mask_heads():
    with pytest.raises(RefineMaskError, match="a maskrcnn_small does not have; leave --adaptive"):
        export_graph(calibrated(maskrcnn_small(2)), adaptive_depth=True)
