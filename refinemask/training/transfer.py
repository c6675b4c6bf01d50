"""Start from a detector of other classes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from refinemask.configs.config import ModelConfig
from refinemask.models import Detector, build_model
from refinemask.training.initialise import initialise_box_outputs, initialise_mask_head


def for_classes(
    model: Detector, class_names: tuple[str, ...], category_ids: tuple[int, ...]
) -> tuple[Detector, tuple[str, ...]]:
    """Return a detector of other classes with the weights of `model` wherever they fit.

    Classes are matched by name: those that both lists have keep their rows of the tensors whose
    shape depends on the number of classes, and so does the background. The rows of other classes
    get their random start (numerics 11); all rows where no class is in common.

    Returns:
        The new detector and the names of the tensors with rows that were initialised again.
    """
    changed = build_model(model.config.with_classes(class_names, category_ids))
    initialise_box_outputs(changed)
    initialise_mask_head(changed)
    old_names = model.class_names
    common = [
        (new, old_names.index(name)) for new, name in enumerate(class_names) if name in old_names
    ]
    rows = rows_of_a_class(model.config)
    before, after = model.state_dict(), changed.state_dict()
    kept = {name: value for name, value in before.items() if name not in rows}
    if common:
        for name, count in rows.items():
            background = len(before[name]) - count * len(old_names)
            kept[name] = _with_rows(after[name], before[name], common, count, background)
    changed.load_state_dict(kept, strict=False)
    return changed, () if len(common) == len(class_names) else tuple(rows)


def _with_rows(
    fresh: Tensor, trained: Tensor, common: Sequence[tuple[int, int]], rows: int, background: int
) -> Tensor:
    """Put the rows of common classes, and those after all classes, in the place of fresh ones."""
    result = fresh.clone()
    for new, old in common:
        result[new * rows : (new + 1) * rows] = trained[old * rows : (old + 1) * rows]
    if background:
        result[-background:] = trained[-background:]
    return result


def class_summary(class_names: tuple[str, ...]) -> str:
    """Return how many classes there are, and the first of them."""
    dots = ", ..." if len(class_names) > 3 else ""
    noun = "class" if len(class_names) == 1 else "classes"
    return f"{len(class_names)} {noun} ({', '.join(class_names[:3])}{dots})"


def rows_of_a_class(config: ModelConfig) -> dict[str, int]:
    """Return how many rows each class has in the tensors that have rows of classes."""
    more = config.with_classes((*config.class_names, "another"))
    with torch.device("meta"):
        shapes, others = (
            {name: tensor.shape for name, tensor in build_model(one).state_dict().items()}
            for one in (config, more)
        )
    return {
        name: others[name][0] - shape[0] for name, shape in shapes.items() if others[name] != shape
    }
