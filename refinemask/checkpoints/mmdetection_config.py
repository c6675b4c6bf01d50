"""What an mmdetection configuration says that decides results and no tensor shows.

Of 2.x and 3.x, and of the official RefineMask code, a fork of 2.3. A value that our models can have
is taken. One that they cannot have is refused by name, unless it is the one they are built for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from refinemask.checkpoints.config_text import ABSENT, UNREADABLE, at, unsupported
from refinemask.checkpoints.mmdetection_pipeline import read_normalisation, read_pipeline
from refinemask.configs.config import FCNMaskConfig, MaskConfig, SimpleRefineMaskConfig
from refinemask.errors import RefineMaskError

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
    "model.data_preprocessor.pad_value": (0,),
    "model.data_preprocessor.bgr_to_rgb": (True, False),
    "model.data_preprocessor.rgb_to_bgr": (True, False),
    "img_norm_cfg.to_rgb": (True, False),
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
    own = at(config, "model.test_cfg")
    config = dict(config) | {"test": own if own is not ABSENT else at(config, "test_cfg")}
    _check_supported(config, mask_head)
    conventions = _taken(config, _CONVENTIONS) | _pooling(config, mask_head)
    if at(config, "model.backbone.style") == "caffe":
        conventions["stride_in_1x1"] = True
    upsample = at(config, "model.roi_head.mask_head.pre_upsample_last_stage")
    simple = isinstance(mask_head, SimpleRefineMaskConfig) and upsample is not ABSENT
    sizes, normalisation, bgr = read_pipeline(config)
    preprocessor = at(config, "model.data_preprocessor")
    if isinstance(preprocessor, Mapping) and "mean" in preprocessor:
        normalisation = read_normalisation("model.data_preprocessor", preprocessor)
        # Images are read as BGR, and either of the two exchanges red and blue.
        bgr = not (preprocessor.get("bgr_to_rgb") or preprocessor.get("rgb_to_bgr"))
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
        value = at(config, place)
        if place.endswith(".type") and isinstance(value, str):
            value = value.rpartition(".")[2]  # of a registry's scope
        if value is not ABSENT and value not in allowed:
            raise _refusal(place, value, " or ".join(map(str, allowed)))
    for name, size in _EXTRACTORS.items():
        for key in ("output_size", "out_size"):
            place = f"model.roi_head.{name}.roi_layer.{key}"
            if at(config, place) not in (ABSENT, size[0], size):
                raise _refusal(place, at(config, place), str(size[0]))


def _taken(config: Mapping[str, Any], places: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    found = {name: _first(config, where) for name, where in places.items()}
    return {name: value for name, (_, value) in found.items() if value is not ABSENT}


def _first(config: Mapping[str, Any], places: tuple[str, ...]) -> tuple[str, Any]:
    """Return the first place that has a value, and the value."""
    for place in places:
        value = at(config, place)
        if value is UNREADABLE:
            raise _refusal(place, value, "a literal")
        if value is not ABSENT:
            return place, value
    return places[0], ABSENT


def _pooling(config: Mapping[str, Any], mask_head: MaskConfig) -> dict[str, Any]:
    """Return how RoIAlign samples: for both heads alike, but RefineMask's always by default."""
    defaults = {"sampling_ratio": 0, "aligned": True}
    spellings = {"sampling_ratio": ("sampling_ratio", "sample_num"), "aligned": ("aligned",)}
    found: dict[str, dict[str, Any]] = {}
    for extractor in _EXTRACTORS:
        layer = f"model.roi_head.{extractor}.roi_layer"
        places = {n: tuple(f"{layer}.{s}" for s in names) for n, names in spellings.items()}
        if at(config, layer) is not ABSENT:
            found[extractor] = defaults | _taken(config, places)
    box, mask = (found.get(name, defaults) for name in _EXTRACTORS)
    wanted = box if isinstance(mask_head, FCNMaskConfig) and found else defaults
    for name, value in mask.items():
        if value != wanted[name]:
            place = f"model.roi_head.mask_roi_extractor.roi_layer.{name}"
            raise _refusal(place, value, str(wanted[name]))
    return box if found else {}


def _refusal(place: str, value: Any, supported: str) -> RefineMaskError:
    place = place.replace("test.", "test_cfg.", 1) if place.startswith("test.") else place
    return unsupported(place, value, supported)
