"""The whole detector: Mask R-CNN with one of the mask heads."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from refinemask.configs.config import (
    MMDETECTION,
    Conventions,
    FCNMaskConfig,
    InputConfig,
    MaskConfig,
    ModelConfig,
    RefineMaskConfig,
)
from refinemask.errors import RefineMaskError
from refinemask.inference.outputs import check_masks, check_outputs
from refinemask.inference.predictor import ImagePredictor
from refinemask.inference.processing import Prepared, prepare
from refinemask.inference.rois import check_rois
from refinemask.inference.structures import RawArrays, RawOutputs
from refinemask.models.box_head import BoxHead, select_detections
from refinemask.models.efficientnet_lite import EfficientNetLite
from refinemask.models.fcn_mask_head import FCNMaskHead
from refinemask.models.fpn import FPN
from refinemask.models.refine_mask_head import RefineMaskHead
from refinemask.models.resnet import ResNet
from refinemask.models.rpn import RPNHead, level_anchors, propose
from refinemask.models.simple_refine_mask_head import SimpleRefineMaskHead
from refinemask.ops.compiled import compiled_operators

MaskHead = FCNMaskHead | RefineMaskHead | SimpleRefineMaskHead


class RoIHead(nn.Module):
    """The box head and the mask head."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        channels, classes = config.fpn_channels, config.num_classes
        conventions = config.conventions
        self.bbox_head = BoxHead(channels, config.box_head_channels, classes, conventions)
        self.mask_head = mask_head(config.mask_head, channels, classes, conventions)


