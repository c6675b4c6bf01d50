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

With `max_shifted`, the shift of an image that has more candidates is 0 and its groups must be kept
apart otherwise. Every group of every image becomes a batch then, with the shift where there is one:
moved boxes of different groups do not meet, so that suppressing them together or apart is the same.

    selected = NonMaxSuppression of (B * G, K, 4)                 (N', 3): image * G + g, 0, k
    chosen   = threshold, and the score where one was selected    (B, K * G)
    best     = TopK(chosen, max_per_image), those above the threshold: by image and score
"""

from typing import Any

import onnx

from refinemask.export.forms.portable.operators import count_up_to, integers, number, op


def batched_nms(
    boxes: Any,
    scores: Any,
    iou_threshold: float,
    score_threshold: float,
    max_per_image: int,
    max_shifted: int | None = None,
    first_shift: int = 0,
) -> Any:
    """Emit the nodes; arguments and result as those of `refinemask.ops.batched_nms.batched_nms`."""
    groups = op.Shape(scores, start=2)
    is_candidate = op.Greater(scores, number(score_threshold))
    step = _step(boxes, is_candidate, max_shifted)
    group = op.Add(count_up_to(groups), op.Constant(value_int=first_shift))
    group = op.Cast(op.Unsqueeze(group, integers(-1)), to=onnx.TensorProto.FLOAT)
    shifted = op.Add(boxes, op.Mul(group, step))
    limits = op.Constant(value_int=max_per_image), number(iou_threshold), number(score_threshold)
    if max_shifted is None:
        selected = op.NonMaxSuppression(
            op.Reshape(shifted, integers(0, -1, 4)),
            op.Unsqueeze(op.Flatten(scores, axis=1), integers(1)),
            *limits,
        )
        image, _, box = op.Split(selected, num_outputs=3, axis=1)
    else:
        rows = op.Mul(op.Shape(scores, end=1), groups)
        count = op.Shape(scores, start=1, end=2)
        selected = op.NonMaxSuppression(
            op.Reshape(
                op.Transpose(shifted, perm=[0, 2, 1, 3]),
                op.Concat(rows, count, integers(4), axis=0),
            ),
            op.Reshape(
                op.Transpose(scores, perm=[0, 2, 1]), op.Concat(rows, integers(1), count, axis=0)
            ),
            *limits,
        )
        image, box = _best(selected, scores, groups, score_threshold, max_per_image)
    return op.Concat(image, op.Div(box, groups), op.Mod(box, groups), axis=1)


def _step(boxes: Any, is_candidate: Any, max_shifted: int | None) -> Any:
    """Return what each group of an image is moved by, float32 (B, 1, 1, 1)."""
    candidates = op.Where(op.Unsqueeze(is_candidate, integers(-1)), boxes, number(0))
    step = op.Add(op.ReduceMax(candidates, integers(1, 2, 3)), number(1))
    if max_shifted is None:
        return step
    count = op.ReduceSum(op.Cast(is_candidate, to=onnx.TensorProto.FLOAT), integers(1, 2))
    few = op.LessOrEqual(op.Unsqueeze(count, integers(-1)), number(max_shifted))
    return op.Where(few, step, number(0))


def _best(
    selected: Any, scores: Any, groups: Any, score_threshold: float, max_per_image: int
) -> tuple[Any, Any]:
    """Return image and k * G + g of the best that were selected, int64 (N, 1) each."""
    row, _, k = op.Split(selected, num_outputs=3, axis=1)
    box = op.Add(op.Mul(k, groups), op.Mod(row, groups))
    place = op.Concat(op.Div(row, groups), box, axis=1)
    scores = op.Flatten(scores, axis=1)
    unchosen = op.Expand(number(score_threshold), op.Shape(scores))
    chosen = op.ScatterND(unchosen, place, op.GatherND(scores, place))
    most = op.Min(integers(max_per_image), op.Shape(scores, start=1))
    values, order = op.TopK(chosen, most)
    found = op.Transpose(op.NonZero(op.Greater(values, number(score_threshold))))
    image = op.Gather(found, integers(0), axis=1)
    return image, op.Unsqueeze(op.GatherND(order, found), integers(1))
