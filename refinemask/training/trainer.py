"""The training loop."""

import dataclasses
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from refinemask.checkpoints import load_model, save_checkpoint
from refinemask.config import ModelConfig
from refinemask.data.batches import Batch, Batches, Target
from refinemask.data.dataset import InstanceDataset, open_dataset
from refinemask.data.transforms import TrainTransform
from refinemask.errors import RefineMaskError
from refinemask.evaluation import evaluate
from refinemask.files import make_folder
from refinemask.models import Detector, build_model
from refinemask.models.detector import normalise
from refinemask.models.efficientnet_lite import EfficientNetLite
from refinemask.presets import preset
from refinemask.training.assignment import random_choice
from refinemask.training.initialise import calibrate, initialise, initialise_mask_head
from refinemask.training.interruption import uninterrupted
from refinemask.training.losses import Losses, SamplingOptions, detector_losses
from refinemask.training.metrics import MetricsLog
from refinemask.training.options import TrainOptions
from refinemask.training.state import load_state, read_config, save_state
from refinemask.training.transfer import describe, for_classes

logger = logging.getLogger(__name__)

Report = Callable[[int, int, dict[str, float]], None]
"""Called after every iteration with its number, the number of iterations and the losses."""

CHECKPOINT = "model.safetensors"
STATE = "state.safetensors"
METRICS = "metrics.jsonl"


def train(options: TrainOptions, report: Report | None = None) -> Path:
    """Train a detector and return the path of its checkpoint.

    An interruption (KeyboardInterrupt) saves the run before it is raised again, so that the same
    options with `resume` continue it exactly.

    Raises:
        RefineMaskError: data, checkpoint or options do not fit together, or a loss is not finite.
    """
    if not options.resume and any((options.output / name).exists() for name in (CHECKPOINT, STATE)):
        raise RefineMaskError(
            f"{options.output} holds a run already; --resume it or choose another"
        )
    make_folder(options.output)
    run = _Run(options)
    try:
        if run.at_end_of_epoch:  # resumed: the evaluation may have been interrupted
            run.validate()
        for batch in run.batches():
            losses = run.step(batch)
            if report:
                report(run.completed, run.total, losses)
            if run.at_end_of_epoch:
                run.save()
                run.validate()
    except KeyboardInterrupt:
        run.save()
        raise
    return options.output / CHECKPOINT


class _Run:
    """Everything that one run carries through its iterations."""

    def __init__(self, options: TrainOptions) -> None:
        self.options = options
        self.device = torch.device(options.device)
        torch.manual_seed(options.seed)
        first = open_dataset(options.datasets[0], options.classes)
        classes = first.class_names
        others = [open_dataset(spec, classes) for spec in options.datasets[1:]]
        datasets = [dataset.for_training() for dataset in (first, *others)]
        self.validation = {spec: open_dataset(spec, classes) for spec in options.validation}
        model, self.reinitialised = _build(options, datasets[0])
        self.model = model.to(self.device)
        self.model = self.model.to(memory_format=torch.channels_last)
        sizes = self.model.config.input
        transform = TrainTransform(
            options.short_sides or (sizes.short_side,),
            options.long_side or sizes.long_side,
            color_jitter=options.color_jitter,
        )
        canvas = (options.canvas, options.canvas) if options.canvas else None
        self.data = Batches(datasets, options.batch_size, options.seed, transform, canvas)
        self.epoch_length = self.data.iterations_per_epoch
        self.total = options.iterations or options.epochs * self.epoch_length
        self.sampling = SamplingOptions(rois=options.rois, mask_rois=options.mask_rois)
        if options.init is None and not options.resume:
            self._initialise()
        self.optimizer = _optimizer(self.model, options)
        self.completed = self._resume() if options.resume else 0
        self.log = MetricsLog(options.output / METRICS, self.completed)
        if self.reinitialised and not options.resume:
            self.log.write({"iteration": 0, "reinitialised": self.reinitialised})

    def _initialise(self) -> None:
        initialise(self.model)
        if isinstance(self.model.backbone, EfficientNetLite):
            calibrate(self.model, self._images(self.data[0]))

    def _resume(self) -> int:
        progress = load_state(self.options.output / STATE, self.model, self.optimizer)
        self.options.check_continues(progress["options"])
        self.reinitialised = tuple(progress.get("reinitialised", ()))
        return int(progress["iteration"])

    def _images(self, batch: Batch) -> torch.Tensor:
        images = batch.images.to(self.device)
        sizes = batch.image_sizes.to(self.device)
        x = normalise(images, sizes, self.model.config.input)
        return x.contiguous(memory_format=torch.channels_last)

    @property
    def at_end_of_epoch(self) -> bool:
        whole = self.completed % self.epoch_length == 0 or self.completed == self.total
        return whole and self.completed > 0

    def batches(self) -> Iterator[Batch]:
        loader = DataLoader(
            self.data,
            batch_size=None,
            sampler=range(self.completed, self.total),
            num_workers=self.options.workers,
        )
        return iter(loader)

    def step(self, batch: Batch) -> dict[str, float]:
        options = self.options
        self.model.train()
        factor = options.rate_at(self.completed, self.total)
        for group in self.optimizer.param_groups:
            group["lr"] = group["base_lr"] * factor
        losses = self._losses(batch)
        total = torch.stack(list(losses.values())).sum()
        values = {name: loss.item() for name, loss in losses.items()} | {"total": total.item()}
        if not torch.isfinite(total):
            raise RefineMaskError(
                f"the loss is not finite at iteration {self.completed + 1} ({values}); "
                "lower --learning-rate or lengthen --warm-up"
            )
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        trained = [p for group in self.optimizer.param_groups for p in group["params"]]
        norm = torch.nn.utils.clip_grad_norm_(trained, options.clip_norm)
        line = {"lr": options.base_learning_rate * factor, "grad_norm": norm.item()} | values
        with uninterrupted():
            self.optimizer.step()
            self.completed += 1
            self.log.write({"iteration": self.completed} | line)
        return values

    def _losses(self, batch: Batch) -> Losses:
        generator = torch.Generator().manual_seed(self.options.seed * 1_000_003 + self.completed)
        return detector_losses(
            self.model,
            self._images(batch),
            batch.image_sizes.to(self.device),
            [_to(target, self.device) for target in batch.targets],
            self.sampling,
            random_choice(generator),
            masks_only=self.options.freeze_detector,
        )

    def save(self) -> None:
        progress = {
            "iteration": self.completed,
            "options": self.options.to_dict(),
            "reinitialised": self.reinitialised,
        }
        save_checkpoint(self.model, self.options.output / CHECKPOINT, training=progress)
        state = self.options.output / STATE
        save_state(state, self.model, self.model.config, self.optimizer, progress)

    def validate(self) -> None:
        epoch, last = self.completed // self.epoch_length, self.completed == self.total
        if not last and epoch % self.options.evaluate_every:
            return
        self.model.eval()
        for name, dataset in self.validation.items():
            results = evaluate(self.model, dataset)
            self.log.write({"iteration": self.completed, "validation": name} | results)


