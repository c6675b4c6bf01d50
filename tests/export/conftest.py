"""Graphs in every form and runtime, and the small models that most export tests share."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import onnx
import pytest

from refinemask import engines
from refinemask.configs.presets import maskrcnn_small, refinemask_small
from refinemask.engines import Engine
from refinemask.models import Detector
from tests.export.graphs import TARGETS, Load, load
from tests.export.shared_artifacts import Exported, small_artifact, small_fused_graph
from tests.export.small import calibrated, limited_as, sampled_as
from tests.plugins.hosts import HOSTS

_STATIC_IN_EVERY_RUN = (
    "test_verify_compares_every_image",
    "test_a_batch_with_and_without_detections",
    "test_the_gate_compares_masks_of_the_boxes_of_the_model",
)
"""What is run of the static form in OpenVINO; it computes as much as it ever may, on any image."""
_STATIC_SIZES = ("-size1", "-size2", "-size3", "-size4")
_REPEATED_IN_OPENVINO = (
    "test_a_batch_equals_its_single_images",
    "test_end_to_end[mask_rcnn_r50_coco-",
    "test_end_to_end[refinemask_r50_coco_faster_better-",
    "test_fixed_sizes",
    "test_parity_at_any_size",
    "test_parity_of_a_model_with_values_of_its_own",
    "test_the_smallest_image",
)
"""What OpenVINO, which takes long to compile, repeats of ONNX Runtime with other models."""

_OTHER_FORMS = (
    "test_fixed_sizes[fused-",
    "test_parity_of_a_model_with_values_of_its_own[static-",
)
"""Where other forms show that a value of the model or of the options arrives in the graph."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what repeats the tests of other runtimes, forms and sizes."""
    for item in items:
        name = item.name
        repeats = "openvino" in name and name.startswith(_REPEATED_IN_OPENVINO)
        repeats |= "static-openvino" in name and not name.startswith(_STATIC_IN_EVERY_RUN)
        repeats |= "static-" in name and name.rstrip("]").endswith(_STATIC_SIZES)
        if repeats or name.startswith(_OTHER_FORMS):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def operators() -> Path:
    """Return ONNX Runtime's operator library, which every fused artifact is verified with."""
    pytest.importorskip("onnxruntime")
    return HOSTS["onnxruntime"].library()


class Target(NamedTuple):
    """A form of the graph, and a runtime of it."""

    form: str
    runtime: str
    load: Load


@pytest.fixture(scope="session", params=TARGETS)
def target(request: pytest.FixtureRequest) -> Target:
    """Return each form in each runtime."""
    return make_target(request.param)


def make_target(name: str) -> Target:
    """Return a target of `TARGETS`; where its runtime is not installed, the test skips."""
    form, _, runtime = name.partition("-")
    pytest.importorskip(runtime)
    library = HOSTS[runtime].library() if form == "fused" else None
    return Target(form, runtime, partial(load, runtime=runtime, operators=library))


@pytest.fixture(scope="session")
def model() -> Detector:
    """Return a small RefineMask of five classes."""
    return calibrated(refinemask_small(5))


@pytest.fixture(scope="session")
def sampled(model: Detector, target: Target) -> Detector:
    """Return what the target's artifact was exported from, with as many samples of RoIAlign."""
    return sampled_as(limited_as(model, target.form), target.form)


@pytest.fixture(scope="session")
def maskrcnn() -> Detector:
    """Return a small Mask R-CNN of five classes."""
    return calibrated(maskrcnn_small(5))


@pytest.fixture(scope="session")
def fused_graph(tmp_path_factory: pytest.TempPathFactory) -> onnx.ModelProto:
    """Return the fused graph of that model, for which no library is needed."""
    return small_fused_graph(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def exported_as(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Callable[[str], Exported]:
    """Return a function that exports that model in a form, once, with everything dynamic.

    In the static form it has lower limits.
    """

    @cache
    def export(form: str) -> Exported:
        if form == "fused":
            request.getfixturevalue("operators")
        return small_artifact(tmp_path_factory.getbasetemp(), form)

    return export


@pytest.fixture(scope="session")
def exported(exported_as: Callable[[str], Exported]) -> Exported:
    """Return the artifact of the portable form."""
    return exported_as("portable")


@pytest.fixture(scope="session")
def engine(exported_as: Callable[[str], Exported], target: Target) -> Engine:
    """Open the artifact of the target's form."""
    return engines.open(exported_as(target.form).path, target.runtime)
