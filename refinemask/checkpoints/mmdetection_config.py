"""What an mmdetection configuration says that decides results and no tensor shows.

Of 2.x and 3.x, and of the official RefineMask code, a fork of 2.3. A value that our models can have
is taken. One that they cannot have is refused by name, unless it is the one they are built for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from refinemask.checkpoints.config_text import UNREADABLE
from refinemask.configs.config import FCNMaskConfig, MaskConfig, SimpleRefineMaskConfig
from refinemask.errors import RefineMaskError
from refinemask.printable import shown

_ZEROS = (0, 0, 0, 0)
_CODERS = ("model.rpn_head.bbox_coder", "model.roi_head.bbox_head.bbox_coder")
_EXTRACTORS = {"bbox_roi_extractor": (7, 7), "mask_roi_extractor": (14, 14)}
_SUPPORTED: dict[str, tuple[Any, ...]] = {
    "model.backbone.type": ("ResNet",),
    "model.backbone.style": ("pytorch", "caffe"),
    "model.backbone.strides": ((1, 2, 2, 2),),
    "model.backbone.dilations": ((1, 1, 1, 1),),
    "model.backbone.out_indices": ((0, 1, 2, 3),),
    "model.backbone.conv_cfg": (None,),
    "model.backbone.dcn": (None,),
    "model.backbone.plugins": (None,),
    "model.backbone.norm_cfg.type": ("BN", "SyncBN"),
    "model.neck.type": ("FPN",),
    "model.neck.start_level": (0,),
    "model.neck.num_outs": (5,),
    "model.neck.add_extra_convs": (False,),
    "model.neck.conv_cfg": (None,),
    "model.neck.norm_cfg": (None,),
    "model.neck.act_cfg": (None,),
    "model.neck.upsample_cfg.mode": ("nearest",),
    "model.rpn_head.type": ("RPNHead",),
    "model.rpn_head.loss_cls.use_sigmoid": (True,),
    "model.rpn_head.anchor_generator.type": ("AnchorGenerator",),
    "model.rpn_head.anchor_generator.strides": ((4, 8, 16, 32, 64),),
    "model.rpn_head.anchor_generator.base_sizes": (None, (4, 8, 16, 32, 64)),
    "model.rpn_head.anchor_generator.octave_base_scale": (None,),
    "model.rpn_head.anchor_generator.scales_per_octave": (None,),
    "model.rpn_head.anchor_generator.scale_major": (True,),
    "model.rpn_head.anchor_generator.centers": (None,),
    "model.rpn_head.anchor_generator.center_offset": (0,),
    **{f"{coder}.type": ("DeltaXYWHBBoxCoder",) for coder in _CODERS},
    **{f"{coder}.target_means": (_ZEROS,) for coder in _CODERS},
    **{f"{coder}.clip_border": (True,) for coder in _CODERS},
    **{f"{coder}.add_ctr_clamp": (False,) for coder in _CODERS},
    "model.roi_head.bbox_head.reg_class_agnostic": (False,),
    "model.roi_head.bbox_head.loss_cls.type": ("CrossEntropyLoss",),
    "model.roi_head.bbox_head.loss_cls.use_sigmoid": (False,),
    "model.roi_head.mask_head.conv_cfg": (None,),
    "model.roi_head.mask_head.norm_cfg": (None,),
    "model.roi_head.mask_head.dilations": ((1, 3, 5),),
    "model.roi_head.mask_head.semantic_out_stride": (4,),
    "model.roi_head.mask_head.stage_sup_size": ((14, 28, 56, 112),),
    **{f"model.roi_head.{name}.type": ("SingleRoIExtractor",) for name in _EXTRACTORS},
    **{f"model.roi_head.{name}.featmap_strides": ((4, 8, 16, 32),) for name in _EXTRACTORS},
    **{f"model.roi_head.{name}.finest_scale": (56,) for name in _EXTRACTORS},
    **{f"model.roi_head.{name}.roi_layer.type": ("RoIAlign",) for name in _EXTRACTORS},
    **{f"model.roi_head.{name}.roi_layer.pool_mode": ("avg",) for name in _EXTRACTORS},
    "test.rpn.nms.type": ("nms",),
    "test.rpn.nms_across_levels": (False,),
    "test.rcnn.nms.type": ("nms",),
    "test.rcnn.nms.class_agnostic": (False,),
    "test.rcnn.mask_thr_binary": (0.5,),
    "model.data_preprocessor.pad_size_divisor": (32,),
}
"""Values by their place; `test` is `test_cfg`, of the model or beside it."""
_CONVENTIONS = {
    "anchor_scales": ("model.rpn_head.anchor_generator.scales",),
    "anchor_ratios": ("model.rpn_head.anchor_generator.ratios",),
    "proposal_stds": (f"{_CODERS[0]}.target_stds",),
    "detection_stds": (f"{_CODERS[1]}.target_stds",),
    "proposal_iou": ("test.rpn.nms.iou_threshold", "test.rpn.nms.iou_thr", "test.rpn.nms_thr"),
    "detection_iou": ("test.rcnn.nms.iou_threshold", "test.rcnn.nms.iou_thr"),
    "level_proposals": ("test.rpn.nms_pre",),
    "max_proposals": ("test.rpn.max_per_img", "test.rpn.nms_post", "test.rpn.max_num"),
    "min_proposal_side": ("test.rpn.min_bbox_size",),
}
"""Fields of `Conventions`, and where their values may stand."""
_MODEL = {
    "score_threshold": ("test.rcnn.score_thr",),
    "max_detections": ("test.rcnn.max_per_img",),
    "bn_eps": ("model.backbone.norm_cfg.eps",),
}
_PIPELINES = ("test_dataloader.dataset.pipeline", "data.test.pipeline", "test_pipeline")
_HARMLESS = ("Load", "RandomFlip", "Pack", "Collect", "DefaultFormatBundle", "ImageToTensor")
"""Beginnings of the types of steps that leave the image as it is."""
_ABSENT = object()


@dataclass(frozen=True)
class Recorded:
    """Values that a configuration records, by the names of our fields."""

    conventions: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    input: dict[str, Any] = field(default_factory=dict)
    mask_head: dict[str, Any] = field(default_factory=dict)
    bgr: bool = False
    """Whether the network takes BGR; mean and standard deviation are in its order."""


def recorded_values(config: Mapping[str, Any], mask_head: MaskConfig) -> Recorded:
    """Return what a configuration, as `read_config` returns it, says about results.

    Args:
        config: may be empty, and lack anything.
        mask_head: the mask head that the tensors show.

    Raises:
        RefineMaskError: it says something that our models cannot do.
    """
    model = _at(config, "model")
    own = _at(config, "model.test_cfg")
    config = dict(config) | {"test": own if own is not _ABSENT else _at(config, "test_cfg")}
    _check_supported(config, mask_head)
    conventions = _taken(config, _CONVENTIONS) | _pooling(config, mask_head)
    if _at(config, "model.backbone.style") == "caffe":
        conventions["stride_in_1x1"] = True
    upsample = _at(config, "model.roi_head.mask_head.pre_upsample_last_stage")
    simple = isinstance(mask_head, SimpleRefineMaskConfig) and upsample is not _ABSENT
    sizes, normalisation, bgr = _pipeline(config)
    preprocessor = _at(model if isinstance(model, Mapping) else {}, "data_preprocessor")
    if isinstance(preprocessor, Mapping) and "mean" in preprocessor:
        normalisation = _normalisation("model.data_preprocessor", preprocessor)
        bgr = not preprocessor.get("bgr_to_rgb", False)
    return Recorded(
        conventions,
        _taken(config, _MODEL),
        sizes | normalisation,
        {"upsample_features": upsample} if simple else {},
        bgr,
    )


def _check_supported(config: Mapping[str, Any], mask_head: MaskConfig) -> None:
    fusion = "Avg" if isinstance(mask_head, SimpleRefineMaskConfig) else ""
    by_kind = {"model.roi_head.mask_head.fusion_type": (f"MultiBranchFusion{fusion}",)}
    for place, allowed in (_SUPPORTED | by_kind).items():
        value = _at(config, place)
        if place.endswith(".type") and isinstance(value, str):
            value = value.rpartition(".")[2]  # of a registry's scope
        if value is not _ABSENT and value not in allowed:
            raise _refusal(place, value, " or ".join(map(str, allowed)))
    for name, size in _EXTRACTORS.items():
        for key in ("output_size", "out_size"):
            place = f"model.roi_head.{name}.roi_layer.{key}"
            if _at(config, place) not in (_ABSENT, size[0], size):
                raise _refusal(place, _at(config, place), str(size[0]))


def _taken(config: Mapping[str, Any], places: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    found = {name: _first(config, where) for name, where in places.items()}
    return {name: value for name, (_, value) in found.items() if value is not _ABSENT}


def _first(config: Mapping[str, Any], places: tuple[str, ...]) -> tuple[str, Any]:
    """Return the first place that has a value, and the value."""
    for place in places:
        value = _at(config, place)
        if value is UNREADABLE:
            raise _refusal(place, value, "a literal")
        if value is not _ABSENT:
            return place, value
    return places[0], _ABSENT


def _pooling(config: Mapping[str, Any], mask_head: MaskConfig) -> dict[str, Any]:
    """Return how RoIAlign samples: for both heads alike, but RefineMask's always by default."""
    defaults = {"sampling_ratio": 0, "aligned": True}
    spellings = {"sampling_ratio": ("sampling_ratio", "sample_num"), "aligned": ("aligned",)}
    found: dict[str, dict[str, Any]] = {}
    for extractor in _EXTRACTORS:
        layer = f"model.roi_head.{extractor}.roi_layer"
        places = {n: tuple(f"{layer}.{s}" for s in names) for n, names in spellings.items()}
        if _at(config, layer) is not _ABSENT:
            found[extractor] = defaults | _taken(config, places)
    box, mask = (found.get(name, defaults) for name in _EXTRACTORS)
    wanted = box if isinstance(mask_head, FCNMaskConfig) and found else defaults
    for name, value in mask.items():
        if value != wanted[name]:
            place = f"model.roi_head.mask_roi_extractor.roi_layer.{name}"
            raise _refusal(place, value, str(wanted[name]))
    return box if found else {}


