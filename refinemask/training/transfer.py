"""Start from a detector of other classes."""

import torch

from refinemask.configs.config import ModelConfig
from refinemask.models import Detector, build_model
from refinemask.training.initialise import initialise_box_outputs, initialise_mask_head


def for_classes(
    model: Detector, class_names: tuple[str, ...], category_ids: tuple[int, ...]
) -> tuple[Detector, tuple[str, ...]]:
    """Return a detector of other classes with the weights of `model` wherever they fit.

    All tensors whose shape depends on the number of classes get their random start (numerics 11),
    also the rows of classes that both lists have, and also where the numbers are equal.

    Returns:
        The new detector and the names of the tensors that were initialised again.
    """
    changed = build_model(model.config.with_classes(class_names, category_ids))
    initialise_box_outputs(changed)
    initialise_mask_head(changed)
    reset = class_tensors(model.config)
    kept = {name: value for name, value in model.state_dict().items() if name not in reset}
    changed.load_state_dict(kept, strict=False)
    return changed, reset


def class_summary(class_names: tuple[str, ...]) -> str:
    """Return how many classes there are, and the first of them."""
    dots = ", ..." if len(class_names) > 3 else ""
    noun = "class" if len(class_names) == 1 else "classes"
    return f"{len(class_names)} {noun} ({', '.join(class_names[:3])}{dots})"


def class_tensors(config: ModelConfig) -> tuple[str, ...]:
    """Return the names of the tensors whose shape depends on the number of classes."""
    more = config.with_classes((*config.class_names, "another"))
    with torch.device("meta"):
        shapes, others = (
            {name: tensor.shape for name, tensor in build_model(one).state_dict().items()}
            for one in (config, more)
        )
    return tuple(name for name, shape in shapes.items() if others[name] != shape)
