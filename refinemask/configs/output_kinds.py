"""What an artifact returns."""

from typing import Literal

OutputKind = Literal["detections", "masks"]
"""detections: boxes, scores, labels and masks of what it finds in images. masks: the masks of boxes
that it is given."""
