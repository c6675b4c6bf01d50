"""The training loop."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from refinemask.checkpoints import save_checkpoint
from refinemask.data.batches import Batch, Batches
from refinemask.data.common_classes import open_for_training, open_in_common
from refinemask.data.open import open_dataset
from refinemask.errors import RefineMaskError
from refinemask.evaluation import evaluate
from refinemask.evaluation.measure import check_masks, summarise
from refinemask.files import check_writable
from refinemask.models import Detector
from refinemask.models.efficientnet_lite import EfficientNetLite
from refinemask.training.assignment import random_choice
from refinemask.training.average import averaged
from refinemask.training.backbone_weights import IMAGENET
from refinemask.training.batch_losses import BatchLosses, network_input, parallel
from refinemask.training.distributed import World
from refinemask.training.image_check import check_images
from refinemask.training.initialise import calibrate, initialise
from refinemask.training.interruption import stop_requests, uninterrupted
from refinemask.training.metrics import MetricsLog
from refinemask.training.optimizer import Updates
from refinemask.training.options import TrainOptions
from refinemask.training.start import make_batches, starting_model, with_test_size
from refinemask.training.state import STATE, load_state, save_state

Report = Callable[[int, int, dict[str, float]], None]
"""Called after every iteration with its number, the number of iterations and the losses."""

CHECKPOINT = "model.safetensors"
METRICS = "metrics.jsonl"


def train(
    options: TrainOptions,
    report: Report | None = None,
    world: World | None = None,
    checked: Callable[[int, int], None] | None = None,
    announce: Callable[[str], None] | None = None,
) -> Path:
    """Train a detector and return the path of its checkpoint.

    Before it begins, every image is read once, so that none stops the run later.

    Whatever ends the run early, an interruption (KeyboardInterrupt) or an error, leaves a state
    that the same options with `resume` continue exactly; only a loss that is not finite leaves the
    last state from before.

    Args:
        options: what to train on what, and how.
        report: called after every iteration.
        world: the processes that train together, from `processes`; this one alone by default. All
            of them call this function, the first one writes and evaluates.
        checked: called after each image that was read beforehand, with the number done and of all.
        announce: called with a summary of the data, before the first iteration.

    Raises:
        RefineMaskError: data, checkpoint or options do not fit together, images cannot be read, or
            a loss is not finite.
    """
    if not options.resume and any((options.output / name).exists() for name in (CHECKPOINT, STATE)):
        raise RefineMaskError(
            f"{options.output} holds a run already; --resume it or choose another"
        )
    check_writable(options.output)
    world = world or World()
    run = _Run(options, world, checked)
    if announce is not None and (lines := run.describe_data()):
        announce(lines)
    with stop_requests(world.size > 1) as stopping:
        try:
            run.go(report, stopping)
        except BaseException:
            if run.intact and run.completed:
                run.save()
            raise
    return options.output / CHECKPOINT


class _Run:
    """Everything that one run carries through its iterations."""

    def __init__(
        self,
        options: TrainOptions,
        world: World,
        checked: Callable[[int, int], None] | None = None,
    ) -> None:
        self.options = options
        self.world = world
        self.device = torch.device(options.device)
        torch.manual_seed(options.seed)
        first = open_dataset(options.datasets[0], options.classes)
        classes = first.class_names
        others = [open_for_training(spec, classes) for spec in options.datasets[1:]]
        datasets = [d.for_training(options.keep_empty_images) for d in (first, *others)]
        self.summaries = [d.summary for d in datasets if d.summary is not None]
        self.validation = {spec: open_in_common(spec, classes) for spec in options.validation}
        for dataset in self.validation.values():
            check_masks(dataset, dataset.image_ids, set(dataset.category_ids))
        self.validated = [summarise(spec, dataset) for spec, dataset in self.validation.items()]
        self.images = [len(dataset) for dataset in datasets]
        if world.is_main:
            check_images((*datasets, *self.validation.values()), options.output, checked)
        model, self.reinitialised = starting_model(options, datasets[0])
        self.config = model.config
        """With the size that is trained at; that of the model has the size it predicts at."""
        model.config = with_test_size(self.config, options)
        self.model = model.to(self.device)
        self.model = self.model.to(memory_format=torch.channels_last)
        self.datasets = datasets
        batches = make_batches(options, datasets, self.config.input)
        self.data = batches.share(world.rank, world.size)
        self.epoch_length = batches.iterations_per_epoch
        self.total = options.length(self.epoch_length)
        if options.init is None and not options.resume and world.is_main:
            self._initialise(batches)
        self.updates = Updates(self.model, options)
        self.average: AveragedModel | None = None
        if options.ema is not None and world.is_main:
            self.average = averaged(self.model, options.ema)
        self.completed = self._resume() if options.resume else 0
        self.losses = parallel(BatchLosses(self.model, options), world)
        self.log = MetricsLog(options.output / METRICS, self.completed) if world.is_main else None
        self.intact = True
        """Whether the weights are those after `completed` iterations, and worth keeping."""
        if self.log and self.describe_data() and not options.resume:
            kinds = {"data": self.summaries, "validation_data": self.validated}
            data = {kind: [one.to_dict() for one in found] for kind, found in kinds.items()}
            self.log.write({"iteration": 0} | data)
        if self.log and self.reinitialised and not options.resume:
            self.log.write({"iteration": 0, "reinitialised": self.reinitialised})

    @property
    def result(self) -> Detector:
        """The model that is saved and evaluated: the average of the weights, or the last ones."""
        if self.average is None:
            return self.model
        model = self.average.module
        assert isinstance(model, Detector)
        return model

    def describe_data(self) -> str:
        """Say what is trained and validated on, and left out; nothing of data that is generated."""
        validated = (f"to validate: {summary}" for summary in self.validated)
        return "\n".join([*map(str, self.summaries), *validated])

    def _initialise(self, batches: Batches) -> None:
        """Give a new model its start; other processes get it from the first one."""
        initialise(self.model, self.options.backbone_weights or IMAGENET)
        if isinstance(self.model.backbone, EfficientNetLite):
            calibrate(self.model, network_input(self.model, batches[0]))

    def _resume(self) -> int:
        state, updates = self.options.output / STATE, self.updates
        progress = load_state(state, self.model, updates.optimizer, self.average)
        if progress.get("images", self.images) != self.images:
            raise RefineMaskError(
                f"--resume continues with the data of the run, {progress['images']} images of "
                f"--dataset, but found {self.images}; restore them or start a new run"
            )
        self.options.check_length(progress["options"], progress["iteration"], self.epoch_length)
        updates.scaler.load_state_dict(progress.get("scaler", {}))
        self.reinitialised = tuple(progress.get("reinitialised", ()))
        return int(progress["iteration"])

    def go(self, report: Report | None, stopping: Callable[[], bool]) -> None:
        """Train to the end.

        Raises:
            KeyboardInterrupt: any process was asked to stop.
        """
        if self.completed == self.total:  # resumed: the checkpoint may be gone
            self.save()
        if self.at_end_of_epoch:  # resumed: the evaluation may have been interrupted
            self.validate(stopping)
        for batch in self.batches():
            if self.world.any(stopping()):
                raise KeyboardInterrupt
            losses = self.step(batch)
            if report:
                report(self.completed, self.total, losses)
            if self.at_end_of_epoch:
                self.save()
                self.validate(stopping)

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
        try:
            yield from loader
        except RefineMaskError as error:  # from a worker it comes with the worker's traceback
            message = str(error).rpartition("RefineMaskError: ")[2].strip()
            raise RefineMaskError(message) from error

    def step(self, batch: Batch) -> dict[str, float]:
        self.model.train()
        rate = self.updates.set_rate(self.completed, self.total)
        choices = [random_choice(g) for g in self.data.choice_generators(self.completed)]
        losses = self.losses(batch, choices)
        mine = torch.stack(list(losses.values()))
        found = self.world.mean(mine.detach()).tolist()
        values = dict(zip(losses, found, strict=True)) | {"total": sum(found)}
        if not math.isfinite(values["total"]):
            self.intact = False
            images = ", ".join(
                str(self.datasets[which].image_path(image))
                for which, image in self.data.sources(self.completed)
            )
            raise RefineMaskError(
                f"the loss is not finite at iteration {self.completed + 1} ({values}), with the "
                f"images {images}; lower --learning-rate or lengthen --warm-up, or check the "
                "annotations of these images"
            )
        norm = self.updates.backward(mine.sum())
        line = {"lr": rate, "grad_norm": norm if math.isfinite(norm) else None} | values
        with uninterrupted():
            self.intact = False
            self.updates.apply()
            if self.average is not None:
                self.average.update_parameters(self.model)
            self.completed += 1
            self.intact = True
            if self.log:
                self.log.write({"iteration": self.completed} | line)
        return values

    def save(self) -> None:
        if self.world.is_main:
            with uninterrupted():
                self._save()

    def _save(self) -> None:
        progress = {
            "iteration": self.completed,
            "options": self.options.to_dict(),
            "reinitialised": self.reinitialised,
            "images": self.images,
        }
        if not all(bool(value.isfinite().all()) for value in self.model.parameters()):
            self.intact = False
            raise RefineMaskError(
                f"the weights are not finite after iteration {self.completed} and were not saved; "
                "lower --learning-rate or lengthen --warm-up"
            )
        state, scaler = self.options.output / STATE, self.updates.scaler.state_dict()
        resumable = progress | ({"scaler": scaler} if scaler else {})
        # The state first: a run that dies between the two continues from it.
        save_state(state, self.model, self.config, self.updates.optimizer, resumable, self.average)
        save_checkpoint(self.result, self.options.output / CHECKPOINT, training=progress)

    def validate(self, stopping: Callable[[], bool]) -> None:
        """Evaluate in the first process; the others wait for it at the next iteration."""
        epoch, last = self.completed // self.epoch_length, self.completed == self.total
        if self.log is None or (not last and epoch % self.options.evaluate_every):
            return

        def progress(done: int, total: int) -> None:
            if stopping():
                raise KeyboardInterrupt

        self.result.eval()
        for name, dataset in self.validation.items():
            results = evaluate(self.result, dataset, progress=progress)
            self.log.write({"iteration": self.completed, "validation": name} | results)
