"""What the reference says of its near ties holds when its numbers move by rounding."""

import copy
import dataclasses

import numpy as np
import pytest
import torch

from refinemask.checkpoints import synthetic_model
from refinemask.configs.presets import maskrcnn_small
from refinemask.export.comparison import compare
from refinemask.export.parity import summarise
from refinemask.export.reference import _level_ties, run_reference
from refinemask.inference.processing import Prepared
from tests.export.small import photo

SIZE = (224, 288)
IMAGE = photo(*SIZE, 1)
PREPARED = Prepared(IMAGE, SIZE, np.ones(4, np.float32), SIZE)


@pytest.fixture(scope="module")
def reference(model):
    return run_reference(model, IMAGE, SIZE)


def test_it_returns_what_the_model_detects(model, reference):
    with torch.inference_mode():
        raw = model.detect(torch.from_numpy(IMAGE)[None], torch.tensor([SIZE]))
    for found, expected in zip(reference.outputs, raw, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert [stage.shape[1] for stage in reference.stages] == [14, 28, 56, 112]
    assert len(reference.outputs.scores) >= 5


def test_a_model_without_detections():
    config = dataclasses.replace(maskrcnn_small(5), score_threshold=0.999999)
    reference = run_reference(synthetic_model(config), IMAGE, SIZE)
    assert len(reference.outputs.scores) == len(reference.undecided) == 0
    assert [stage.shape for stage in reference.stages] == [(0, 28, 28)]


def test_a_score_at_the_threshold_is_undecided(model, reference):
    """The same model, whose threshold is the score of its worst detection, finds one less."""
    lowest = float(reference.outputs.scores[-1])
    strict = copy.copy(model)
    strict.config = dataclasses.replace(model.config, score_threshold=lowest)
    outputs = run_reference(strict, IMAGE, SIZE)
    assert len(outputs.outputs.scores) == len(reference.outputs.scores) - 1
    assert lowest in outputs.undecided.scores
    comparison = compare(outputs, reference.outputs, PREPARED)
    assert (comparison.unmatched, comparison.near_tie_detections) == (0, 1)
    assert compare(reference, outputs.outputs, PREPARED).unmatched == 1


@pytest.mark.parametrize("seed", range(3))
def test_rounding_passes_the_gate(model, reference, seed):
    """Weights moved by a few units in the last place stand for another order of the sums."""
    other = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    for parameter in other.parameters():
        noise = torch.rand(parameter.shape, generator=generator) - 0.5
        parameter.data *= 1 + noise * 2**-22
    found = run_reference(other, IMAGE, SIZE).outputs
    report = summarise([compare(reference, found, PREPARED)])
    assert report.passed, report.table()


def test_sides_at_the_boundary_of_two_levels():
    sides = [55.0, 56.0, 111.0, 112.0005, 224.0, 448.0, 896.0, 0.0]
    boxes = torch.tensor([[5.0, 5.0, 5 + side, 5 + side] for side in sides])
    # Below 56 px there is no other level, and neither at 448 px or more.
    assert _level_ties(boxes).tolist() == [False, False, False, True, True, True, False, False]
