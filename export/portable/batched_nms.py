"""`refinemask::batched_nms` -> one NonMaxSuppression for the whole batch.

The operator suppresses within the groups of an image (classes or FPN levels) by moving every box by
group * (largest coordinate of the image's candidates + 1) and suppressing all of them together. In
ONNX the images are the batches of NonMaxSuppression, which has one class, so that

    shifted  = boxes + group * (max over the candidates + 1)      (B, K, G, 4) -> (B, K * G, 4)
    selected = NonMaxSuppression(shifted, scores, max_per_image)  (N, 3): image, 0, k * G + g

and k and g come back by integer division. It is exact:

- the shift is the same float32 arithmetic, over the same boxes. Those that are no candidates enter
  the maximum as 0, which changes nothing, as boxes are clipped to the image;
- candidates are those above the score threshold, as the ONNX operator has it;
- the first `max_per_image` boxes of a greedy suppression do not depend on the later ones;
- runtimes give the selected boxes by batch, then class, then descending score: our order.
"""

from typing import Any

import onnx
from onnxscript import opset18 as op


def batched_nms(
    boxes: Any, scores: Any, iou_threshold: float, score_threshold: float, max_per_image: int
) -> Any:
    """Emit the nodes; arguments and result as those of `refinemask.ops.nms.batched_nms`."""
    groups = op.Shape(scores, start=2)
    threshold = op.Constant(value_floats=[score_threshold])
    selected = op.NonMaxSuppression(
        op.Reshape(_shifted(boxes, scores, groups, threshold), op.Constant(value_ints=[0, -1, 4])),
        op.Unsqueeze(op.Flatten(scores, axis=1), op.Constant(value_ints=[1])),
        op.Constant(value_ints=[max_per_image]),
        op.Constant(value_floats=[iou_threshold]),
        threshold,
    )
    image, _, box = op.Split(selected, num_outputs=3, axis=1)
    return op.Concat(image, op.Div(box, groups), op.Mod(box, groups), axis=1)


def _shifted(boxes: Any, scores: Any, groups: Any, threshold: Any) -> Any:
    is_candidate = op.Unsqueeze(op.Greater(scores, threshold), op.Constant(value_ints=[-1]))
    candidates = op.Where(is_candidate, boxes, op.Constant(value_float=0.0))
    largest = op.ReduceMax(candidates, op.Constant(value_ints=[1, 2, 3]))
    zero, one = op.Constant(value_int=0), op.Constant(value_int=1)
    group = op.Cast(op.Range(zero, op.Squeeze(groups), one), to=onnx.TensorProto.FLOAT)
    step = op.Add(largest, op.Constant(value_float=1.0))
    return op.Add(boxes, op.Mul(op.Unsqueeze(group, op.Constant(value_ints=[-1])), step))
