"""What is used of a dataset, and what is left out and why: one account for every command."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from refinemask.printable import counted, listed, one_line

CROWD = "crowds"
IGNORED = "marked `ignore`"
NO_MASK = "boxes without a mask"
EMPTY_MASK = "masks without a pixel or three points"
SMALL_BOX = "boxes smaller than 1 pixel"
NO_AREA = "areas of 0"
OUTSIDE = "boxes outside the image"
INVISIBLE = "boxes whose part in the image has no width or height"
IMAGE_LEFT_OUT = "in images that are left out"

NO_INSTANCES = "without annotations"
NOTHING_USABLE = "without usable instances"
SMALL_IMAGE = "too small"

_MANY_CROWDS = 0.1
"""A share of crowds that says that they are single objects; in COCO it is 0.01."""
_SHOWN = 10
"""Names of classes that are listed in full."""


@dataclass(frozen=True)
class LeftOut:
    """How many were left out for one reason, and the id of one of them."""

    count: int
    example: int | str


@dataclass(frozen=True)
class DatasetSummary:
    """What of a dataset is used.

    Attributes:
        name: how the dataset is called.
        images: number of images that are used.
        all_images: number of those that are there.
        instances: number of instances that are used.
        all_instances: number of those that are there, of the chosen classes, crowds included.
        images_left_out: by the reason.
        instances_left_out: by the reason.
        unused_classes: names of the classes without an instance that is used.
    """

    name: str
    images: int
    all_images: int
    instances: int
    all_instances: int
    images_left_out: Mapping[str, LeftOut]
    instances_left_out: Mapping[str, LeftOut]
    unused_classes: tuple[str, ...]

    def __str__(self) -> str:
        """Return a line about what is used, and lines about what is not."""
        lines = [
            f"{one_line(self.name)}: {self.images} of {counted(self.all_images, 'image')}, "
            f"{self.instances} of {counted(self.all_instances, 'instance')}"
        ]
        if self.images_left_out:
            lines.append(f"left out images, {_reasons(self.images_left_out, 'image')}")
        if self.instances_left_out:
            lines.append(f"left out instances, {_reasons(self.instances_left_out, 'annotation')}")
        if self.unused_classes:
            lines.append(f"classes without instances: {listed(self.unused_classes, _SHOWN)}")
        return "\n  ".join([*lines, *self._hints()])

    @property
    def reasons(self) -> str:
        """Why nothing is left, in one line."""
        reasons = []
        if self.images_left_out:
            reasons.append(f"images, {_reasons(self.images_left_out, 'image')}")
        if self.instances_left_out:
            reasons.append(f"instances, {_reasons(self.instances_left_out, 'annotation')}")
        if not self.all_instances:
            reasons.append("no annotations of its classes")
        return "; ".join([*reasons, *self._hints()])

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return asdict(self) | {"unused_classes": list(self.unused_classes)}

    def _hints(self) -> list[str]:
        crowds = self.instances_left_out.get(CROWD)
        if crowds is None or crowds.count < _MANY_CROWDS * self.all_instances:
            return []
        return [
            "crowds (`iscrowd` 1) are neither trained on nor measured: if they are single objects, "
            "as masks are that were drawn with a brush in CVAT, set `iscrowd` to 0"
        ]


@dataclass
class Tally:
    """Counts what is used and what is left out while a dataset is gone through."""

    images: int = 0
    instances: Counter[str] = field(default_factory=Counter)
    images_left_out: dict[str, LeftOut] = field(default_factory=dict)
    instances_left_out: dict[str, LeftOut] = field(default_factory=dict)

    def leave_out_image(self, reason: str, id_: int | str) -> None:
        """Count an image that is not used."""
        _add(self.images_left_out, reason, id_)

    def leave_out_instance(self, reason: str, id_: int | str) -> None:
        """Count an instance that is not used."""
        _add(self.instances_left_out, reason, id_)

    def summary(self, name: str, class_names: Iterable[str]) -> DatasetSummary:
        """Return the account; instances are counted by the names of their classes."""
        instances = self.instances.total()
        return DatasetSummary(
            name,
            self.images,
            self.images + _total(self.images_left_out),
            instances,
            instances + _total(self.instances_left_out),
            self.images_left_out,
            self.instances_left_out,
            tuple(class_name for class_name in class_names if not self.instances[class_name]),
        )


def summarise_evaluation(
    name: str, ground_truth: Mapping[str, Any], image_ids: Sequence[int | str]
) -> DatasetSummary:
    """Return what an evaluation on some images of a dataset measures.

    Args:
        name: how the dataset is called.
        ground_truth: a COCO dataset with the classes that are measured.
        image_ids: of the images.
    """
    tally = Tally(images=len(image_ids))
    chosen = set(image_ids)
    names = {category["id"]: category["name"] for category in ground_truth["categories"]}
    for annotation in ground_truth["annotations"]:
        if annotation["image_id"] not in chosen:
            continue
        if annotation.get("iscrowd"):
            tally.leave_out_instance(CROWD, annotation["id"])
        else:
            tally.instances[names[annotation["category_id"]]] += 1
    return tally.summary(name, names.values())


def _add(left_out: dict[str, LeftOut], reason: str, id_: int | str) -> None:
    before = left_out.get(reason)
    left_out[reason] = (
        LeftOut(1, id_) if before is None else LeftOut(before.count + 1, before.example)
    )


def _total(left_out: Mapping[str, LeftOut]) -> int:
    return sum(one.count for one in left_out.values())


def _reasons(left_out: Mapping[str, LeftOut], noun: str) -> str:
    counts = (f"{reason}: {one.count} ({_such_as(one, noun)})" for reason, one in left_out.items())
    return ", ".join(counts)


def _such_as(left_out: LeftOut, noun: str) -> str:
    return f"{'' if left_out.count == 1 else 'such as '}{noun} {one_line(str(left_out.example))}"