def _build(options: TrainOptions, dataset: InstanceDataset) -> tuple[Detector, tuple[str, ...]]:
    """Return the model and the names of the tensors of `init` that other classes replaced."""
    if options.resume:
        return build_model(read_config(options.output / STATE)), ()
    if options.init is None:
        assert options.preset is not None
        return build_model(_for_data(preset(options.preset), dataset)), ()
    model = load_model(options.init, bn_eps=options.bn_eps)
    if options.reset_mask_head:
        model = _with_new_mask_head(model, options.preset)
    if model.class_names == dataset.class_names:
        return model, ()
    difference = (
        f"{options.init} knows {describe(model.class_names)}, "
        f"the data set {describe(dataset.class_names)}"
    )
    if options.freeze_detector:
        raise RefineMaskError(
            f"{difference}; a frozen detector needs the same ones: select them with --classes"
        )
    model, reset = for_classes(model, dataset.class_names, dataset.category_ids)
    logger.warning("%s; initialised again: %s", difference, ", ".join(reset))
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
            bn_eps=model.config.bn_eps,
            conventions=model.config.conventions,
        )
    )
    kept, wanted = _detector_tensors(model), _detector_tensors(changed)
    if {k: v.shape for k, v in kept.items()} != {k: v.shape for k, v in wanted.items()}:
        raise RefineMaskError(
            f"the detector of a {model.config.preset} does not fit --preset {preset_name}; "
            "choose a preset with the same trunk"
        )
    changed.load_state_dict(kept, strict=False)
    initialise_mask_head(changed)
    return changed


def _detector_tensors(model: Detector) -> dict[str, torch.Tensor]:
    return {k: v for k, v in model.state_dict().items() if ".mask_head." not in k}


def _for_data(config: ModelConfig, dataset: InstanceDataset) -> ModelConfig:
    return config.with_classes(dataset.class_names, dataset.category_ids)


def _optimizer(model: Detector, options: TrainOptions) -> torch.optim.Optimizer:
    if options.freeze_detector:
        for part in (model.backbone, model.neck, model.rpn_head, model.roi_head.bbox_head):
            part.requires_grad_(False)
    trunk = [p for p in model.backbone.parameters() if p.requires_grad]
    in_trunk = {id(p) for p in trunk}
    rest = [p for p in model.parameters() if p.requires_grad and id(p) not in in_trunk]
    rate = options.base_learning_rate
    groups = [{"params": rest, "lr": rate, "base_lr": rate}]
    if trunk:
        trunk_rate = rate * options.backbone_factor
        groups.append({"params": trunk, "lr": trunk_rate, "base_lr": trunk_rate})
    if options.optimizer == "adamw":
        return torch.optim.AdamW(groups, weight_decay=options.weight_decay)
    return torch.optim.SGD(groups, momentum=0.9, weight_decay=options.weight_decay)


def _to(target: Target, device: torch.device) -> Target:
    return dataclasses.replace(
        target, boxes=target.boxes.to(device), labels=target.labels.to(device)
    )
