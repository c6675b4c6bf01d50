"""How the test pipeline of an mmdetection configuration resizes and normalises images."""

from collections.abc import Iterator, Mapping
from typing import Any

from refinemask.checkpoints.config_text import ABSENT, UNREADABLE, at, unsupported

_PIPELINES = ("test_dataloader.dataset.pipeline", "data.test.pipeline", "test_pipeline")
_RESIZE = ("Resize", "FixScaleResize")
_HARMLESS = ("Load", "RandomFlip", "Pack", "Collect", "DefaultFormatBundle", "ImageToTensor")
"""Beginnings of the types of steps that leave the image as it is."""
_RESIZING = {
    "backend": ("cv2",),
    "interpolation": ("bilinear",),
    "keep_ratio": (True, False),
    "ratio_range": (None,),
}
_SUPPORTED: dict[str, dict[str, tuple[Any, ...]]] = {
    "LoadImageFromFile": {
        "color_type": ("color", "color_ignore_orientation"),
        "channel_order": ("bgr",),
    },
    "Resize": _RESIZING,
    "FixScaleResize": _RESIZING,
    "MultiScaleFlipAug": {"flip": (False,)},
    "Normalize": {"to_rgb": (True, False)},
    "Pad": {
        "size": (None,),
        "size_divisor": (32,),
        "pad_to_square": (False,),
        "pad_val": (0, (0, 0, 0)),
        "padding_mode": ("constant",),
    },
}
"""Values of steps, by their types."""


def read_pipeline(config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], bool]:
    """Return the sizes and the normalisation of the test pipeline, and whether it is in BGR."""
    place = next((p for p in _PIPELINES if at(config, p) not in (ABSENT, None)), _PIPELINES[-1])
    sizes: set[Any] = set()
    normalisation: dict[str, Any] = {}
    bgr = False
    for step in _steps(place, at(config, place)):
        kind = _check_step(place, step)
        if kind in _RESIZE and not step.get("keep_ratio", "scale" not in step):
            raise unsupported(f"{place} {kind}.keep_ratio", False, "True")
        if kind in (*_RESIZE, "MultiScaleFlipAug"):
            sizes |= _scales(place, step)
        elif kind == "Normalize":
            normalisation = read_normalisation(f"{place} {kind}", step)
            bgr = not step.get("to_rgb", True)
    if len(sizes) > 1:
        raise unsupported(f"{place} Resize.scale", tuple(sizes), "one size")
    if not normalisation and isinstance(at(config, "img_norm_cfg"), Mapping):
        norm = config["img_norm_cfg"]
        normalisation = read_normalisation("img_norm_cfg", norm)
        bgr = not norm.get("to_rgb", True)
    size = next(iter(sizes), None)
    return (
        {} if size is None else {"short_side": min(size), "long_side": max(size)},
        normalisation,
        bgr,
    )


def read_normalisation(place: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return mean and standard deviation, which come together."""
    found = {name: values.get(name) for name in ("mean", "std")}
    for name, value in found.items():
        if not isinstance(value, tuple):
            raise unsupported(f"{place}.{name}", value, "a list of three numbers")
    return found


def _steps(place: str, pipeline: Any) -> Iterator[Mapping[str, Any]]:
    if pipeline is UNREADABLE:
        raise unsupported(place, pipeline, "a list of steps")
    for step in pipeline if isinstance(pipeline, tuple) else ():
        if not isinstance(step, Mapping):
            raise unsupported(f"{place} step", step, "a dict")
        yield step
        yield from _steps(place, step.get("transforms"))


def _check_step(place: str, step: Mapping[str, Any]) -> str:
    """Return the type of a step, whose values are those that are supported."""
    kind = str(step.get("type")).rpartition(".")[2]
    if kind not in _SUPPORTED and not kind.startswith(_HARMLESS):
        raise unsupported(f"{place} step", kind, "Resize, Normalize and Pad")
    for name, allowed in _SUPPORTED.get(kind, {}).items():
        value = step.get(name, allowed[0])
        if name == "pad_val" and isinstance(value, Mapping):
            value = value.get("img", 0)
        if value not in allowed:
            raise unsupported(f"{place} {kind}.{name}", value, " or ".join(map(str, allowed)))
    return kind


def _scales(place: str, step: Mapping[str, Any]) -> set[tuple[int, int]]:
    """Return the sizes that a step resizes images to."""
    if step.get("scale_factor") is not None:
        raise unsupported(f"{place} Resize.scale_factor", step["scale_factor"], "scale")
    value = step.get("scale", step.get("img_scale"))
    if value is None:
        return set()
    several = isinstance(value, tuple) and all(isinstance(size, tuple) for size in value)
    values = value if several else (value,)
    for size in values:
        if not (isinstance(size, tuple) and [type(side) for side in size] == [int, int]):
            raise unsupported(f"{place} Resize.scale", size, "two integers")
    return set(values)
