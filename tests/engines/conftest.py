"""A tiny genuine ONNX graph that keeps the contract of artifacts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

from refinemask.engines.runtimes import RUNTIMES
from refinemask.inference.metadata import METADATA_KEY, ArtifactMetadata
from tests.artifact_bytes import make_metadata, sealed
from tests.engines.c_library import Library

CPU_RUNTIMES = [one.name for one in RUNTIMES.values() if one.forms and not one.needs_gpu]
"""Names of the runtimes that run artifacts here."""

GRAPH = """
<ir_version: 10, opset_import: ["" : 18]>
bright_images (uint8[B, H, W, 3] images, int64[B, 2] image_sizes) => (
    float[N, 4] boxes, float[N] scores, int64[N] labels, int64[N] image_index,
    float[N, 28, 28] masks
)
<float[1] limit = {64.0}, float[1] white = {255.0}, float[1] two = {2.0}, float[1] one = {1.0},
 int64[3] pixels = {1, 2, 3}, int64[1] first = {0}, int64[1] last = {1},
 int64[2] sides = {28, 28}, int64[2] swap = {1, 0}>
{
    values = Cast<to = 1>(images)
    means = ReduceMean<keepdims = 0>(values, pixels)
    bright = Greater(means, limit)
    indices = NonZero(bright)
    image_index = Squeeze(indices, first)
    kept_means = Gather(means, image_index)
    scores = Div(kept_means, white)
    labels = Sub(image_index, image_index)
    sizes = Gather(image_sizes, image_index)
    flipped = Gather<axis = 1>(sizes, swap)
    far = Cast<to = 1>(flipped)
    corner = Div(far, two)
    zeros = Sub(corner, corner)
    boxes = Concat<axis = 1>(zeros, corner)
    count = Shape(scores)
    shape = Concat<axis = 0>(count, sides)
    masks = Expand(one, shape)
}
"""
"""One detection for every image whose mean is above 64: its top left quarter, filled."""


@pytest.fixture(scope="session")
def library() -> Library:
    """Return librefinemask as C calls it."""
    return Library()


@pytest.fixture(params=CPU_RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    """Return the name of a runtime; the test runs with each that is installed."""
    pytest.importorskip(request.param)
    return str(request.param)


@pytest.fixture
def metadata() -> Callable[..., ArtifactMetadata]:
    """Return a function that makes metadata with the given fields changed."""
    return make_metadata


@pytest.fixture
def make_artifact(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes the toy artifact; keywords change its metadata or graph."""

    def make(text: str | None = "", graph: str = GRAPH, **changes: Any) -> Path:
        return write_artifact(tmp_path / "toy.onnx", text, graph, **changes)

    return make


def write_artifact(path: Path, text: str | None = "", graph: str = GRAPH, **changes: Any) -> Path:
    """Write an artifact with metadata that has the given fields changed, or is `text`, or none."""
    model = onnx.parser.parse_model(graph)
    onnx.checker.check_model(model)
    if text is not None:
        entry = model.metadata_props.add()
        entry.key = METADATA_KEY
        entry.value = text or make_metadata(**changes).to_json()
    path.write_bytes(sealed(model.SerializeToString()))
    return path