def _pipeline(config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], bool]:
    """Return the sizes and the normalisation of the test pipeline, and whether it is in BGR."""
    place = next((p for p in _PIPELINES if isinstance(_at(config, p), tuple)), _PIPELINES[-1])
    sizes: set[Any] = set()
    normalisation: dict[str, Any] = {}
    bgr = False
    for step in _steps(_at(config, place)):
        kind = str(step.get("type")).rpartition(".")[2]
        if kind in ("Resize", "FixScaleResize", "MultiScaleFlipAug"):
            sizes |= _scales(place, step)
            if kind != "MultiScaleFlipAug" and not step.get("keep_ratio", "scale" not in step):
                raise _refusal(f"{place} {kind}.keep_ratio", False, "True")
            if step.get("flip"):
                raise _refusal(f"{place} {kind}.flip", True, "False, no test-time augmentation")
        elif kind == "Normalize":
            normalisation = _normalisation(f"{place} {kind}", step)
            bgr = not step.get("to_rgb", True)
        elif kind == "Pad":
            if step.get("size_divisor", 32) != 32 or step.get("size") is not None:
                raise _refusal(f"{place} Pad", step, "size_divisor=32")
        elif not kind.startswith(_HARMLESS):
            raise _refusal(f"{place} step", kind, "Resize, Normalize and Pad")
    if len(sizes) > 1:
        raise _refusal(f"{place} Resize.scale", tuple(sizes), "one size")
    if not normalisation and isinstance(_at(config, "img_norm_cfg"), Mapping):
        norm = config["img_norm_cfg"]
        normalisation = _normalisation("img_norm_cfg", norm)
        bgr = not norm.get("to_rgb", True)
    size = next(iter(sizes), None)
    return (
        {} if size is None else {"short_side": min(size), "long_side": max(size)},
        normalisation,
        bgr,
    )


