"""Model configurations: frozen dataclasses that are written into checkpoints and artifacts.

Every number has bounds. They are wide enough for any model that anyone trains, and so narrow that
no product of sizes in the network or its operators reaches 2^31, and that a small file cannot ask
for a model that fills the memory.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from refinemask.configs.checks import Bounds, Lengths, check_fields
from refinemask.configs.classes import MAX_CLASSES
from refinemask.errors import RefineMaskError
from refinemask.printable import shown

Backbone = Literal["resnet50", "resnet101", "efficientnet_lite0"]
MAX_DETECTIONS = 1000
"""Largest `max_detections`: masks of so many are computed at once."""

_Side = Annotated[int, Bounds(1, 4096)]
_Channels = Annotated[int, Bounds(1, 1024)]
_StageChannels = Annotated[int, Bounds(32, 1024, multiple_of=8)]
_Convs = Annotated[int, Bounds(0, 16)]
_Pixels = Annotated[float, Bounds(0, 4096)]
_Weight = Annotated[float, Bounds(0, 1e6)]
_Weights = Annotated[tuple[float, float, float, float], Bounds(0, 1e6)]
_Share = Annotated[float, Bounds(0, 1)]
_Stds = Annotated[tuple[float, float, float, float], Bounds(1e-3, 10)]
_Proposals = Annotated[int, Bounds(1, 4096)]
_Int32 = Annotated[int, Bounds(0, 2**31 - 1)]


@dataclass(frozen=True)
class InputConfig:
    """How an image becomes the network's input (numerics 1)."""

    short_side: _Side = 800
    """Target length of the shorter side, in pixels."""
    long_side: _Side = 1333
    """Upper bound of the longer side, in pixels."""
    mean: Annotated[tuple[float, float, float], Bounds(-1e4, 1e4)] = (123.675, 116.28, 103.53)
    """Subtracted from RGB values 0 to 255."""
    std: Annotated[tuple[float, float, float], Bounds(1e-4, 1e4)] = (58.395, 57.12, 57.375)
    """Divides the centred RGB values."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.short_side > self.long_side:
            raise RefineMaskError(
                "short_side must not be greater than long_side, "
                f"got {self.short_side} and {self.long_side}"
            )


@dataclass(frozen=True)
class Conventions:
    """Choices in which detectors of one architecture differ.

    The defaults are mmdetection's (numerics 3 to 5), `TORCHVISION` has those of torchvision's
    `maskrcnn_resnet50_fpn`. The heads of RefineMask pool by the defaults whatever stands here.
    All of it is constant in an exported graph.
    """

    anchor_scales: Annotated[tuple[float, ...], Bounds(0.25, 64), Lengths(1, 8)] = (8.0,)
    """Sides of the square anchors of a cell, in strides of the level."""
    anchor_ratios: Annotated[tuple[float, ...], Bounds(0.05, 20), Lengths(1, 8)] = (0.5, 1.0, 2.0)
    """Heights over widths of the anchors of a cell."""
    proposal_stds: _Stds = (1.0, 1.0, 1.0, 1.0)
    """What the deltas of the RPN are multiplied by: x, y, width, height."""
    detection_stds: _Stds = (0.1, 0.1, 0.2, 0.2)
    """What the deltas of the box head are multiplied by."""
    proposal_iou: _Share = 0.7
    """Of two proposals of a level that overlap more, one is suppressed."""
    detection_iou: _Share = 0.5
    """Of two detections of a class that overlap more, one is suppressed."""
    level_proposals: _Proposals = 1000
    """Candidates of each level before suppression."""
    max_proposals: _Proposals = 1000
    """Proposals of an image."""

    frozen_norms: bool = False
    """Batch norms of a ResNet are constants: a multiplication and an addition, never trained. Else
    their weights and biases are trained outside of the frozen stages, their statistics never."""
    stride_in_1x1: bool = False
    """Stages of a ResNet shrink their maps in the first convolution of a block, as in caffe."""
    round_anchors: bool = False
    """Round the corners of a cell's anchors to whole pixels."""
    stretch_anchors: bool = False
    """Set anchors padded size // cells pixels apart on each axis, not the level's stride. The two
    differ on P6, where P5 has an odd number of cells."""
    limit_shrinking: bool = True
    """Limit how far a delta shrinks a box, to 16 / 1000, as its growth is limited always."""
    rank_logits: bool = False
    """Choose the best anchors of a level by logit, not by score, which may be equal for many."""
    min_proposal_side: _Pixels = 0.0
    """Proposals with a shorter side are dropped, in pixels."""
    min_detection_side: _Pixels = 0.0
    """Detections with a shorter side are dropped, in pixels."""
    max_shifted: _Int32 | None = None
    """With more candidates in an image, suppression visits levels or classes one by one, exactly;
    with fewer they are kept apart by a shift in float32, which rounds. None always shifts."""
    first_class_shift: Annotated[int, Bounds(0, 1)] = 0
    """Steps by which that shift moves the first class; 1 where the background is class 0."""
    sampling_ratio: Annotated[int, Bounds(0, 64)] = 0
    """Samples of RoIAlign per bin and axis; 0 adapts to the size of the RoI."""
    aligned: bool = True
    """Whether RoIAlign has the centre of the first cell at half a cell, not at 0."""
    epsilon_after_log: bool = False
    """Whether the 1e-6 in the level of a RoI is added to the logarithm, not to its argument."""

    def __post_init__(self) -> None:
        check_fields(self)


