"""Recognise annotation files of other formats, to say what they are."""

from collections.abc import Mapping
from typing import Any


def wrong_kind(content: Any) -> str | None:
    """Say what else a file holds and what to give instead; None if it may hold instances.

    Args:
        content: the parsed JSON.

    Returns:
        A clause that goes after "FILE ": "holds captions; give ...".
    """
    if isinstance(content, list):
        return _wrong_list(content)
    if not isinstance(content, Mapping):
        return f"is of type {type(content).__name__} at its top level, not an object; {_NEEDED}"
    if {"imgHeight", "objects"} <= content.keys():
        return "holds the polygons of one Cityscapes image; give the folder: ROOT/gtFine/SPLIT"
    if {"shapes", "imagePath"} <= content.keys():
        return "holds one LabelMe image; give the folder with the files of all images"
    if "videos" in content:
        return f"holds the objects of videos; {_NEEDED}"
    annotations = content.get("annotations")
    if annotations is None and isinstance(content.get("images"), list):
        return (
            "lists images without `annotations`, as for a test set; give a file with annotations, "
            "or run `refinemask predict --dataset` on it"
        )
    if isinstance(annotations, list) and annotations and isinstance(annotations[0], Mapping):
        return _wrong_annotation(annotations[0])
    return None


_NEEDED = (
    "an object with `images`, `annotations` and `categories` is expected, such as "
    "instances_val2017.json"
)


def _wrong_list(content: list[Any]) -> str:
    first = content[0] if content else None
    if isinstance(first, Mapping) and {"image_id", "score"} <= first.keys():
        return f"holds results (detections with scores), not annotations; {_NEEDED}"
    return f"has a list at its top level; {_NEEDED}"


def _wrong_annotation(annotation: Mapping[str, Any]) -> str | None:
    if "segments_info" in annotation:
        return (
            "holds a panoptic annotation, whose masks are in PNG files; give the instance "
            "annotations of the same images (instances_*.json)"
        )
    if "caption" in annotation:
        return "holds captions; give the instance annotations of the same images (instances_*.json)"
    if "segmentation" in annotation:
        return None
    if "keypoints" in annotation:
        return "holds keypoints without masks; give instance annotations (instances_*.json)"
    if "bbox" in annotation:
        return (
            "holds boxes without masks: `annotations[0]` lacks `segmentation`; give annotations "
            "with polygons or run-length encodings"
        )
    return None
