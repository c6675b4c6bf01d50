"""AP*: a model with COCO's classes on LVIS annotations reduced to these classes.

LVIS outlines the same photographs more carefully than COCO, so it separates sharp masks from
coarse ones (Kirillov et al., "PointRend", CVPR 2020, Sec. 4.1). RefineMask reports AP* with LVIS
v0.5; the same works with v1, whose classes differ a little.
"""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinemask.configs.classes import COCO_CATEGORY_IDS, COCO_CLASSES
from refinemask.configs.protocols import EvaluationProtocol
from refinemask.data.dataset import EvaluationDataset
from refinemask.data.lvis import LISTS
from refinemask.errors import RefineMaskError

logger = logging.getLogger(__name__)

# fmt: off
SYNSETS: dict[str, str] = {
    "person": "person.n.01", "bicycle": "bicycle.n.01", "car": "car.n.01",
    "motorcycle": "motorcycle.n.01", "airplane": "airplane.n.01", "bus": "bus.n.01",
    "train": "train.n.01", "truck": "truck.n.01", "boat": "boat.n.01",
    "traffic light": "traffic_light.n.01", "fire hydrant": "fireplug.n.01",
    "stop sign": "stop_sign.n.01", "parking meter": "parking_meter.n.01", "bench": "bench.n.01",
    "bird": "bird.n.01", "cat": "cat.n.01", "dog": "dog.n.01", "horse": "horse.n.01",
    "sheep": "sheep.n.01", "cow": "beef.n.01", "elephant": "elephant.n.01", "bear": "bear.n.01",
    "zebra": "zebra.n.01", "giraffe": "giraffe.n.01", "backpack": "backpack.n.01",
    "umbrella": "umbrella.n.01", "handbag": "bag.n.04", "tie": "necktie.n.01",
    "suitcase": "bag.n.06", "frisbee": "frisbee.n.01", "skis": "ski.n.01",
    "snowboard": "snowboard.n.01", "sports ball": "ball.n.06", "kite": "kite.n.03",
    "baseball bat": "baseball_bat.n.01", "baseball glove": "baseball_glove.n.01",
    "skateboard": "skateboard.n.01", "surfboard": "surfboard.n.01",
    "tennis racket": "tennis_racket.n.01", "bottle": "bottle.n.01", "wine glass": "wineglass.n.01",
    "cup": "cup.n.01", "fork": "fork.n.01", "knife": "knife.n.01", "spoon": "spoon.n.01",
    "bowl": "bowl.n.03", "banana": "banana.n.02", "apple": "apple.n.01",
    "sandwich": "sandwich.n.01", "orange": "orange.n.01", "broccoli": "broccoli.n.01",
    "carrot": "carrot.n.01", "hot dog": "frank.n.02", "pizza": "pizza.n.01",
    "donut": "doughnut.n.02", "cake": "cake.n.03", "chair": "chair.n.01", "couch": "sofa.n.01",
    "potted plant": "pot.n.04", "bed": "bed.n.01", "dining table": "dining_table.n.01",
    "toilet": "toilet.n.02", "tv": "television_receiver.n.01", "laptop": "laptop.n.01",
    "mouse": "mouse.n.04", "remote": "remote_control.n.01", "keyboard": "computer_keyboard.n.01",
    "cell phone": "cellular_telephone.n.01", "microwave": "microwave.n.02", "oven": "oven.n.01",
    "toaster": "toaster.n.02", "sink": "sink.n.01", "refrigerator": "electric_refrigerator.n.01",
    "book": "book.n.01", "clock": "clock.n.01", "vase": "vase.n.01", "scissors": "scissors.n.01",
    "teddy bear": "teddy.n.01", "hair drier": "hand_blower.n.01",
    "toothbrush": "toothbrush.n.01",
}
# fmt: on
"""LVIS's synset of each class of COCO, in COCO's order. LVIS has no hot dogs, v0.5 no ovens."""


