"""Foreground segmentation by models of any kind.

The foreground of an instance model is the union of its detections; a semantic model predicts it.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from refinemask.benchmarks.figure1.deeplab import DeepLab, load_deeplab
from refinemask.checkpoints import load_model
from refinemask.checkpoints.load import records_bn_eps
from refinemask.configs.config import FCNMaskConfig
from refinemask.data.dataset import InstanceDataset
from refinemask.data.open import open_dataset
from refinemask.errors import RefineMaskError
from refinemask.evaluation.regions import Mask
from refinemask.inference.drawing import Image
from refinemask.models import Detector


@dataclass(frozen=True)
class Segmenter:
    """A model that separates foreground from background.

    Attributes:
        name: its name in the figure.
        source: its checkpoint or shipped name.
        kind: what it predicts.
        class_names: the classes it knows.
        foreground: maps uint8 RGB (H, W, 3) and the names of the foreground classes to bool (H, W).
    """

    name: str
    source: str
    kind: Literal["instance", "semantic"]
    class_names: tuple[str, ...]
    foreground: Callable[[Image, Sequence[str]], Mask]


def open_segmenters(
    models: Sequence[str],
    semantic: Path | None,
    score_threshold: float,
    device: str,
    bn_eps: float | None = None,
) -> list[Segmenter]:
    """Load the models of the figure: detectors in the order given, then DeepLabV3+ if any.

    Args:
        models: checkpoints of detectors, or names of shipped ones.
        semantic: a checkpoint of DeepLabV3+.
        score_threshold: detections with lower scores are background.
        device: where the models run.
        bn_eps: epsilon of the batch norms of those detectors whose checkpoints do not tell it.

    Raises:
        RefineMaskError: one cannot be loaded.
    """
    found = []
    for model in models:
        detector = load_model(model, device, None if records_bn_eps(model) else bn_eps)
        found.append(_instance(detector, model, score_threshold))
    if semantic is not None:
        found.append(_semantic(load_deeplab(semantic, device), str(semantic)))
    return _numbered(found)


def open_shared(spec: str, segmenters: Sequence[Segmenter]) -> InstanceDataset:
    """Open a dataset with the classes that every model knows.

    Raises:
        RefineMaskError: it cannot be opened, or has no such class.
    """
    dataset = open_dataset(spec)
    known = [set(segmenter.class_names) for segmenter in segmenters]
    shared = [name for name in dataset.class_names if all(name in names for names in known)]
    if not shared:
        listed = "; ".join(f"{s.name}: {', '.join(s.class_names[:5])}" for s in segmenters)
        raise RefineMaskError(
            f"the models and {spec} have no class in common ({listed}; the dataset: "
            f"{', '.join(dataset.class_names[:5])}); use data annotated with the models' classes"
        )
    return dataset if len(shared) == len(dataset.class_names) else open_dataset(spec, shared)


def _numbered(segmenters: Sequence[Segmenter]) -> list[Segmenter]:
    """Append a number to names that several models share."""
    uses = Counter(segmenter.name for segmenter in segmenters)
    seen: Counter[str] = Counter()
    named = []
    for segmenter in segmenters:
        seen[segmenter.name] += 1
        name = f"{segmenter.name} {seen[segmenter.name]}"
        shared = uses[segmenter.name] > 1
        named.append(dataclasses.replace(segmenter, name=name) if shared else segmenter)
    return named


def _instance(model: Detector, source: str, score_threshold: float) -> Segmenter:
    def foreground(image: Image, classes: Sequence[str]) -> Mask:
        found = model.predict(image, "bitmap", score_threshold)
        labels = [label for label, name in enumerate(model.class_names) if name in classes]
        masks = np.asarray(found.masks)[np.isin(found.labels, labels)]
        return np.logical_or.reduce(masks, axis=0)

    plain = isinstance(model.config.mask_head, FCNMaskConfig)
    name = "Mask R-CNN" if plain else "RefineMask"
    return Segmenter(name, source, "instance", model.class_names, foreground)


def _semantic(model: DeepLab, source: str) -> Segmenter:
    def foreground(image: Image, classes: Sequence[str]) -> Mask:
        if set(model.class_names) != set(classes):
            raise RefineMaskError(
                f"{source} was trained to find {', '.join(model.class_names)} together, but the "
                f"foreground here is {', '.join(classes)}; train it with --classes "
                f"{','.join(classes)}"
            )
        return model.foreground(image)

    return Segmenter("DeepLabV3+", source, "semantic", model.class_names, foreground)
