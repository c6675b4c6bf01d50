"""What `refinemask train` can be told."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from refinemask.errors import RefineMaskError, WrongUsage
from refinemask.inference.sizes import DIVISOR
from refinemask.training.precision import PRECISIONS, Precision

OPTIMIZERS = ("sgd", "adamw")
CURVES = ("step", "cosine")
_STEPS, _EPOCHS = (8, 11), 12


@dataclass(frozen=True)
class TrainOptions:
    """One training run; two runs with equal options give equal weights on the same machine."""

    output: Path
    """Folder of checkpoints and metrics."""

    # Data
    datasets: tuple[str, ...]
    """Training sets, drawn from in turn: `shapes` or ANNOTATIONS.json[@IMAGES_DIR]."""
    classes: tuple[str, ...] | None = None
    """Class names to train; all of the first data set by default."""
    validation: tuple[str, ...] = ()
    """Sets that are evaluated while training."""
    repeat: int = 1
    """How often an epoch shows each image."""
    repeat_threshold: float | None = None
    """Show images of classes that are in a smaller share of the images more often (LVIS)."""
    short_sides: tuple[int, ...] | None = None
    """Lengths of the shorter side to draw from; the preset's by default."""
    long_side: int | None = None
    """Upper bound of the longer side; the preset's by default."""
    canvas: int | None = None
    """Pad every batch to this square, which spares the CPU new shapes; a multiple of 32."""
    color_jitter: bool = False

    # Model
    preset: str | None = None
    """Configuration of a new model; `init` or `resume` otherwise give it."""
    backbone_weights: str | None = None
    """What the trunk of a new model starts from: imagenet (the default), none or a file."""
    init: Path | str | None = None
    """Checkpoint or shipped name whose weights training starts from, for any classes."""
    bn_eps: float | None = None
    """Epsilon of the batch norms of `init`, see `refinemask.load_model`."""
    resume: bool = False
    """Continue the interrupted run in `output` exactly."""
    freeze_detector: bool = False
    """Train the mask head only, on a detector that stays as `init` has it."""
    reset_mask_head: bool = False
    """Start from a new mask head, possibly of another kind, on the detector of `init`."""
    rois: int = 512
    """Sampled RoIs of each image for the box head."""
    mask_rois: int | None = None
    """Largest number of positive RoIs of each image for the mask head."""

    # Schedule
    epochs: int = _EPOCHS
    iterations: int | None = None
    """Length of the run instead of `epochs`."""
    schedule: Literal["step", "cosine"] = "step"
    """How the learning rate falls (numerics 14)."""
    steps: tuple[float, ...] | None = None
    """Epochs, out of `epochs`, after which `step` takes a tenth; by default 8/12 and 11/12 of them.
    """
    warm_up: int = 500
    """Iterations of linear warm-up from 0.001 of the learning rate."""

    # Optimizer
    optimizer: Literal["sgd", "adamw"] = "sgd"
    batch_size: int = 2
    """Images of an iteration, of all processes together."""
    learning_rate: float | None = None
    """0.02 for SGD at a batch of 16, in proportion for others; 5e-4 for AdamW."""
    backbone_factor: float = 1.0
    """What the learning rate of the trunk is multiplied by."""
    weight_decay: float = 1e-4
    clip_norm: float = 35.0
    """L2 norm to which gradients are clipped."""

    # Execution
    precision: Precision = "float32"
    """The type that networks compute in; weights and losses are float32."""
    evaluate_every: int = 1
    """Epochs between evaluations on the validation sets."""
    seed: int = 0
    workers: int = 0
    """Processes that load images, for each one that trains."""
    device: str = "cpu"
    """torch's name of the device."""

    def __post_init__(self) -> None:
        if not self.datasets:
            raise WrongUsage("training needs at least one --dataset")
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and not least <= value < math.inf:
                raise WrongUsage(f"{flag(name)} must be at least {least}, got {value}")
        if self.seed >= 2**32:
            raise WrongUsage(f"--seed must be less than 2**32, got {self.seed}")
        for name in ("learning_rate", "clip_norm", "repeat_threshold"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise WrongUsage(f"{flag(name)} must be more than 0, got {value}")
        for name, allowed in _ALLOWED.items():
            if getattr(self, name) not in allowed:
                raise WrongUsage(
                    f"{flag(name)} must be {' or '.join(allowed)}, got {getattr(self, name)!r}"
                )
        if self.steps is not None and self.schedule != "step":
            raise WrongUsage(f"--steps goes with --schedule step, not {self.schedule}")
        if not all(0 < step < self.epochs for step in self.steps or ()):
            raise WrongUsage(
                f"--steps must be more than 0 and less than the {self.epochs} epochs, "
                f"got {shown(self.steps)}"
            )
        if self.canvas is not None and (self.canvas < 1 or self.canvas % DIVISOR):
            raise WrongUsage(f"--canvas must be a multiple of {DIVISOR}, got {self.canvas}")
        if self.preset is None and self.init is None and not self.resume:
            raise WrongUsage("say what to train with --preset, --init or --resume")
        if self.preset is not None and self.init is not None and not self.reset_mask_head:
            raise WrongUsage(
                "--init brings its own configuration; leave --preset out, "
                "or add --reset-mask-head to take the mask head from it"
            )
        if self.backbone_weights is not None and (self.preset is None or self.init is not None):
            raise WrongUsage(
                "--backbone-weights is for a new model, with --preset; "
                "--init brings the weights of its trunk"
            )
        if self.bn_eps is not None and self.init is None:
            raise WrongUsage("--bn-eps belongs to the checkpoint of --init")
        if (self.freeze_detector or self.reset_mask_head) and self.init is None:
            raise WrongUsage("--freeze-detector and --reset-mask-head need a detector: --init")

    @property
    def base_learning_rate(self) -> float:
        """The peak learning rate of this run."""
        if self.learning_rate is not None:
            return self.learning_rate
        return 5e-4 if self.optimizer == "adamw" else 0.02 * self.batch_size / 16

    def to_dict(self) -> dict[str, Any]:
        """Return the options as plain JSON values, the learning rate as it is used."""
        values = asdict(self) | {"learning_rate": self.base_learning_rate}
        return {name: str(v) if isinstance(v, Path) else v for name, v in values.items()}

    def check_continues(self, saved: dict[str, Any]) -> None:
        """Check that a run with these options continues the one whose `to_dict` was saved.

        Raises:
            RefineMaskError: an option differs that decides the result.
        """
        free = {"output", "resume", "init", "bn_eps", "preset", "backbone_weights", "validation"}
        free |= {"evaluate_every", "workers", "device"}
        mine = {k: list(v) if isinstance(v, tuple) else v for k, v in self.to_dict().items()}
        changed = [k for k in mine if k not in free and mine[k] != saved.get(k)]
        for name in ("preset", "init", "bn_eps"):  # which a resumed run may leave out
            if mine[name] is not None and mine[name] != saved.get(name):
                changed.append(name)
        if changed:
            listed = ", ".join(
                f"{flag(k)} {shown(mine[k])} (was {shown(saved.get(k))})" for k in changed
            )
            raise RefineMaskError(
                f"--resume continues a run with its own options, but got {listed}"
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


_LEAST = {
    "epochs": 1,
    "iterations": 1,
    "batch_size": 1,
    "repeat": 1,
    "rois": 1,
    "mask_rois": 1,
    "evaluate_every": 1,
    "backbone_factor": 0,
    "weight_decay": 0,
    "warm_up": 0,
    "seed": 0,
    "workers": 0,
}

_ALLOWED: dict[str, tuple[str, ...]] = {
    "optimizer": OPTIMIZERS,
    "schedule": CURVES,
    "precision": PRECISIONS,
}


def shown(value: Any) -> str:
    """Write the value of an option as on the command line, consecutive lengths as 800..1024."""
    if not isinstance(value, list | tuple):
        return str(value)
    if len(value) > 2 and list(value) == list(range(value[0], value[-1] + 1)):
        return f"{value[0]}..{value[-1]}"
    return ",".join(map(str, value))


def flag(option: str) -> str:
    """Return the command line's name of an option."""
    return f"--{option.replace('_', '-')}"
