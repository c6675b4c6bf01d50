"""`refinemask train`: train a detector on data in COCO's format, or on embedded data."""

import re
from contextlib import nullcontext

import typer

from refinemask.cli import options
from refinemask.cli import train_options as given
from refinemask.cli.selection import torch_device
from refinemask.console import FAILED, INTERRUPTED, losses_bar, note


def train(
    dataset: given.Datasets,
    output: given.Output,
    preset: given.Preset = None,
    backbone_weights: given.BackboneWeights = None,
    init: given.Init = None,
    bn_eps: options.BnEps = None,
    resume: given.Resume = False,
    freeze_detector: given.FreezeDetector = False,
    reset_mask_head: given.ResetMaskHead = False,
    validation: given.Validation = None,
    classes: given.Classes = None,
    schedule: given.Schedule = None,
    epochs: given.Epochs = None,
    iterations: given.Iterations = None,
    steps: given.Steps = None,
    warm_up: given.WarmUp = None,
    optimizer: given.Optimizer = None,
    batch_size: given.BatchSize = None,
    learning_rate: given.LearningRate = None,
    backbone_factor: given.BackboneFactor = 1.0,
    weight_decay: given.WeightDecay = 1e-4,
    clip_norm: given.ClipNorm = 35.0,
    repeat: given.Repeat = None,
    repeat_threshold: given.RepeatThreshold = None,
    short_sides: given.ShortSides = None,
    long_side: given.LongSide = None,
    canvas: given.Canvas = None,
    color_jitter: given.ColorJitter = False,
    rois: given.RoIs = None,
    mask_rois: given.MaskRoIs = None,
    evaluate_every: given.EvaluateEvery = 1,
    precision: given.PrecisionName = "float32",
    seed: given.Seed = 0,
    workers: given.Workers = 0,
    device: options.Device = "auto",
) -> None:
    """Train a detector; Ctrl-C leaves a run that --resume continues exactly.

    Several processes share the batches, each with a GPU of its own or on the processor:
    torchrun --nproc-per-node N -m refinemask train ...
    """
    from refinemask.training import PeerFailed, processes, resolve, schedule_flags
    from refinemask.training import train as run

    # What a published schedule may decide is None where it was not given.
    chosen = {
        "output": output,
        "preset": preset,
        "backbone_weights": backbone_weights,
        "init": init,
        "bn_eps": bn_eps,
        "resume": resume,
        "freeze_detector": freeze_detector,
        "reset_mask_head": reset_mask_head,
        "datasets": tuple(dataset),
        "validation": tuple(validation or ()),
        "classes": classes and tuple(name.strip() for name in classes.split(",")),
        "epochs": epochs,
        "iterations": iterations,
        "steps": steps and _epochs(steps),
        "warm_up": warm_up,
        "optimizer": optimizer,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "backbone_factor": backbone_factor,
        "weight_decay": weight_decay,
        "clip_norm": clip_norm,
        "repeat": repeat,
        "repeat_threshold": repeat_threshold,
        "short_sides": short_sides and _lengths(short_sides),
        "long_side": long_side,
        "canvas": canvas,
        "color_jitter": color_jitter,
        "rois": rois,
        "mask_rois": mask_rois,
        "evaluate_every": evaluate_every,
        "precision": precision,
        "seed": seed,
        "workers": workers,
    }
    try:
        with processes() as world:
            place = torch_device(world.own_device(device))
            resolved = resolve(schedule, chosen | {"device": place})
            if world.leads:
                note(f"training with {schedule_flags(resolved)}")
            with losses_bar() if world.leads else nullcontext() as report:
                checkpoint = run(resolved, report, world)
    except PeerFailed as error:  # the other process has said why
        interrupted = isinstance(error.__cause__, KeyboardInterrupt)
        raise typer.Exit(INTERRUPTED if interrupted else FAILED) from None
    if world.leads:
        typer.echo(f"wrote {checkpoint}")


def _lengths(text: str) -> tuple[int, ...]:
    ends = re.fullmatch(r"(\d+)\.\.(\d+)", text)
    if ends:
        numbers = tuple(range(int(ends[1]), int(ends[2]) + 1))
    elif re.fullmatch(r"\d+(,\d+)*", text):
        numbers = tuple(int(part) for part in text.split(","))
    else:
        numbers = ()
    if not numbers or min(numbers) < 1:
        raise typer.BadParameter(
            f"--short-sides takes positive whole numbers as N,N,... or A..B, got {text!r}"
        )
    return numbers


def _epochs(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"--steps takes numbers as N,N,..., got {text!r}") from None
