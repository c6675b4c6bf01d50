"""The options of `refinemask train`, spelled and explained by what they are about."""

from pathlib import Path
from typing import Annotated, Literal

import typer

# Data

Datasets = Annotated[
    list[str],
    typer.Option(
        metavar="SPEC",
        help="ANNOTATIONS.json, ANNOTATIONS.json@IMAGES_DIR, shapes or shapes:COUNT; "
        "of several, images are drawn in turn.",
    ),
]
Classes = Annotated[
    str | None,
    typer.Option(metavar="A,B,...", help="Classes to train; by default all of the dataset."),
]
Validation = Annotated[
    list[str] | None,
    typer.Option(metavar="SPEC", help="Evaluate on this dataset while training."),
]
Repeat = Annotated[
    int | None, typer.Option(min=1, help="How often an epoch shows each image; once by default.")
]
RepeatThreshold = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Show images of classes that fewer images have than this share of all more often, "
        "as published for LVIS with 0.001.",
    ),
]
ShortSides = Annotated[
    str | None,
    typer.Option(
        metavar="N,N,...|A..B",
        help="Lengths of the shorter side to draw from, or all from A to B.",
    ),
]
LongSide = Annotated[int | None, typer.Option(min=32, help="Upper bound of the longer side.")]
Canvas = Annotated[
    int | None,
    typer.Option(min=32, help="Pad every batch to this square, which is faster on a CPU."),
]
ColorJitter = Annotated[
    bool, typer.Option("--color-jitter", help="Vary brightness, contrast and colour.")
]

# Model

Output = Annotated[
    Path, typer.Option(metavar="DIR", help="Folder of the checkpoint and metrics.jsonl.")
]
Preset = Annotated[str | None, typer.Option(metavar="NAME", help="Configuration of a new model.")]
BackboneWeights = Annotated[
    str | None,
    typer.Option(
        metavar="imagenet|none|FILE",
        help="What the trunk of a new model starts from: torchvision's ImageNet weights, which "
        "are downloaded (the default), chance, or a torchvision ResNet in a file.",
    ),
]
Init = Annotated[
    str | None,
    typer.Option(metavar="CHECKPOINT|NAME", help="Start from the weights of this model."),
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Continue the run in --output; repeat its other options."),
]
FreezeDetector = Annotated[
    bool, typer.Option("--freeze-detector", help="Train the mask head of --init only.")
]
ResetMaskHead = Annotated[
    bool,
    typer.Option(
        "--reset-mask-head",
        help="Put a new mask head, that of --preset if given, on the detector of --init.",
    ),
]
RoIs = Annotated[
    int | None, typer.Option(min=1, help="RoIs per image for the box head; 512 by default.")
]
MaskRoIs = Annotated[int | None, typer.Option(min=1, help="Most RoIs per image for the mask head.")]

# Schedule

ScheduleName = Literal["step", "cosine", "1x", "2x", "lvis", "cityscapes"]
Schedule = Annotated[
    ScheduleName | None,
    typer.Option(
        help="How the learning rate falls: step (the default) takes a tenth after 8/12 and 11/12 "
        "of the run. The others are published schedules, which also set the epochs, batch size, "
        "learning rate, image sizes and repetition; options given beside them win.",
    ),
]
Epochs = Annotated[int | None, typer.Option(min=1, help="Length of the run; 12 by default.")]
Iterations = Annotated[
    int | None, typer.Option(min=1, help="Length of the run instead of --epochs.")
]
Steps = Annotated[
    str | None, typer.Option(metavar="N,N,...", help="Epochs after which step takes a tenth.")
]
WarmUp = Annotated[
    int | None, typer.Option(min=0, help="Iterations of linear warm-up; 500 by default.")
]

# Optimizer

Optimizer = Annotated[
    Literal["sgd", "adamw"] | None, typer.Option(help="How weights move; sgd by default.")
]
BatchSize = Annotated[
    int | None,
    typer.Option(min=1, help="Images of an iteration, of all processes together; 2 by default."),
]
LearningRate = Annotated[
    float | None,
    typer.Option(help="By default 0.02 per 16 images for sgd, 0.0005 for adamw."),
]
BackboneFactor = Annotated[
    float, typer.Option(min=0, help="Factor on the learning rate of the trunk.")
]
WeightDecay = Annotated[float, typer.Option(min=0, help="Decay of the weights.")]
ClipNorm = Annotated[float, typer.Option(min=0, help="L2 norm to which gradients are clipped.")]

# Execution

PrecisionName = Annotated[
    Literal["float32", "bfloat16", "float16"],
    typer.Option(help="The type that networks compute in; weights and losses are float32."),
]
EvaluateEvery = Annotated[
    int, typer.Option(min=1, help="Epochs between evaluations on --validation.")
]
Seed = Annotated[int, typer.Option(min=0, help="Equal seeds give equal weights.")]
Workers = Annotated[
    int, typer.Option(min=0, help="Processes that load images, for each one that trains.")
]
