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

from refinemask.export.portable.operators import count_up_to, integers, number, op


def batched_nms(
    boxes: Any, scores: Any, iou_threshold: float, score_threshold: float, max_per_image: int
) -> Any:
    """Emit the nodes; arguments and result as those of `refinemask.ops.nms.batched_nms`."""
    groups = op.Shape(scores, start=2)
    selected = op.NonMaxSuppression(
        op.Reshape(_shifted(boxes, scores, groups, score_threshold), integers(0, -1, 4)),
        op.Unsqueeze(op.Flatten(scores, axis=1), integers(1)),
        op.Constant(value_int=max_per_image),
        number(iou_threshold),
        number(score_threshold),
    )
    image, _, box = op.Split(selected, num_outputs=3, axis=1)
    return op.Concat(image, op.Div(box, groups), op.Mod(box, groups), axis=1)


def _shifted(boxes: Any, scores: Any, groups: Any, score_threshold: float) -> Any:
    is_candidate = op.Unsqueeze(op.Greater(scores, number(score_threshold)), integers(-1))
    candidates = op.Where(is_candidate, boxes, number(0))
    step = op.Add(op.ReduceMax(candidates, integers(1, 2, 3)), number(1))
    group = op.Cast(op.Unsqueeze(count_up_to(groups), integers(-1)), to=onnx.TensorProto.FLOAT)
    return op.Add(boxes, op.Mul(group, step))
