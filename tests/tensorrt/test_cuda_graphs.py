"""CUDA graphs, captured and launched on simulated CUDA."""

import gc
from typing import Any

import numpy as np
import pytest

from refinemask.engines.tensorrt.cuda_graphs import MAX_GRAPHS
from refinemask.errors import RefineMaskError
from tests.tensorrt.simulation import SIZES, images

pytestmark = pytest.mark.tensorrt


def filled(engine: Any, first: int, boxes: int = 2) -> list[float]:
    """Return what the masks of boxes in an image with this first byte are filled with."""
    rois = np.zeros((boxes, 5), np.float32)
    found = engine.run_rois(images(first), SIZES[:1], rois, np.zeros(boxes, np.int64))
    return found[:, 0, 0].tolist()


def test_cuda_graphs(masks):
    """The first run is executed and captured, and the others only launch."""
    engine = masks.open(cuda_graphs=True)
    assert filled(engine, 64) == pytest.approx([0.25, 0.251])
    assert filled(engine, 128) == pytest.approx([0.5, 0.501])
    assert filled(engine, 192, 3) == pytest.approx([0.75, 0.751, 0.752])
    assert filled(engine, 32) == pytest.approx([0.125, 0.126])
    assert [context.runs for context in masks.trt.contexts] == [2, 2]
    assert masks.trt.contexts[0].config.dynamic_shapes_kernel_specialization_strategy == "eager"


def test_cuda_graphs_on_the_gpu(masks):
    """Each call has memory of its own, and nothing overtakes on another stream."""
    engine = masks.open(cuda_graphs=True)
    rois, labels = np.zeros((1, 5), np.float32), np.zeros(1, np.int64)
    given = masks.on_gpu(rois), masks.on_gpu(labels)
    streams = [None, *(masks.cuda.stream() for _ in range(2))]
    found = [
        engine.run_rois_on_gpu(masks.on_gpu(images(first)), SIZES[:1], *given, stream)
        for first, stream in zip((64, 128, 192), streams, strict=True)
    ]
    assert [masks.read(array)[0, 0, 0] for array in reversed(found)] == [0.75, 0.5, 0.25]
    assert [context.runs for context in masks.trt.contexts] == [2]


def test_few_cuda_graphs_are_kept(masks):
    engine = masks.open(cuda_graphs=True)
    made = []
    for boxes in (1, 2, 3, 4, 1, 5, 1, 2):  # 2 is the one that was not used for longest
        assert len(filled(engine, 0, boxes)) == boxes
        made.append(len(masks.trt.contexts))
    assert made == [1, 2, 3, 4, 4, 5, 5, 6]
    assert masks.cuda.graphs == MAX_GRAPHS
    del engine
    gc.collect()
    assert masks.cuda.graphs == 0


def test_captures_that_fail(masks):
    """Nothing is run without the graph that was asked for."""
    engine = masks.open(cuda_graphs=True)
    masks.trt.capturable = False
    for _ in range(2):
        with pytest.raises(
            RefineMaskError, match=r"cannot be captured as a CUDA graph: .*leave out"
        ):
            filled(engine, 64)
    masks.trt.capturable = True
    assert filled(engine, 64) == pytest.approx([0.25, 0.251])


@pytest.mark.parametrize(("form", "reason"), [("fused", "shapes"), ("static", "suppression")])
def test_engines_that_cannot_be_captured(simulate, form, reason):
    with pytest.raises(RefineMaskError, match=f"{reason}.*; leave out cuda_graphs, or"):
        simulate(form=form).open(cuda_graphs=True)
