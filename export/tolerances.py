"""Tolerances of the parity gate: one table for the gate and the tests (architecture 6).

A difference is allowed up to the tolerance and refused beyond it; a decision of the reference that
hangs on a value within a margin of its threshold may fall either way.
"""

MIN_DETECTIONS = 5
"""Reference detections in all; with fewer, the gate decides nothing and raises."""
MATCH_IOU = 0.99
"""Two detections are the same if label and image agree and their boxes overlap by more."""
BOX_TOLERANCE = 2e-3
"""Pixels of the resized image."""
SCORE_TOLERANCE = 5e-5
STAGE_LOGIT_TOLERANCE = 1e-4
"""Logits of the unrefined stages, where they are visible."""
MAP_TOLERANCE = 1e-4
"""Of feature maps and RPN outputs inside two runs, as a share of their largest magnitude."""
ROI_TOLERANCE = 1e-3
"""Of what is computed of RoIs, likewise: the rounding of their coordinates adds to it."""
PROBABILITY_TOLERANCE = 1e-3
PROBABILITY_SHARE = 0.9999
"""Share of the mask pixels, of all detections together, within that tolerance."""
MASK_IOU = 0.999
"""Mean over the masks, pasted into the original image. A single pixel is more than this of a small
mask."""

CONFIDENT_SCORE = 0.3
"""In half precision, detections with lower scores are not compared."""
CONFIDENT_IOU = 0.9
"""There, two detections are the same if label and image agree and their boxes overlap by more."""
CONFIDENT_SHARE = 0.98
"""There, the smallest share of them that must have a partner."""
HALF_MASK_IOU = 0.99
"""There, the mean over the pasted masks of partners."""

LOGIT_MARGIN = 1e-3
"""A boundary decision on a logit this close to 0 may fall either way."""
SCORE_MARGIN = 1e-4
"""A score of 0.5 this close to a threshold or to another score may be on either side of it; scores
near 0 and 1 have smaller margins, see `near_ties.score_margin`."""
IOU_MARGIN = 1e-4
"""An IoU this close to a threshold may be on either side of it."""
NEAR_TIE_PIXELS = 0.001
"""Largest share of an image's mask pixels that may differ because of near ties."""
NEAR_TIE_DETECTIONS = 0.02
"""Largest share of an image's detections that may be missing or extra because of near ties."""