MMDETECTION = Conventions()
TORCHVISION = Conventions(
    frozen_norms=True,
    round_anchors=True,
    stretch_anchors=True,
    limit_shrinking=False,
    rank_logits=True,
    min_proposal_side=1e-3,
    min_detection_side=1e-2,
    max_shifted=1000,  # on a CPU, whose results are what we reproduce; on a GPU it is 25,000
    first_class_shift=1,
    sampling_ratio=2,
    aligned=False,
    epsilon_after_log=True,
)


@dataclass(frozen=True)
class FCNMaskConfig:
    """The mask head of Mask R-CNN (numerics 10)."""

    channels: _Channels = 256
    num_convs: Annotated[int, Bounds(1, 16)] = 4

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def mask_size(self) -> int:
        """Side of the predicted masks, in pixels."""
        return 28


@dataclass(frozen=True)
class _StagesConfig:
    """What both mask heads that refine in stages have."""

    channels: _StageChannels = 256
    """Instance channels of the 14x14 stage; each further stage has half of them."""
    instance_convs: _Convs = 2
    semantic_channels: _Channels = 256
    semantic_convs: _Convs = 4
    boundary_width: Annotated[int, Bounds(0, 64)] = 2
    """Width of the boundary regions in the loss (numerics 13.1)."""
    loss_weights: _Weights = (0.25, 0.5, 0.75, 1.0)
    """Weights of the 14, 28, 56 and 112 stages in the loss."""
    class_agnostic_final: bool = False
    """Whether one channel serves all classes at 112, as published for LVIS."""
    fusion_dilations: Annotated[tuple[int, ...], Bounds(1, 16), Lengths(1, 8)] = (1, 3, 5)
    """Dilation of each of the convolutions that are added in the fusion of a stage."""

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def mask_size(self) -> int:
        """Side of the predicted masks, in pixels."""
        return 112


@dataclass(frozen=True)
class RefineMaskConfig(_StagesConfig):
    """The mask head of RefineMask (numerics 6)."""


@dataclass(frozen=True)
class SimpleRefineMaskConfig(_StagesConfig):
    """The "faster-better" mask head, the official SimpleRefineMaskHead (numerics 7)."""

    loss_weights: _Weights = (0.5, 0.75, 0.75, 1.0)
    class_agnostic_final: bool = True
    upsample_features: bool = False
    """Enlarge the last features to 112 before the final logits, not the logits themselves."""


MaskConfig = FCNMaskConfig | RefineMaskConfig | SimpleRefineMaskConfig
_MASK_HEADS = {
    "fcn": FCNMaskConfig,
    "refine": RefineMaskConfig,
    "simple_refine": SimpleRefineMaskConfig,
}


@dataclass(frozen=True)
class ModelConfig:
    """A whole detector: Mask R-CNN with one of the mask heads."""

    preset: str
    backbone: Backbone
    mask_head: MaskConfig
    class_names: Annotated[tuple[str, ...], Lengths(1, MAX_CLASSES)]
    category_ids: Annotated[tuple[int, ...], Bounds(-(2**63), 2**63 - 1)]
    """The dataset's category id of each class."""
    input: InputConfig = field(default_factory=InputConfig)
    fpn_channels: _Channels = 256
    box_head_channels: Annotated[int, Bounds(1, 4096)] = 1024
    box_loss_weight: _Weight = 1.0
    """Weight of both box-head losses: 2 in the RefineMask configurations (numerics 13)."""
    box_smooth_l1_beta: _Weight = 0.0
    """Where the box head's regression loss turns from square to linear; 0 is the plain L1 loss."""
    score_threshold: Annotated[float, Bounds(0, 1)] = 0.05
    max_detections: Annotated[int, Bounds(1, MAX_DETECTIONS)] = 100
    """Detections of an image, the ones with the highest scores."""
    bn_eps: Annotated[float, Bounds(0, 1)] = 1e-5
    """Added to the variances in the batch norms of a ResNet; EfficientNet-Lite has its own."""
    conventions: Conventions = MMDETECTION

    def __post_init__(self) -> None:
        check_fields(self)
        if len(self.category_ids) != len(self.class_names):
            raise RefineMaskError(
                f"{len(self.class_names)} class names but {len(self.category_ids)} category ids"
            )

    @property
    def num_classes(self) -> int:
        """Number of foreground classes."""
        return len(self.class_names)

    def with_classes(
        self, class_names: tuple[str, ...], category_ids: tuple[int, ...] | None = None
    ) -> "ModelConfig":
        """Return this configuration for another class list (ids default to 1, 2, ...)."""
        ids = category_ids or tuple(range(1, len(class_names) + 1))
        return dataclasses.replace(self, class_names=class_names, category_ids=ids)

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as plain JSON values."""
        mask_head = dataclasses.asdict(self.mask_head)
        mask_head["type"] = next(
            name for name, kind in _MASK_HEADS.items() if type(self.mask_head) is kind
        )
        return dataclasses.asdict(self) | {"mask_head": mask_head}

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "ModelConfig":
        """Rebuild a configuration from `to_dict`'s output, possibly read back from JSON.

        Raises:
            RefineMaskError: a field is missing, unknown or invalid.
        """
        try:
            values = _parts(values)
            mask_head = _parts(values["mask_head"])
            values["mask_head"] = _MASK_HEADS[mask_head.pop("type")](**mask_head)
            values["input"] = InputConfig(**_parts(values["input"]))
            if "conventions" in values:  # not in files of earlier versions
                values["conventions"] = Conventions(**_parts(values["conventions"]))
            return ModelConfig(**values)
        except (KeyError, TypeError, AttributeError) as error:
            raise RefineMaskError(
                f"not a model configuration of this version: {shown(error)}"
            ) from error


def _parts(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _tuples(value) for name, value in values.items()}


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
