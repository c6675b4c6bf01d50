"""The options of a training run."""

import math
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from refinemask.configs.options import Option, check_options, option_fields, read_names
from refinemask.configs.settings import Settings, read_settings
from refinemask.configs.shared_options import BnEps
from refinemask.errors import RefineMaskError, WrongUsage
from refinemask.inference.sizes import DIVISOR

Curve = Literal["step", "cosine"]
CURVES: tuple[Curve, ...] = get_args(Curve)
Precision = Literal["float32", "bfloat16", "float16"]
_STEPS, _EPOCHS = (8, 11), 12


def _read_steps(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise WrongUsage(f"--steps must be numbers as N,N,..., got {text!r}") from None


def _read_lengths(text: str) -> tuple[int, ...]:
    ends = re.fullmatch(r"(\d+)\.\.(\d+)", text)
    if ends:
        lengths = tuple(range(int(ends[1]), int(ends[2]) + 1))
    else:
        listed = re.fullmatch(r"\d+(,\d+)*", text)
        lengths = tuple(map(int, text.split(","))) if listed else ()
    if not lengths or min(lengths) < 1:
        raise WrongUsage(f"--short-sides must be lengths as N,N,... or A..B, got {text!r}")
    return lengths


def _read_test_size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise WrongUsage(f"--test-size must be SHORTxLONG, such as 800x1333, got {text!r}")
    return int(found[1]), int(found[2])


@dataclass(frozen=True)
class TrainOptions:
    """One training run; two runs with equal options give equal weights on the same machine."""

    datasets: Annotated[tuple[str, ...], Option(flag="--dataset", metavar="SPEC")]
    """Training data: ANNOTATIONS.json, ANNOTATIONS.json@IMAGES_DIR, ROOT/gtFine/SPLIT,
    DATA.yaml:SPLIT (YOLO), a folder of LabelMe files, shapes or shapes:COUNT; images of several
    sets are drawn in turn."""
    output: Annotated[Path, Option(metavar="DIR")]
    """Folder for the checkpoint and metrics.jsonl."""

    # Model
    preset: Annotated[str | None, Option(metavar="NAME")] = None
    """Configuration of a new model."""
    backbone_weights: Annotated[str | None, Option(metavar="imagenet|none|FILE")] = None
    """What the backbone of a new model starts from: torchvision's ImageNet weights, which are
    downloaded (the default), random weights, or a torchvision ResNet in a file."""
    init: Annotated[Path | str | None, Option(metavar="CHECKPOINT|NAME")] = None
    """Start from the weights of this model."""
    bn_eps: BnEps = None
    settings: Settings = ()
    resume: bool = False
    """Continue the interrupted run in `output` exactly; repeat its other options."""
    freeze_detector: bool = False
    """Train only the mask head of `init`."""
    reset_mask_head: bool = False
    """Put a new mask head, that of `preset` if given, on the detector of `init`."""

    # Data
    validation: Annotated[tuple[str, ...], Option(metavar="SPEC")] = ()
    """Evaluate on this dataset while training; may be repeated."""
    classes: Annotated[tuple[str, ...] | None, Option(metavar="A,B,...", read=read_names)] = None
    """Names of the classes to train; default: all classes of the first dataset."""
    keep_empty_images: bool = False
    """Also train on images without usable instances, which the published recipes leave out."""

    # Schedule
    schedule: Curve = "step"
    """How the learning rate falls (numerics 14)."""
    epochs: Annotated[int, Option(min=1)] = _EPOCHS
    """Length of the run."""
    iterations: Annotated[int | None, Option(min=1)] = None
    """Length of the run, instead of `epochs`."""
    steps: Annotated[tuple[float, ...] | None, Option(metavar="N,N,...", read=_read_steps)] = None
    """Epochs after which the schedule step divides the learning rate by 10; default: 8/12 and
    11/12 of the run."""
    warm_up: Annotated[int, Option(min=0)] = 500
    """Iterations of linear warm-up from 0.001 of the learning rate."""

    # Optimizer
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """The optimizer."""
    batch_size: Annotated[int, Option(min=1)] = 2
    """Images per iteration, over all processes."""
    learning_rate: Annotated[float | None, Option(metavar="RATE", above=0)] = None
    """Peak learning rate; default: 0.02 per 16 images for sgd, 0.0005 for adamw."""
    backbone_factor: Annotated[float, Option(min=0)] = 1.0
    """Factor on the learning rate of the backbone."""
    weight_decay: Annotated[float, Option(min=0)] = 1e-4
    """Weight decay."""
    clip_norm: Annotated[float, Option(metavar="NORM", above=0)] = 35.0
    """L2 norm that gradients are clipped to."""
    ema: Annotated[float | None, Option(metavar="DECAY", above=0, below=1)] = None
    """Save and evaluate the exponential moving average of the weights, with this decay per
    iteration, such as 0.998; in iteration t at most t / (9 + t)."""

    # Sampling and augmentation
    repeat: Annotated[int, Option(min=1)] = 1
    """How often an epoch shows each image."""
    repeat_threshold: Annotated[float | None, Option(metavar="SHARE", above=0)] = None
    """Show images more often whose classes are in less than this share of the images; LVIS: 0.001.
    """
    short_sides: Annotated[
        tuple[int, ...] | None, Option(metavar="N,N,...|A..B", read=_read_lengths)
    ] = None
    """Lengths of the shorter side to draw from, or all from A to B; default: the preset's."""
    long_side: Annotated[int | None, Option(min=32)] = None
    """Upper bound of the longer side; default: the preset's."""
    test_size: Annotated[
        tuple[int, int] | None, Option(metavar="SHORTxLONG", read=_read_test_size)
    ] = None
    """Sides that the model predicts at, while training and afterwards; default: the largest of
    `short_sides` with `long_side`."""
    canvas: Annotated[int | None, Option(min=DIVISOR, multiple_of=DIVISOR)] = None
    """Pad every batch to this square, which is faster on a CPU; a multiple of 32."""
    color_jitter: bool = False
    """Vary brightness, contrast and colour."""
    zoom: Annotated[float, Option(metavar="P", min=0, max=1)] = 0.0
    """Probability that an image is zoomed into at random: a window around an object is enlarged, so
    that objects are seen large and cut off by the edges of the image, as in close-ups."""
    rois: Annotated[int, Option(min=1)] = 512
    """Sampled RoIs per image for the box head."""
    mask_rois: Annotated[int | None, Option(min=1)] = None
    """Maximum number of positive RoIs per image for the mask head."""

    # Execution
    evaluate_every: Annotated[int, Option(min=1)] = 1
    """Epochs between evaluations on `validation`."""
    precision: Precision = "float32"
    """Type that networks compute in; weights and losses are float32."""
    seed: Annotated[int, Option(min=0, max=2**32 - 1)] = 0
    """Equal seeds give equal weights."""
    workers: Annotated[int, Option(min=0)] = 0
    """Processes per training process that load images."""
    device: str = "cpu"
    """PyTorch's name of the device."""

    def __post_init__(self) -> None:
        if not self.datasets:
            raise WrongUsage("training needs at least one --dataset")
        check_options(self)
        read_settings(self.settings)
        if self.steps is not None and self.schedule != "step":
            raise WrongUsage(f"--steps requires --schedule step, got {self.schedule}")
        if not all(0 < step < self.epochs for step in self.steps or ()):
            raise WrongUsage(
                f"--steps must be > 0 and < the {self.epochs} epochs, got {shown(self.steps)}"
            )
        if self.preset is None and self.init is None and not self.resume:
            raise WrongUsage("name a model to train with --preset, --init or --resume")
        if self.preset is not None and self.init is not None and not self.reset_mask_head:
            raise WrongUsage(
                "--init has a configuration already; leave out --preset, "
                "or add --reset-mask-head to take the mask head from it"
            )
        if self.backbone_weights is not None and (self.preset is None or self.init is not None):
            raise WrongUsage(
                "--backbone-weights requires a new model, with --preset; "
                "--init includes the weights of the backbone"
            )
        if self.bn_eps is not None and self.init is None:
            raise WrongUsage("--bn-eps requires --init, whose batch norms it is for")
        if (self.freeze_detector or self.reset_mask_head) and self.init is None:
            raise WrongUsage("--freeze-detector and --reset-mask-head require --init")

    @property
    def base_learning_rate(self) -> float:
        """The peak learning rate of this run."""
        if self.learning_rate is not None:
            return self.learning_rate
        return 5e-4 if self.optimizer == "adamw" else 0.02 * self.batch_size / 16

    def length(self, epoch_length: int) -> int:
        """Return the number of iterations of this run, given that of an epoch."""
        return self.iterations or self.epochs * epoch_length

    def to_dict(self) -> dict[str, Any]:
        """Return the options as JSON values, with the learning rate that is used."""
        values = asdict(self) | {"learning_rate": self.base_learning_rate}
        return {name: str(v) if isinstance(v, Path) else v for name, v in values.items()}

    def check_continues(self, saved: dict[str, Any]) -> None:
        """Check that a run with these options continues the one whose `to_dict` was saved.

        Its length is left to `check_length`.

        Raises:
            RefineMaskError: an option that affects the result differs.
        """
        free = {"output", "resume", "init", "bn_eps", "settings", "preset", "backbone_weights"}
        free |= {"validation", "evaluate_every", "workers", "device", "epochs", "iterations"}
        mine = {k: list(v) if isinstance(v, tuple) else v for k, v in self.to_dict().items()}
        # not in states of earlier versions:
        saved = {"keep_empty_images": False, "ema": None, "zoom": 0.0} | saved
        changed = [k for k in mine if k not in free and mine[k] != saved.get(k)]
        for name in ("preset", "init", "bn_eps", "settings"):  # a resumed run may leave them out
            if mine[name] not in (None, []) and mine[name] != saved.get(name):
                changed.append(name)
        if changed:
            flags = {field.name: field.flag for field in option_fields(TrainOptions)}
            listed = ", ".join(
                f"{flags[k]} {shown(mine[k])} (was {shown(saved.get(k))})" for k in changed
            )
            raise RefineMaskError(
                f"--resume continues a run with the same options, but got {listed}"
            )

    def check_length(self, saved: dict[str, Any], iteration: int, epoch_length: int) -> None:
        """Check that a run, perhaps of another length, can become one of this length.

        That is so if the learning rates so far stay what they were.

        Args:
            saved: the options of the run.
            iteration: how many iterations it has done.
            epoch_length: iterations of an epoch.

        Raises:
            RefineMaskError: it is too long already, or its learning rates would have been others.
        """
        epochs, iterations = saved.get("epochs"), saved.get("iterations")
        if (epochs, iterations) == (self.epochs, self.iterations):
            return
        if type(epochs) is not int or type(iterations) not in (int, type(None)):
            raise RefineMaskError(
                f"--resume: the run has a length of {epochs!r} epochs; start anew"
            )
        before = replace(self, epochs=epochs, iterations=iterations)
        old, new = before.length(epoch_length), self.length(epoch_length)
        if iteration > new:
            raise RefineMaskError(
                f"--resume: the run has {iteration} iterations already, more than the {new} of "
                "--epochs or --iterations"
            )
        if any(before.rate_at(i, old) != self.rate_at(i, new) for i in range(iteration)):
            raise RefineMaskError(
                f"--resume cannot change the length of this run from {old} to {new} iterations: by "
                f"--schedule {self.schedule} its {iteration} iterations so far would have had "
                "other learning rates. To train on from its weights, start a new run with --init "
                f"{self.output / 'model.safetensors'} and another --output; a run that may become "
                "longer needs --steps"
            )

    def rate_at(self, iteration: int, total: int) -> float:
        """Return the factor on the peak rate at an iteration, counted from 0, of `total`."""
        warm = min(iteration / self.warm_up, 1.0) if self.warm_up else 1.0
        factor = 0.001 + 0.999 * warm
        if self.schedule == "cosine":
            return factor * 0.5 * (1 + math.cos(math.pi * iteration / total))
        steps = _STEPS if self.steps is None else self.steps
        epochs = _EPOCHS if self.steps is None else self.epochs
        return factor * 0.1 ** sum(epochs * iteration >= step * total for step in steps)


def shown(value: Any) -> str:
    """Write the value of an option as on the command line, consecutive lengths as 800..1024."""
    if not isinstance(value, list | tuple):
        return str(value)
    if len(value) > 2 and list(value) == list(range(value[0], value[-1] + 1)):
        return f"{value[0]}..{value[-1]}"
    return ",".join(map(str, value))
