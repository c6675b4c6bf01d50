"""Names of the metrics, by the kind of overlap that they measure."""

from typing import Literal

Kind = Literal["box", "mask", "boundary"]
KINDS: tuple[Kind, ...] = ("box", "mask", "boundary")

METRICS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR100")
"""Average precision over IoU 0.5 to 0.95, at 0.5, at 0.75, of small, medium and large objects, and
average recall with up to 100 detections an image: fractions, -1 where there is nothing to find."""

LVIS_KINDS: tuple[Kind, ...] = ("box", "mask")
LVIS_METRICS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "APr", "APc", "APf")
"""The same with up to 300 detections an image, and of rare, common and frequent classes."""

CITYSCAPES_METRICS = ("AP", "AP50")
