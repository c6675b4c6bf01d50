"""Model configurations: frozen dataclasses that are written into checkpoints and artifacts."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from refinemask.errors import RefineMaskError

Backbone = Literal["resnet50", "resnet101", "efficientnet_lite0"]


@dataclass(frozen=True)
class InputConfig:
    """How an image becomes the network's input (SPEC 3.1)."""

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


@dataclass(frozen=True)
class FCNMaskConfig:
    """The mask head of Mask R-CNN (SPEC 3.10)."""

    channels: int = 256
    num_convs: int = 4

    @property
    def mask_size(self) -> int:
        """Side of the predicted masks, in pixels."""
        return 28


@dataclass(frozen=True)
class RefineMaskConfig:
    """The mask head of RefineMask (SPEC 3.6)."""

    channels: int = 256
    """Instance channels of the 14x14 stage; each further stage has half of them."""
    instance_convs: int = 2
    semantic_channels: int = 256
    semantic_convs: int = 4
    boundary_width: int = 2
    """Width of the boundary regions in the loss (SPEC 3.13)."""
    loss_weights: tuple[float, float, float, float] = (0.25, 0.5, 0.75, 1.0)
    """Weights of the 14, 28, 56 and 112 stages in the loss."""
    class_agnostic_final: bool = False
    """Whether one channel serves all classes at 112, as published for LVIS."""

    def __post_init__(self) -> None:
        _check_channels(self.channels)

    @property
    def mask_size(self) -> int:
        """Side of the predicted masks, in pixels."""
        return 112


@dataclass(frozen=True)
class SimpleRefineMaskConfig:
    """The "faster-better" mask head, the official SimpleRefineMaskHead (SPEC 3.7)."""

    channels: int = 256
    """Instance channels of the 14x14 stage; each further stage has half of them."""
    instance_convs: int = 2
    semantic_channels: int = 256
    semantic_convs: int = 4
    boundary_width: int = 2
    """Width of the boundary regions in the loss (SPEC 3.13)."""
    loss_weights: tuple[float, float, float, float] = (0.5, 0.75, 0.75, 1.0)
    """Weights of the 14, 28, 56 and 112 stages in the loss."""
    class_agnostic_final: bool = True
    """Whether one channel serves all classes at 112."""
    upsample_features: bool = False
    """Enlarge the last features to 112 before the final logits, not the logits themselves."""

    def __post_init__(self) -> None:
        _check_channels(self.channels)

    @property
    def mask_size(self) -> int:
        """Side of the predicted masks, in pixels."""
        return 112


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
    """Weight of both box-head losses: 2 in the RefineMask configurations (SPEC 3.12)."""
    box_smooth_l1_beta: float = 0.0
    """Where the box head's regression loss turns from square to linear; 0 is the plain L1 loss."""
    score_threshold: float = 0.05
    max_detections: int = 100

    def __post_init__(self) -> None:
        if not self.class_names:
            raise RefineMaskError("a model needs at least one class name")
        if len(self.category_ids) != len(self.class_names):
            raise RefineMaskError(
                f"{len(self.class_names)} class names but {len(self.category_ids)} category ids"
            )
        if self.box_smooth_l1_beta < 0:
            raise RefineMaskError(
                f"box_smooth_l1_beta must be 0 (L1) or positive, got {self.box_smooth_l1_beta}"
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
            return ModelConfig(**values)
        except (KeyError, TypeError, AttributeError) as error:
            raise RefineMaskError(
                f"not a model configuration of this version: {error!r}"
            ) from error


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _check_channels(channels: int) -> None:
    if channels % 8 or channels < 32:
        raise RefineMaskError(
            f"the channels of a RefineMask head must be a multiple of 8 from 32 on, got {channels}"
        )
