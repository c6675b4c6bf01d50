"""BoundaryRefine against PyTorch, at the sizes of R50."""

import numpy as np

from refinemask.benchmarks.operators.case import Case
from refinemask.benchmarks.operators.mask_logits import smooth_logits
from refinemask.benchmarks.operators.onnx_sessions import Sessions
from refinemask.ops.boundary_refine import boundary_refine


def boundary_refine_case(sessions: Sessions, rng: np.random.Generator, size: int) -> Case:
    """100 masks of `size` × `size` refined to twice that."""
    coarse, fine = smooth_logits(rng, 100, size), smooth_logits(rng, 100, 2 * size)
    inputs = {"coarse_logits": coarse.numpy(), "fine_logits": fine.numpy()}
    return Case(
        name=f"BoundaryRefine, 100 masks, {size} to {2 * size}",
        target=5.0,
        bytes=4 * (coarse.numel() + 2 * fine.numel()),
        ours=sessions.operator("BoundaryRefine", inputs, {"refined": "FLOAT"}, boundary_width=1),
        baselines={"pytorch": lambda: boundary_refine(coarse, fine)},
        agree=lambda ours, theirs: np.allclose(ours[0].numpy(), theirs.numpy(), atol=1e-5),
    )