class LvisAsCoco:
    """An LVIS dataset with the classes of COCO, on COCO's validation images.

    Attributes:
        class_names: those classes of COCO that the file has, by COCO's names.
        category_ids: COCO's ids of them.
    """

    protocol: EvaluationProtocol = "lvis"

    def __init__(self, dataset: EvaluationDataset, classes: Sequence[str] | None = None) -> None:
        """Wrap a dataset; what it has from COCO's training images is left out, with a warning.

        Args:
            dataset: LVIS, with all of its classes.
            classes: COCO's names of the classes to keep; None keeps all.

        Raises:
            RefineMaskError: it is not an LVIS dataset, or nothing is left of it.
        """
        if dataset.protocol != "lvis":
            raise RefineMaskError(
                "--lvis-as-coco needs annotations of LVIS, but the dataset is in the form of "
                f"{dataset.protocol}; give a file such as lvis_v0.5_val.json"
            )
        self._dataset = dataset
        self.ground_truth = reduce_to_coco(dataset.ground_truth)
        kept = {image["id"] for image in self.ground_truth["images"]}
        self._indices = [i for i, image_id in enumerate(dataset.image_ids) if image_id in kept]
        left_out = len(dataset.image_ids) - len(self._indices)
        if left_out:
            logger.warning("left out %d of COCO's training images", left_out)
        if not self._indices:
            raise RefineMaskError(
                "the LVIS file has images of COCO's training set only, on which a COCO model is "
                "not measured; give its validation file"
            )
        found = {entry["name"]: entry["id"] for entry in self.ground_truth["categories"]}
        self.class_names = tuple(found if classes is None else dict.fromkeys(classes))
        unknown = [name for name in self.class_names if name not in found]
        if unknown:
            raise RefineMaskError(
                f"the LVIS file has no class of COCO called {unknown[0]!r}; it has "
                f"{', '.join(found)}"
            )
        self.category_ids = tuple(found[name] for name in self.class_names)

    @property
    def image_ids(self) -> tuple[int | str, ...]:
        """The ids of COCO's validation images."""
        return tuple(self._dataset.image_ids[index] for index in self._indices)

    def load_image(self, index: int) -> NDArray[np.uint8]:
        """Return an image as uint8 RGB (H, W, 3)."""
        return self._dataset.load_image(self._indices[index])


def reduce_to_coco(ground_truth: dict[str, Any]) -> dict[str, Any]:
    """Keep the annotations of LVIS that are of COCO's classes, under COCO's names and ids.

    Which classes an image was annotated for, exhaustively or not, is translated too; the frequency
    of a class stays that of LVIS. Images of COCO's training set are left out.

    Args:
        ground_truth: an LVIS dataset whose categories have their `synset`; not modified.

    Raises:
        RefineMaskError: a category has no synset, or none is one of COCO's.
    """
    coco = {
        SYNSETS[name]: (name, id_)
        for name, id_ in zip(COCO_CLASSES, COCO_CATEGORY_IDS, strict=True)
    }
    categories = ground_truth["categories"]
    lacking = [entry["name"] for entry in categories if not isinstance(entry.get("synset"), str)]
    if lacking:
        raise RefineMaskError(
            f"the category {lacking[0]!r} has no synset, by which LVIS's classes are matched with "
            "COCO's; give a file as LVIS published it"
        )
    matched = {
        e["id"]: coco[e["synset"]] for e in ground_truth["categories"] if e["synset"] in coco
    }
    if not matched:
        raise RefineMaskError("no category of the file has the synset of a class of COCO")
    images = [
        image | {key: [matched[id_][1] for id_ in image[key] if id_ in matched] for key in LISTS}
        for image in ground_truth["images"]
        if "/train2017/" not in (image.get("coco_url") or "")
    ]
    kept = {image["id"] for image in images}
    categories = [
        entry | {"name": matched[entry["id"]][0], "id": matched[entry["id"]][1]}
        for entry in ground_truth["categories"]
        if entry["id"] in matched
    ]
    return {
        "images": images,
        "annotations": [
            annotation | {"category_id": matched[annotation["category_id"]][1]}
            for annotation in ground_truth["annotations"]
            if annotation["category_id"] in matched and annotation["image_id"] in kept
        ],
        "categories": sorted(categories, key=lambda entry: entry["id"]),
    }