class Detector(nn.Module, ImagePredictor):
    """Detect and segment objects; parameters are named as in official checkpoints."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone: ResNet | EfficientNetLite
        if config.backbone == "efficientnet_lite0":
            self.backbone = EfficientNetLite()
        else:
            self.backbone = ResNet(config.backbone, config.bn_eps, config.conventions)
        self.neck = FPN(self.backbone.channels, config.fpn_channels)
        self.rpn_head = RPNHead(config.fpn_channels, config.conventions)
        self.roi_head = RoIHead(config)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of each label."""
        return self.config.class_names

    @property
    def category_ids(self) -> tuple[int, ...]:
        """Dataset category id of each label."""
        return self.config.category_ids

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    def features(self, images: Tensor) -> list[Tensor]:
        """Map normalised images (B, 3, H, W) to P2..P6."""
        computes_in = next(self.backbone.parameters()).dtype
        return self.neck(self.backbone(images.to(computes_in)))

    def forward(self, images: Tensor, image_sizes: Tensor) -> RawOutputs[Tensor]:
        """Detect objects in normalised images.

        Args:
            images: float32 (B, 3, H, W), zero-padded to a multiple of 32.
            image_sizes: int64 (B, 2), height and width of the valid area.

        Returns:
            Detections with mask logits.
        """
        features = self.features(images)
        rois = self.proposals(features, image_sizes)
        return self.detect_in_proposals(features, rois, image_sizes)

    def proposals(self, features: Sequence[Tensor], image_sizes: Tensor) -> Tensor:
        """Return the RoIs (K, 5) that the RPN proposes, grouped by image."""
        logits, deltas = self.rpn_head(features)
        conventions = self.config.conventions
        anchors = level_anchors(features, conventions)
        image, boxes, _ = propose(logits, deltas, anchors, image_sizes, conventions=conventions)
        return make_rois(image, boxes)

    def detect_in_proposals(
        self, features: Sequence[Tensor], rois: Tensor, image_sizes: Tensor
    ) -> RawOutputs[Tensor]:
        """Run the box head and the mask head on proposals (K, 5), grouped by image."""
        image, boxes, scores, labels = self.select_in_proposals(features, rois, image_sizes)
        masks = self.roi_head.mask_head.final_logits(features, make_rois(image, boxes), labels)
        return RawOutputs(boxes, scores, labels, image, masks[:, 0])

    def select_in_proposals(
        self, features: Sequence[Tensor], rois: Tensor, image_sizes: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Run the box head on proposals (K, 5); return what `select_detections` selects."""
        logits, deltas = self.roi_head.bbox_head(features, rois)
        return select_detections(
            logits,
            deltas,
            rois,
            image_sizes,
            self.config.score_threshold,
            self.config.max_detections,
            self.config.conventions,
        )

    def detect(self, images: Tensor, image_sizes: Tensor) -> RawOutputs[Tensor]:
        """Detect objects by the input contract of every artifact.

        Args:
            images: uint8 (B, H, W, 3) RGB, padded bottom and right to a multiple of 32.
            image_sizes: int64 (B, 2), height and width of the valid area.

        Returns:
            Detections with mask probabilities.
        """
        raw = self(normalise(images, image_sizes, self.config.input), image_sizes)
        return raw._replace(masks=raw.masks.sigmoid())

    def segment_rois(self, features: Sequence[Tensor], rois: Tensor, labels: Tensor) -> Tensor:
        """Predict the masks of given boxes.

        Args:
            features: P2..P6 of the images.
            rois: float32 (K, 5): image index and xyxy in pixels of the resized image.
            labels: int64 (K,), the class whose mask is predicted.

        Returns:
            Probabilities (K, M, M) inside the boxes.
        """
        return self.roi_head.mask_head.final_logits(features, rois, labels)[:, 0].sigmoid()

    def prepare(self, image: NDArray[np.uint8]) -> Prepared:
        """Resize and pad one uint8 RGB image (H, W, 3) as the configuration says."""
        return prepare(image, self.config.input.short_side, self.config.input.long_side)

    @torch.inference_mode()
    def run(self, images: NDArray[np.uint8], image_sizes: NDArray[np.int64]) -> RawArrays:
        """Call `detect` with NumPy arrays and compiled operators, and return NumPy arrays.

        Raises:
            RefineMaskError: the weights make results that are none, such as NaN.
        """
        device = self.device
        try:
            with compiled_operators():
                raw = self.detect(
                    torch.from_numpy(images).to(device), torch.from_numpy(image_sizes).to(device)
                )
        except ValueError as error:  # of a compiled operator
            raise RefineMaskError(
                f"the weights of this {self.config.preset} make boxes that are none ({error}); "
                "train or export it again"
            ) from error
        outputs = raw.map(lambda values: values.cpu().numpy())
        check_outputs(outputs, self.config, self.config.preset, images.shape)
        return outputs

    @torch.inference_mode()
    def run_rois(
        self,
        images: NDArray[np.uint8],
        image_sizes: NDArray[np.int64],
        rois: NDArray[np.float32],
        labels: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Predict the masks of given boxes, with NumPy arrays and compiled operators.

        Raises:
            RefineMaskError: the RoIs or labels are not those of the images and the model, or the
                weights make results that are none, such as NaN.
        """
        check_rois(rois, labels, self.config, images.shape)
        pixels, sizes, boxes, classes = (
            torch.from_numpy(values).to(self.device)
            for values in (images, image_sizes, rois, labels)
        )
        with compiled_operators():
            features = self.features(normalise(pixels, sizes, self.config.input))
            probabilities = self.segment_rois(features, boxes, classes).cpu().numpy()
        check_masks(probabilities, len(rois), self.config, self.config.preset)
        return np.asarray(probabilities, np.float32)


def build_model(config: ModelConfig) -> Detector:
    """Build the detector of a configuration, in evaluation mode, with random weights."""
    return Detector(config).eval()


def mask_head(
    config: MaskConfig, in_channels: int, num_classes: int, conventions: Conventions = MMDETECTION
) -> MaskHead:
    """Build the mask head of a configuration on maps of `in_channels`."""
    if isinstance(config, FCNMaskConfig):
        return FCNMaskHead(config, in_channels, num_classes, conventions)
    if isinstance(config, RefineMaskConfig):
        return RefineMaskHead(config, in_channels, num_classes)
    return SimpleRefineMaskHead(config, in_channels, num_classes)


def make_rois(image_index: Tensor, boxes: Tensor) -> Tensor:
    """Join int64 (K,) image indices and xyxy boxes (K, 4) to float32 RoIs (K, 5)."""
    return torch.cat((image_index[:, None].to(boxes.dtype), boxes), 1)


UNIT_STD = (1.0, 1.0, 1.0)
"""Of pixels that are not divided by anything."""


def normalise(images: Tensor, image_sizes: Tensor, config: InputConfig) -> Tensor:
    """Normalise uint8 RGB (B, H, W, 3) to float32 (B, 3, H, W), zero outside the valid area."""
    mean = torch.tensor(config.mean, device=images.device)
    std = torch.tensor(config.std, device=images.device)
    x = images.float() - mean
    if config.std != UNIT_STD:
        x = x / std
    x = x.permute(0, 3, 1, 2)
    rows = torch.arange(images.shape[1], device=images.device) < image_sizes[:, :1]
    columns = torch.arange(images.shape[2], device=images.device) < image_sizes[:, 1:]
    valid = rows[:, None, :, None] & columns[:, None, None, :]
    return torch.where(valid, x, 0.0)
