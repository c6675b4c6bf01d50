"""The cases that are measured: the operators at the sizes of R50 at 800 × 1333, and images."""

from collections.abc import Iterator

import numpy as np

from refinemask.benchmarks.operators.batched_nms import detections_case, proposals_case
from refinemask.benchmarks.operators.boundary_refine import boundary_refine_case
from refinemask.benchmarks.operators.case import Case
from refinemask.benchmarks.operators.images import image_cases
from refinemask.benchmarks.operators.onnx_sessions import Sessions
from refinemask.benchmarks.operators.paste_masks import paste_masks_case
from refinemask.benchmarks.operators.roi_align import roi_align_case


def cases(sessions: Sessions, seed: int = 0) -> Iterator[Case]:
    """Build the cases one after the other, so that only one at a time is in memory."""
    rng = np.random.default_rng(seed)
    for levels, channels, size, count in (
        (4, 256, 7, 1000),
        (4, 256, 14, 100),
        (1, 256, 14, 100),
        (1, 128, 28, 100),
        (1, 64, 56, 100),
    ):
        yield roi_align_case(sessions, rng, levels, channels, size, count)
    yield proposals_case(sessions, rng)
    for score_threshold in (0.05, -1.0):
        yield detections_case(sessions, rng, score_threshold)
    for size in (28, 56):
        yield boundary_refine_case(sessions, rng, size)
    yield paste_masks_case(sessions, rng)
    yield from image_cases(rng)
