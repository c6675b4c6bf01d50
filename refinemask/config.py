"""Model configurations: frozen dataclasses, and the presets as plain functions."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from refinemask.classes import COCO_CATEGORY_IDS, COCO_CLASSES
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

    def __post_init__(self) -> None:
        if self.channels % 8:
            raise RefineMaskError(
                f"RefineMaskConfig.channels must be divisible by 8, got {self.channels}"
            )

    @property
    def mask_size(self) -> int:
        """Side of the predicted masks, in pixels."""
        return 112


MaskConfig = FCNMaskConfig | RefineMaskConfig


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
    score_threshold: float = 0.05
    max_detections: int = 100

    def __post_init__(self) -> None:
        if not self.class_names:
            raise RefineMaskError("a model needs at least one class name")
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
        mask_head["type"] = "refine" if isinstance(self.mask_head, RefineMaskConfig) else "fcn"
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
            kind = {"refine": RefineMaskConfig, "fcn": FCNMaskConfig}[mask_head.pop("type")]
            values["mask_head"] = kind(**{k: _tuples(v) for k, v in mask_head.items()})
            values["input"] = InputConfig(**{k: _tuples(v) for k, v in values["input"].items()})
            return ModelConfig(**values)
        except (KeyError, TypeError, AttributeError) as error:
            raise RefineMaskError(
                f"not a model configuration of this version: {error!r}"
            ) from error


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _coco(num_classes: int) -> dict[str, Any]:
    if num_classes == len(COCO_CLASSES):
        return {"class_names": COCO_CLASSES, "category_ids": COCO_CATEGORY_IDS}
    return {
        "class_names": tuple(f"class {index}" for index in range(num_classes)),
        "category_ids": tuple(range(1, num_classes + 1)),
    }


def refinemask_r50(num_classes: int = 80) -> ModelConfig:
    """RefineMask on ResNet-50-FPN as published for COCO."""
    return ModelConfig(
        "refinemask_r50",
        "resnet50",
        RefineMaskConfig(),
        box_loss_weight=2.0,
        **_coco(num_classes),
    )


def refinemask_r101(num_classes: int = 80) -> ModelConfig:
    """RefineMask on ResNet-101-FPN as published for COCO."""
    return dataclasses.replace(
        refinemask_r50(num_classes), preset="refinemask_r101", backbone="resnet101"
    )


def maskrcnn_r50(num_classes: int = 80) -> ModelConfig:
    """Mask R-CNN on ResNet-50-FPN, the baseline."""
    return ModelConfig("maskrcnn_r50", "resnet50", FCNMaskConfig(), **_coco(num_classes))


def maskrcnn_r101(num_classes: int = 80) -> ModelConfig:
    """Mask R-CNN on ResNet-101-FPN."""
    return dataclasses.replace(
        maskrcnn_r50(num_classes), preset="maskrcnn_r101", backbone="resnet101"
    )


_SMALL_INPUT = InputConfig(short_side=384, long_side=512, mean=(127.0,) * 3, std=(128.0,) * 3)


def refinemask_small(num_classes: int = 1) -> ModelConfig:
    """RefineMask narrow enough to train on a CPU: EfficientNet-Lite0, 5.4 M parameters."""
    return ModelConfig(
        "refinemask_small",
        "efficientnet_lite0",
        RefineMaskConfig(channels=96, semantic_channels=64),
        input=_SMALL_INPUT,
        fpn_channels=96,
        box_head_channels=256,
        box_loss_weight=2.0,
        **_small(num_classes),
    )


def maskrcnn_small(num_classes: int = 1) -> ModelConfig:
    """Mask R-CNN on the same trunk as `refinemask_small`."""
    return dataclasses.replace(
        refinemask_small(num_classes),
        preset="maskrcnn_small",
        mask_head=FCNMaskConfig(channels=96),
    )


def _small(num_classes: int) -> dict[str, Any]:
    if num_classes == 1:
        return {"class_names": ("person",), "category_ids": (1,)}
    return _coco(num_classes)


PRESETS = {
    preset.__name__: preset
    for preset in (
        refinemask_r50,
        refinemask_r101,
        maskrcnn_r50,
        maskrcnn_r101,
        refinemask_small,
        maskrcnn_small,
    )
}


def preset(name: str, num_classes: int | None = None) -> ModelConfig:
    """Return the preset called `name`.

    Raises:
        RefineMaskError: there is no such preset.
    """
    if name not in PRESETS:
        raise RefineMaskError(f"unknown preset {name!r}; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]() if num_classes is None else PRESETS[name](num_classes)
