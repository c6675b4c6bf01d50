"""A small set in Cityscapes' own layout, made from two photographs of the shared COCO images."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from refinemask.data.open import open_dataset

LABEL_IDS = {"person": 24, "car": 26, "truck": 27, "bus": 28, "motorcycle": 32, "bicycle": 33}
"""Cityscapes' ids of the classes that COCO has too, for those in the photographs."""
ROAD, CARAVAN = 7, 29


@dataclass(frozen=True)
class Frame:
    """One image: `stem` as Cityscapes calls it, the photograph, and its instance map."""

    city: str
    stem: str
    image: np.ndarray
    instance_map: np.ndarray


def make_frames(shared):
    """Return two frames, with people and vehicles, and at least one group of people."""
    dataset = open_dataset(
        str(shared / "data/coco_mini/annotations/instances_val2017.json"), list(LABEL_IDS)
    )
    truth = dataset.ground_truth
    names = {c["id"]: c["name"] for c in truth["categories"]}
    kinds: dict[Any, set[tuple[str, int]]] = {id_: set() for id_ in dataset.image_ids}
    for a in truth["annotations"]:
        kinds[a["image_id"]].add((names[a["category_id"]], a["iscrowd"]))
    busy = sorted(kinds, key=lambda id_: (("person", 1) not in kinds[id_], -len(kinds[id_])))[:2]
    frames = []
    for number, (city, id_) in enumerate(zip(("ulm", "aachen"), busy, strict=True)):
        image = dataset.load_image(dataset.image_ids.index(id_))
        instance_map = np.full(image.shape[:2], ROAD, np.uint16)
        instance_map[:8, :8] = CARAVAN * 1000  # has instances, but is not evaluated
        counts = dict.fromkeys(LABEL_IDS, 0)
        found = [a for a in truth["annotations"] if a["image_id"] == id_]
        for a in sorted(found, key=lambda a: (not a["iscrowd"], -a["area"])):
            name = names[a["category_id"]]
            mask = to_bitmap(a["segmentation"], image.shape[:2])
            value = LABEL_IDS[name] if a["iscrowd"] else LABEL_IDS[name] * 1000 + counts[name]
            counts[name] += not a["iscrowd"]
            instance_map[mask] = value
        frames.append(Frame(city, f"{city}_00000{number}_000019", image, instance_map))
    return frames


def to_bitmap(segmentation, size):
    if isinstance(segmentation, dict) and isinstance(segmentation["counts"], str):
        return coco_mask.decode(segmentation) > 0
    encoded = coco_mask.frPyObjects(segmentation, *size)
    rle = coco_mask.merge(encoded) if isinstance(encoded, list) else encoded
    return coco_mask.decode(rle) > 0


def write_download(frames, root, split="train"):
    """Write what the download has of a split, and return the folder of its maps."""
    for frame in frames:
        photos = root / "leftImg8bit" / split / frame.city
        maps = root / "gtFine" / split / frame.city
        photos.mkdir(parents=True)
        maps.mkdir(parents=True)
        image = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(photos / f"{frame.stem}_leftImg8bit.png"), image)
        cv2.imwrite(str(maps / f"{frame.stem}_gtFine_instanceIds.png"), frame.instance_map)
        (maps / f"{frame.stem}_gtFine_polygons.json").write_text("{}")
        label_ids = np.where(
            frame.instance_map < 1000, frame.instance_map, frame.instance_map // 1000
        )
        cv2.imwrite(str(maps / f"{frame.stem}_gtFine_labelIds.png"), label_ids.astype(np.uint8))
    return root / "gtFine" / split


def as_mmdetection(frames):
    """Return the file that mmdetection's converter writes of these frames."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, frame in enumerate(sorted(frames, key=lambda frame: frame.city)):
        height, width = frame.instance_map.shape
        images.append(
            {
                "file_name": f"{frame.city}/{frame.stem}_leftImg8bit.png",
                "height": height,
                "width": width,
                "segm_file": f"{frame.city}/{frame.stem}_gtFine_labelIds.png",
                "id": number,
            }
        )
        for value in np.unique(frame.instance_map).tolist():
            label = value // 1000 if value >= 1000 else value
            if label not in LABEL_IDS.values():
                continue
            rle = coco_mask.encode(np.asfortranarray(frame.instance_map == value, np.uint8))
            annotations.append(
                {
                    "iscrowd": int(value < 1000),
                    "category_id": label,
                    "bbox": coco_mask.toBbox(rle).tolist(),
                    "area": int(coco_mask.area(rle)),
                    "segmentation": rle | {"counts": rle["counts"].decode()},
                    "image_id": number,
                    "id": len(annotations),
                }
            )
    names = [*["person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle"]]
    ids = (24, 25, 26, 27, 28, 31, 32, 33)
    categories = [{"id": id_, "name": name} for id_, name in zip(ids, names, strict=True)]
    return {"images": images, "annotations": annotations, "categories": categories}


def as_detectron(frames):
    """Return the file that Detectron's converter writes: polygons, ids by order of appearance."""
    names = {id_: name for name, id_ in LABEL_IDS.items()}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    categories: dict[str, int] = {}
    for number, frame in enumerate(frames):
        height, width = frame.instance_map.shape
        images.append(
            {
                "width": width,
                "height": height,
                "id": number,
                "seg_file_name": f"{frame.stem}_gtFine_instanceIds.png",
                "file_name": f"{frame.stem}_leftImg8bit.png",
            }
        )
        for value in np.unique(frame.instance_map)[::-1].tolist():
            if value < 1000 or value // 1000 not in names:
                continue
            region = (frame.instance_map == value).astype(np.uint8)
            contours, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            polygons = [c.ravel().tolist() for c in contours if len(c) > 2]
            if not polygons:
                continue
            category = categories.setdefault(names[value // 1000], len(categories) + 1)
            x, y, w, h = cv2.boundingRect(region)
            annotations.append(
                {
                    "id": len(annotations),
                    "image_id": number,
                    "segmentation": polygons,
                    "category_id": category,
                    "iscrowd": 0,
                    "area": int(region.sum()),
                    "bbox": [x, y, w, h],
                }
            )
    return {
        "images": images,
        "categories": [{"id": id_, "name": name} for name, id_ in categories.items()],
        "annotations": annotations,
    }


def write_json(content, path: Path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return str(path)
