"""Compute before features are enlarged what is the same as afterwards.

A stage of RefineMask takes the features x (C - 2 channels) and mask probabilities p (2 channels) of
the stage before at twice their size. Enlarging, written U with pixel centres in place and A with
corners in place, is linear and treats every channel alike, so it may follow what works on each
pixel alone:

    logits = w . [U x, A p] + b = U (w_x . x) + w_p . (A p) + b

takes a quarter of the multiplications and enlarges a single channel of logits; nothing is left of
the 112x112 features of the last stage. In the same way the first convolution of a fusion, 1x1 over
the concatenation of these, of semantic features f, and of probabilities q of the stage itself,
becomes a sum:

    W [U x, A p, f, q] + b = U (W_x x) + W_f f + W_pq [A p, q] + b

Two channels of zeros are added to x, as the vectorised convolutions of runtimes want the number of
channels to be a multiple of 8 or 16. The "faster-better" head has its probabilities in x, enlarged
with it, and the official one does not enlarge its last features.
"""

from refinemask.export.passes.late_head import LateHead
from refinemask.export.passes.late_simple_head import LateSimpleHead
from refinemask.models import Detector
from refinemask.models.refine_mask_head import RefineMaskHead
from refinemask.models.simple_refine_mask_head import SimpleRefineMaskHead


def late_upsampling(model: Detector) -> int:
    """Rewrite the mask head of a model in place; return the number of enlargements that moved."""
    head = model.roi_head.mask_head
    if type(head) is RefineMaskHead:
        model.roi_head.mask_head = LateHead(head)
        return len(head.stages)
    if type(head) is SimpleRefineMaskHead:
        model.roi_head.mask_head = late = LateSimpleHead(head)
        return sum(late.enlarges)
    return 0
