"""Model configurations: frozen dataclasses that are written into checkpoints and artifacts."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from refinemask.configs.checks import check_at_least, check_counts
from refinemask.errors import RefineMaskError

Backbone = Literal["resnet50", "resnet101", "efficientnet_lite0"]


@dataclass(frozen=True)
class InputConfig:
    """How an image becomes the network's input (numerics 1)."""

    short_side: int = 800
    """Target length of the shorter side, in pixels."""
    long_side: int = 1333
    """Upper bound of the longer side, in pixels."""
    mean: tuple[float, float, float] = (123.675, 116.28, 103.53)
    """Subtracted from RGB values 0 to 255."""
    std: tuple[float, float, float] = (58.395, 57.12, 57.375)
    """Divides the centred RGB values."""

    def __post_init__(self) -> None:
        if not 1 <= self.short_side <= self.long_side:
            raise RefineMaskError(
                f"input sizes must satisfy 1 <= short_side <= long_side, "
                f"got {self.short_side} and {self.long_side}"
            )
        check_counts(self, 1, "short_side", "long_side")
        if len(self.mean) != 3 or len(self.std) != 3 or not min(self.std) > 0:
            raise RefineMaskError(
                f"mean and std must have 3 values each, and std positive ones, "
                f"got {self.mean} and {self.std}"
            )


@dataclass(frozen=True)
class Conventions:
    """Choices in which detectors of one architecture differ.

    The defaults are mmdetection's (numerics 3 to 5), `TORCHVISION` has those of torchvision's
    `maskrcnn_resnet50_fpn`. The heads of RefineMask pool by the defaults whatever stands here.
    """

    frozen_norms: bool = False
    """Batch norms of a ResNet are constants: a multiplication and an addition, never trained. Else
    their weights and biases are trained outside of the frozen stages, their statistics never."""
    round_anchors: bool = False
    """Round the corners of a cell's anchors to whole pixels."""
    stretch_anchors: bool = False
    """Set anchors padded size // cells pixels apart on each axis, not the level's stride. The two
    differ on P6, where P5 has an odd number of cells."""
    limit_shrinking: bool = True
    """Limit how far a delta shrinks a box, to 16 / 1000, as its growth is limited always."""
    rank_logits: bool = False
    """Choose the best anchors of a level by logit, not by score, which may be equal for many."""
    min_proposal_side: float = 0.0
    """Proposals with a shorter side are dropped, in pixels."""
    min_detection_side: float = 0.0
    """Detections with a shorter side are dropped, in pixels."""
    max_shifted: int | None = None
    """With more candidates in an image, suppression visits levels or classes one by one, exactly;
    with fewer they are kept apart by a shift in float32, which rounds. None always shifts."""
    first_class_shift: int = 0
    """Steps by which that shift moves the first class; 1 where the background is class 0."""
    sampling_ratio: int = 0
    """Samples of RoIAlign per bin and axis; 0 adapts to the size of the RoI."""
    aligned: bool = True
    """Whether RoIAlign has the centre of the first cell at half a cell, not at 0."""
    epsilon_after_log: bool = False
    """Whether the 1e-6 in the level of a RoI is added to the logarithm, not to its argument."""

    def __post_init__(self) -> None:
        check_at_least(self, 0, "min_proposal_side", "min_detection_side")
        check_counts(self, 0, "first_class_shift", "sampling_ratio")
        if self.max_shifted is not None:
            check_counts(self, 0, "max_shifted")


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

    channels: int = 256
    num_convs: int = 4

    def __post_init__(self) -> None:
        check_counts(self, 1, "channels", "num_convs")

    @property
    def mask_size(self) -> int:
        """Side of the predicted masks, in pixels."""
        return 28


@dataclass(frozen=True)
class _StagesConfig:
    """What both mask heads that refine in stages have."""

    channels: int = 256
    """Instance channels of the 14x14 stage; each further stage has half of them."""
    instance_convs: int = 2
    semantic_channels: int = 256
    semantic_convs: int = 4
    boundary_width: int = 2
    """Width of the boundary regions in the loss (numerics 13.1)."""
    loss_weights: tuple[float, float, float, float] = (0.25, 0.5, 0.75, 1.0)
    """Weights of the 14, 28, 56 and 112 stages in the loss."""
    class_agnostic_final: bool = False
    """Whether one channel serves all classes at 112, as published for LVIS."""

    def __post_init__(self) -> None:
        if self.channels % 8 or self.channels < 32:
            raise RefineMaskError(
                "the channels of a RefineMask head must be a multiple of 8, >= 32, "
                f"got {self.channels}"
            )
        check_counts(self, 1, "semantic_channels")
        check_counts(self, 0, "instance_convs", "semantic_convs", "boundary_width")
        if len(self.loss_weights) != 4 or not all(weight >= 0 for weight in self.loss_weights):
            raise RefineMaskError(f"loss_weights must be 4 numbers >= 0, got {self.loss_weights}")

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

    loss_weights: tuple[float, float, float, float] = (0.5, 0.75, 0.75, 1.0)
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
    class_names: tuple[str, ...]
    category_ids: tuple[int, ...]
    """The dataset's category id of each class."""
    input: InputConfig = field(default_factory=InputConfig)
    fpn_channels: int = 256
    box_head_channels: int = 1024
    box_loss_weight: float = 1.0
    """Weight of both box-head losses: 2 in the RefineMask configurations (numerics 13)."""
    box_smooth_l1_beta: float = 0.0
    """Where the box head's regression loss turns from square to linear; 0 is the plain L1 loss."""
    score_threshold: float = 0.05
    max_detections: int = 100
    bn_eps: float = 1e-5
    """Added to the variances in the batch norms of a ResNet; EfficientNet-Lite has its own."""
    conventions: Conventions = MMDETECTION

    def __post_init__(self) -> None:
        if not self.class_names:
            raise RefineMaskError("a model needs at least one class name")
        if len(self.category_ids) != len(self.class_names):
            raise RefineMaskError(
                f"{len(self.class_names)} class names but {len(self.category_ids)} category ids"
            )
        check_counts(self, 1, "fpn_channels", "box_head_channels", "max_detections")
        check_at_least(self, 0, "box_loss_weight", "box_smooth_l1_beta", "bn_eps")
        if not 0 <= self.score_threshold < 1:
            raise RefineMaskError(
                f"score_threshold must be at least 0 and below 1, got {self.score_threshold}"
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
            values = {name: _tuples(value) for name, value in values.items()}
            mask_head = dict(values["mask_head"])
            kind = _MASK_HEADS[mask_head.pop("type")]
            values["mask_head"] = kind(**{k: _tuples(v) for k, v in mask_head.items()})
            values["input"] = InputConfig(**{k: _tuples(v) for k, v in values["input"].items()})
            if "conventions" in values:  # not in files of earlier versions
                values["conventions"] = Conventions(**values["conventions"])
            return ModelConfig(**values)
        except (KeyError, TypeError, AttributeError) as error:
            raise RefineMaskError(
                f"not a model configuration of this version: {error!r}"
            ) from error


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
