"""The gate refuses an artifact with a small fault, whichever it is."""

from functools import cache
from typing import NamedTuple

import onnx
import pytest

from refinemask import engines
from refinemask.checkpoints import load_model
from refinemask.errors import GateFailed
from refinemask.export import export_model, verify
from refinemask.export.parity import check_decision, summarise
from tests.export.graphs import copied
from tests.export.mutations import FUSED, PORTABLE

CASES = [
    pytest.param(form, mutation, id=mutation.__name__)
    for form, mutations in (("portable", PORTABLE), ("fused", FUSED))
    for mutation in mutations
]


class Subject(NamedTuple):
    """A sound graph, and the images that exports are verified on with their references."""

    graph: onnx.ModelProto
    images: list[verify.Subject]


@pytest.fixture(scope="session")
def subject(tmp_path_factory, request):
    """Return a function from a form to its subject; the model runs once on each image.

    The portable one has trained weights, the fused one several classes.
    """

    @cache
    def prepare(form: str) -> Subject:
        if form == "portable":
            model, path = load_model("refinemask_small"), tmp_path_factory.mktemp("trained") / "m"
            export_model(model, path)
        else:
            model = request.getfixturevalue("model")
            path = request.getfixturevalue("exported_as")(form).path
        engine = engines.open(path)
        return Subject(onnx.load(path), list(verify.default_subjects(model, engine)))

    return prepare


def accepts(graph: onnx.ModelProto, path, images) -> bool:
    """Return whether the gate accepts a graph."""
    onnx.save(graph, path)
    try:
        comparisons = list(verify.compare_subjects(engines.open(path), images))
    except GateFailed:  # outputs that break the contract
        return False
    report = summarise(comparisons)
    check_decision(report, comparisons)
    return report.passed


@pytest.mark.parametrize("form", ["portable", "fused"])
def test_what_is_not_altered_passes(subject, form, tmp_path):
    graph, images = subject(form)
    assert accepts(graph, tmp_path / "model.onnx", images)


@pytest.mark.parametrize(("form", "mutation"), CASES)
def test_every_fault_is_refused(subject, form, mutation, tmp_path):
    graph, images = subject(form)
    altered = copied(graph)
    mutation(altered.graph)
    assert altered != graph
    assert not accepts(altered, tmp_path / "model.onnx", images)
