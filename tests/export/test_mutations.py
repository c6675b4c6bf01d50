"""The gate refuses an artifact with a small fault, whichever it is."""

from functools import cache
from typing import NamedTuple

import onnx
import pytest

from refinemask import engines
from refinemask.checkpoints import load_model
from refinemask.errors import RefineMaskError
from refinemask.export import subjects, verify
from refinemask.export.parity import check_decision, summarise
from tests.artifact_bytes import sealed
from tests.export.graphs import copied
from tests.export.mutations import FUSED, OF_CLASSES, PORTABLE
from tests.export.shared_artifacts import trained_artifact
from tests.export.small import sampled_as
from tests.export.static_mutations import STATIC

CASES = [
    pytest.param(
        name, mutation, id=mutation.__name__, marks=[pytest.mark.slow] * (name == "static")
    )
    for name, mutations in (
        ("portable", PORTABLE),
        ("fused", FUSED),
        ("fused, five classes", OF_CLASSES),
        ("static", STATIC),
    )
    for mutation in mutations
]


class Subject(NamedTuple):
    """A sound graph, and the images that exports are verified on with their references."""

    graph: onnx.ModelProto
    images: list[subjects.Subject]


@pytest.fixture(scope="session")
def subject(tmp_path_factory, request):
    """Return a function from a name to its subject; the model runs once on each image.

    Those named by their form alone have trained weights, of one class.
    """

    @cache
    def prepare(name: str) -> Subject:
        form, _, classes = name.partition(", ")
        if classes:
            model = request.getfixturevalue("model")
            path = request.getfixturevalue("exported_as")(form).path
        else:
            model = load_model("refinemask_small")
            path = trained_artifact(tmp_path_factory.getbasetemp(), form).path
        images = subjects.default_subjects(sampled_as(model, form), engines.open(path))
        return Subject(onnx.load(path), list(images))

    return prepare


def accepts(graph: onnx.ModelProto, path, images) -> bool:
    """Return whether the gate accepts a graph."""
    path.write_bytes(sealed(graph.SerializeToString()))
    engine = engines.open(path)
    try:
        comparisons = list(verify.compare_subjects(engine, images))
    except RefineMaskError:  # outputs that break the contract
        return False
    report = summarise(comparisons)
    check_decision(report, comparisons)
    return report.passed


@pytest.mark.parametrize(
    "name",
    ["portable", "fused", "fused, five classes", pytest.param("static", marks=pytest.mark.slow)],
)
def test_what_is_not_altered_passes(subject, name, tmp_path):
    graph, images = subject(name)
    assert accepts(graph, tmp_path / "model.onnx", images)


@pytest.mark.parametrize(("name", "mutation"), CASES)
def test_every_fault_is_refused(subject, name, mutation, tmp_path):
    graph, images = subject(name)
    altered = copied(graph)
    mutation(altered.graph)
    assert altered != graph
    assert not accepts(altered, tmp_path / "model.onnx", images)
