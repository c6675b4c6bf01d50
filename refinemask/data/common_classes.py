"""Open datasets that go with training data: classes are matched by name, in every order."""

import copy
import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from refinemask.data.dataset import InstanceDataset, Sample
from refinemask.data.open import open_dataset
from refinemask.data.summary import DatasetSummary
from refinemask.errors import RefineMaskError
from refinemask.printable import listed

logger = logging.getLogger(__name__)


def open_in_common(spec: str, class_names: Sequence[str]) -> InstanceDataset:
    """Open a dataset with those of some classes that it has, in the order of these classes.

    A class that only one side has is left out, with a warning.

    Args:
        spec: as for `open_dataset`.
        class_names: the classes of the training data.

    Raises:
        RefineMaskError: as `open_dataset`, or there is no class in common.
    """
    dataset = open_dataset(spec)
    common = tuple(name for name in class_names if name in dataset.class_names)
    if not common:
        raise RefineMaskError(
            f"{spec} has no class in common with the training data: it has "
            f"{listed(dataset.class_names)}, the training data {listed(class_names)}; use a "
            "dataset annotated with the same classes"
        )
    lacking = [name for name in class_names if name not in common]
    unused = [name for name in dataset.class_names if name not in common]
    if lacking or unused:
        logger.warning(
            "%s: using the classes in common with the training data: %s%s%s",
            spec,
            listed(common),
            f"; it lacks {listed(lacking)}" if lacking else "",
            f"; left out: {listed(unused)}" if unused else "",
        )
    return dataset if common == dataset.class_names else dataset.with_classes(common)


def open_for_training(spec: str, class_names: Sequence[str]) -> InstanceDataset:
    """Open a dataset as `open_in_common`, with labels that are indices into `class_names`."""
    dataset = open_in_common(spec, class_names)
    if dataset.class_names == tuple(class_names):
        return dataset
    return _Relabelled(dataset, class_names)


class _Relabelled:
    """Training data with some of the classes, whose labels are indices into all of them."""

    def __init__(self, dataset: InstanceDataset, class_names: Sequence[str]) -> None:
        self._dataset = dataset
        self._labels = np.array([class_names.index(n) for n in dataset.class_names], np.int64)
        self.protocol = dataset.protocol
        self.class_names = dataset.class_names
        self.category_ids = dataset.category_ids

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> Sample:
        sample = self._dataset[index]
        return dataclasses.replace(sample, labels=self._labels[sample.labels])

    @property
    def image_ids(self) -> Sequence[int | str]:
        return self._dataset.image_ids

    @property
    def ground_truth(self) -> dict[str, Any]:
        return self._dataset.ground_truth

    @property
    def summary(self) -> DatasetSummary | None:
        return self._dataset.summary

    def image_labels(self, index: int) -> NDArray[np.int64]:
        return self._labels[self._dataset.image_labels(index)]

    def image_path(self, index: int) -> Path:
        return self._dataset.image_path(index)

    def image_size(self, index: int) -> tuple[int, int] | None:
        return self._dataset.image_size(index)

    def load_image(self, index: int) -> NDArray[np.uint8]:
        return self._dataset.load_image(index)

    def for_training(self, keep_empty: bool = False) -> Self:
        changed = copy.copy(self)
        changed._dataset = self._dataset.for_training(keep_empty)
        return changed

    def with_classes(self, class_names: Sequence[str]) -> Self:
        changed = copy.copy(self)
        changed._dataset = self._dataset.with_classes(class_names)
        return changed
