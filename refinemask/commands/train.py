"""`refinemask train`: train a detector on data in COCO's format, or on embedded data."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from refinemask.commands import options
from refinemask.commands.output import losses_bar
from refinemask.commands.selection import torch_device


def train(
    dataset: Annotated[
        list[str],
        typer.Option(
            metavar="SPEC",
            help="ANNOTATIONS.json, ANNOTATIONS.json@IMAGES_DIR, shapes or shapes:COUNT; "
            "of several, images are drawn in turn.",
        ),
    ],
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of the checkpoint and metrics.jsonl.")
    ],
    preset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Configuration of a new model.")
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            metavar="CHECKPOINT|NAME", help="Start from the weights of this model, of any classes."
        ),
    ] = None,
    bn_eps: options.BnEps = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue the run in --output; repeat its other options."),
    ] = False,
    freeze_detector: Annotated[
        bool, typer.Option("--freeze-detector", help="Train the mask head of --init only.")
    ] = False,
    reset_mask_head: Annotated[
        bool,
        typer.Option(
            "--reset-mask-head",
            help="Put a new mask head, that of --preset if given, on the detector of --init.",
        ),
    ] = False,
    validation: Annotated[
        list[str] | None,
        typer.Option(metavar="SPEC", help="Evaluate on this dataset while training."),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(metavar="A,B,...", help="Classes to train; by default all of the dataset."),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Length of the run.")] = 12,
    iterations: Annotated[
        int | None, typer.Option(min=1, help="Length of the run instead of --epochs.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images of an iteration.")] = 2,
    optimizer: Annotated[Literal["sgd", "adamw"], typer.Option(help="How weights move.")] = "sgd",
    schedule: Annotated[
        Literal["step", "cosine"],
        typer.Option(help="step: a tenth after 8/12 and 11/12 of the run."),
    ] = "step",
    learning_rate: Annotated[
        float | None,
        typer.Option(help="By default 0.02 per 16 images for sgd, 0.0005 for adamw."),
    ] = None,
    backbone_factor: Annotated[
        float, typer.Option(min=0, help="Factor on the learning rate of the trunk.")
    ] = 1.0,
    weight_decay: Annotated[float, typer.Option(min=0, help="Decay of the weights.")] = 1e-4,
    warm_up: Annotated[int, typer.Option(min=0, help="Iterations of linear warm-up.")] = 500,
    clip_norm: Annotated[
        float, typer.Option(min=0, help="L2 norm to which gradients are clipped.")
    ] = 35.0,
    short_sides: Annotated[
        str | None,
        typer.Option(metavar="N,N,...", help="Lengths of the shorter side to draw from."),
    ] = None,
    long_side: Annotated[
        int | None, typer.Option(min=32, help="Upper bound of the longer side.")
    ] = None,
    canvas: Annotated[
        int | None,
        typer.Option(min=32, help="Pad every batch to this square, which is faster on a CPU."),
    ] = None,
    color_jitter: Annotated[
        bool, typer.Option("--color-jitter", help="Vary brightness, contrast and colour.")
    ] = False,
    rois: Annotated[int, typer.Option(min=1, help="RoIs per image for the box head.")] = 512,
    mask_rois: Annotated[
        int | None, typer.Option(min=1, help="Most RoIs per image for the mask head.")
    ] = None,
    evaluate_every: Annotated[
        int, typer.Option(min=1, help="Epochs between evaluations on --validation.")
    ] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal weights.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes that load images.")] = 0,
    device: options.Device = "auto",
) -> None:
    """Train a detector; Ctrl-C leaves a run that --resume continues exactly."""
    place = torch_device(device)
    from refinemask.training import TrainOptions
    from refinemask.training import train as run

    chosen = TrainOptions(
        output=output,
        datasets=tuple(dataset),
        preset=preset,
        classes=None if classes is None else tuple(name.strip() for name in classes.split(",")),
        validation=tuple(validation or ()),
        init=init,
        bn_eps=bn_eps,
        resume=resume,
        freeze_detector=freeze_detector,
        reset_mask_head=reset_mask_head,
        epochs=epochs,
        iterations=iterations,
        batch_size=batch_size,
        optimizer=optimizer,
        schedule=schedule,
        learning_rate=learning_rate,
        backbone_factor=backbone_factor,
        weight_decay=weight_decay,
        warm_up=warm_up,
        clip_norm=clip_norm,
        short_sides=None if short_sides is None else _numbers(short_sides),
        long_side=long_side,
        canvas=canvas,
        color_jitter=color_jitter,
        rois=rois,
        mask_rois=mask_rois,
        evaluate_every=evaluate_every,
        seed=seed,
        workers=workers,
        device=place,
    )
    with losses_bar() as report:
        checkpoint = run(chosen, report)
    typer.echo(f"wrote {checkpoint}")


def _numbers(text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 1:
        raise typer.BadParameter(f"--short-sides takes positive whole numbers, got {text!r}")
    return numbers
