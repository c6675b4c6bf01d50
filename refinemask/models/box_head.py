"""Box head: class scores and class-specific boxes of the proposals (numerics 5)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from refinemask.configs.config import MMDETECTION, Conventions
from refinemask.models.boxes import clip_boxes, decode_boxes, drop_small
from refinemask.models.layers import at_least_float32
from refinemask.models.roi_pooler import RoIPooler
from refinemask.ops.batched_nms import batched_nms

ROI_SIZE = 7


class BoxHead(nn.Module):
    """Two shared fully connected layers, a classifier and a class-specific regressor."""

    def __init__(
        self,
        in_channels: int,
        channels: int,
        num_classes: int,
        conventions: Conventions = MMDETECTION,
    ) -> None:
        super().__init__()
        self.pool = RoIPooler(ROI_SIZE, conventions=conventions)
        self.num_classes = num_classes
        self.fc_cls = nn.Linear(channels, num_classes + 1)
        self.fc_reg = nn.Linear(channels, num_classes * 4)
        self.shared_fcs = nn.ModuleList(
            (nn.Linear(in_channels * ROI_SIZE**2, channels), nn.Linear(channels, channels))
        )

    def forward(self, features: Sequence[Tensor], rois: Tensor) -> tuple[Tensor, Tensor]:
        """Classify and regress RoIs.

        Args:
            features: P2..P5 (or more levels, unused), each (B, C, H_l, W_l).
            rois: float32 (K, 5): image index and xyxy in resized-image pixels.

        Returns:
            logits (K, num_classes + 1), background last, and deltas (K, num_classes, 4).
        """
        x = self.pool(features, rois).flatten(1)
        for layer in self.shared_fcs:
            x = F.relu(layer(x))
        return self.fc_cls(x), self.fc_reg(x).unflatten(1, (self.num_classes, 4))


def select_detections(
    logits: Tensor,
    deltas: Tensor,
    rois: Tensor,
    image_sizes: Tensor,
    score_threshold: float,
    max_detections: int,
    conventions: Conventions = MMDETECTION,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Turn box-head outputs into the detections of every image.

    Args:
        logits: (K, num_classes + 1).
        deltas: (K, num_classes, 4).
        rois: float32 (K, 5), grouped by image, at most `max_proposals` of each.
        image_sizes: int64 (B, 2), height and width of the valid area.
        score_threshold: only higher scores are detections.
        max_detections: the best that are kept of each image.
        conventions: how boxes are decoded and suppressed.

    Returns:
        image_index int64 (N,), boxes float32 (N, 4) xyxy in resized-image pixels, scores (N,) and
        labels int64 (N,), by image and then by descending score.
    """
    batch = image_sizes.shape[0]
    image_of_roi = rois[:, 0].long()
    boxes, scores = class_boxes(logits, deltas, rois, image_sizes, conventions)
    rows = conventions.max_proposals
    slots = _slots(image_of_roi, batch, rows)
    padded_scores = _pad(scores, slots, (batch, rows), -1.0)
    padded_boxes = _pad(boxes, slots, (batch, rows), 0.0)
    image, row, label = batched_nms(
        padded_boxes,
        padded_scores,
        conventions.detection_iou,
        score_threshold,
        max_detections,
        conventions.max_shifted,
        conventions.first_class_shift,
    ).unbind(1)
    return image, padded_boxes[image, row, label], padded_scores[image, row, label], label


def class_boxes(
    logits: Tensor,
    deltas: Tensor,
    rois: Tensor,
    image_sizes: Tensor,
    conventions: Conventions = MMDETECTION,
) -> tuple[Tensor, Tensor]:
    """Decode the box of each RoI and class; arguments as those of `select_detections`.

    Returns:
        boxes float32 (K, num_classes, 4) xyxy in resized-image pixels and scores (K, num_classes),
        -1 where a box is too small.
    """
    scores = at_least_float32(logits).softmax(1)[:, :-1]
    sizes = image_sizes[rois[:, 0].long()]
    deltas = at_least_float32(deltas)
    decoded = decode_boxes(
        rois[:, None, 1:], deltas, conventions.detection_stds, conventions.limit_shrinking
    )
    boxes = clip_boxes(decoded, sizes)
    return boxes, drop_small(scores, boxes, conventions.min_detection_side)


def _slots(image_of_roi: Tensor, batch: int, rows: int) -> Tensor:
    """Return each RoI's place (K,) in a table that holds so many rows for every image."""
    images = torch.arange(batch, device=image_of_roi.device)
    counts = (image_of_roi[:, None] == images).sum(0)
    first = counts.cumsum(0) - counts
    position = torch.arange(image_of_roi.shape[0], device=image_of_roi.device)
    return position - first[image_of_roi] + image_of_roi * rows


def _pad(values: Tensor, slots: Tensor, shape: tuple[int, int], filler: float) -> Tensor:
    """Scatter rows (K, ...) to a table of a shape (B, R); rows of no RoI hold `filler`."""
    table = values.new_full((shape[0] * shape[1], *values.shape[1:]), filler)
    return table.index_copy(0, slots, values).unflatten(0, shape)