def _normalisation(place: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return mean and standard deviation, which come together."""
    found = {name: values.get(name) for name in ("mean", "std")}
    for name, value in found.items():
        if not isinstance(value, tuple):
            raise _refusal(f"{place}.{name}", value, "a list of three numbers")
    return found


def _steps(pipeline: Any) -> Iterator[Mapping[str, Any]]:
    for step in pipeline if isinstance(pipeline, tuple) else ():
        if isinstance(step, Mapping):
            yield step
            yield from _steps(step.get("transforms"))


def _scales(place: str, step: Mapping[str, Any]) -> set[tuple[int, int]]:
    """Return the sizes that a step resizes images to."""
    if step.get("scale_factor") is not None:
        raise _refusal(f"{place} Resize.scale_factor", step["scale_factor"], "scale")
    value = step.get("scale", step.get("img_scale"))
    if value is None:
        return set()
    several = isinstance(value, tuple) and all(isinstance(size, tuple) for size in value)
    values = value if several else (value,)
    for size in values:
        if not (isinstance(size, tuple) and [type(side) for side in size] == [int, int]):
            raise _refusal(f"{place} Resize.scale", size, "two integers")
    return set(values)


def _at(config: Any, place: str) -> Any:
    """Return the value at a dotted place, `_ABSENT` if there is none."""
    for name in place.split("."):
        if not isinstance(config, Mapping) or name not in config:
            return _ABSENT
        config = config[name]
    return config


def _refusal(place: str, value: Any, supported: str) -> RefineMaskError:
    place = place.replace("test.", "test_cfg.", 1) if place.startswith("test.") else place
    return RefineMaskError(
        f"its configuration sets {place} to {shown(value)}; supported is {supported}"
    )
