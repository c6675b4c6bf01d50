"""What a run starts from: a model for its classes and sizes, and batches of its data."""

import dataclasses
import logging
from collections.abc import Sequence

import numpy as np
import torch

from refinemask.checkpoints import load_model
from refinemask.configs.config import InputConfig, ModelConfig
from refinemask.configs.presets import preset
from refinemask.configs.settings import read_settings, with_settings
from refinemask.data.batches import Batches
from refinemask.data.dataset import InstanceDataset
from refinemask.data.repeat import class_balanced_factors
from refinemask.data.transforms import TrainTransform
from refinemask.errors import RefineMaskError
from refinemask.models import Detector, build_model
from refinemask.training.initialise import initialise_mask_head
from refinemask.training.options import TrainOptions
from refinemask.training.state import STATE, read_header
from refinemask.training.transfer import class_summary, for_classes

logger = logging.getLogger(__name__)


def make_batches(
    options: TrainOptions, datasets: Sequence[InstanceDataset], sizes: InputConfig
) -> Batches:
    """Return the batches of all datasets, images repeated as the options say.

    Args:
        options: of the run.
        datasets: ready for training.
        sizes: of the model's input, where the options give none.
    """
    transform = TrainTransform(
        options.short_sides or (sizes.short_side,),
        options.long_side or sizes.long_side,
        color_jitter=options.color_jitter,
        zoom=options.zoom,
    )
    factors = [np.full(len(dataset), float(options.repeat)) for dataset in datasets]
    if options.repeat_threshold is not None:
        for dataset, of_images in zip(datasets, factors, strict=True):
            of_images *= class_balanced_factors(dataset, options.repeat_threshold)
    canvas = (options.canvas, options.canvas) if options.canvas else None
    return Batches(datasets, options.batch_size, options.seed, transform, canvas, factors)


def starting_model(
    options: TrainOptions, dataset: InstanceDataset
) -> tuple[Detector, tuple[str, ...]]:
    """Return the model and the names of the tensors of `init` that other classes replaced.

    Raises:
        RefineMaskError: the classes of the run or of a frozen detector are not those of the data,
            a preset's mask head does not fit the detector, or a resumed run had other options.
    """
    if options.resume:
        config, progress = read_header(options.output / STATE)
        if config.class_names != dataset.class_names:
            raise RefineMaskError(
                f"--resume: the run has {class_summary(config.class_names)}, the data set "
                f"{class_summary(dataset.class_names)}; restore its data or start a new run"
            )
        options.check_continues(progress["options"])
        return build_model(config), ()
    settings = read_settings(options.settings)
    if options.init is None:
        assert options.preset is not None
        config = with_settings(preset(options.preset), settings)
        return build_model(config.with_classes(dataset.class_names, dataset.category_ids)), ()
    model = load_model(options.init, bn_eps=options.bn_eps, settings=settings)
    if options.reset_mask_head:
        model = _with_new_mask_head(model, options.preset)
    if model.class_names == dataset.class_names:
        return model, ()
    difference = (
        f"{options.init} has {class_summary(model.class_names)}, "
        f"the data set {class_summary(dataset.class_names)}"
    )
    fresh = [name for name in dataset.class_names if name not in model.class_names]
    if options.freeze_detector and fresh:
        raise RefineMaskError(
            f"{difference}; a frozen detector needs the same ones: select them with --classes"
        )
    model, reset = for_classes(model, dataset.class_names, dataset.category_ids)
    if fresh:
        new = class_summary(tuple(fresh))
        logger.warning("%s; initialised again for %s: %s", difference, new, ", ".join(reset))
    else:
        logger.warning("%s; each class keeps its weights", difference)
    return model, reset


def _with_new_mask_head(model: Detector, preset_name: str | None) -> Detector:
    if preset_name is None:
        initialise_mask_head(model)
        return model
    chosen = preset(preset_name)
    changed = build_model(
        dataclasses.replace(
            chosen,
            class_names=model.class_names,
            category_ids=model.category_ids,
            input=model.config.input,
            score_threshold=model.config.score_threshold,
            max_detections=model.config.max_detections,
            bn_eps=model.config.bn_eps,
            conventions=model.config.conventions,
        )
    )
    kept, wanted = _detector_tensors(model), _detector_tensors(changed)
    if {k: v.shape for k, v in kept.items()} != {k: v.shape for k, v in wanted.items()}:
        raise RefineMaskError(
            f"the detector of a {model.config.preset} does not fit --preset {preset_name}; "
            "choose a preset with the same backbone"
        )
    changed.load_state_dict(kept, strict=False)
    initialise_mask_head(changed)
    return changed


def with_test_size(config: ModelConfig, options: TrainOptions) -> ModelConfig:
    """Return a configuration that predicts at `test_size`, or the largest size trained at."""
    sizes = config.input
    long_side = options.long_side or sizes.long_side
    short_side = min(max(options.short_sides or (sizes.short_side,)), long_side)
    short_side, long_side = options.test_size or (short_side, long_side)
    sizes = dataclasses.replace(sizes, short_side=short_side, long_side=long_side)
    return dataclasses.replace(config, input=sizes)


def _detector_tensors(model: Detector) -> dict[str, torch.Tensor]:
    return {k: v for k, v in model.state_dict().items() if ".mask_head." not in k}
