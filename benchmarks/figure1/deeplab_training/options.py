"""The options of the training of DeepLabV3+."""

from dataclasses import dataclass
from typing import Annotated

from refinemask.configs.options import Option, check_options, read_names
from refinemask.configs.shared_options import Device
from refinemask.errors import WrongUsage


@dataclass(frozen=True)
class DeepLabOptions:
    """One training run; equal options give equal weights on the same machine."""

    datasets: Annotated[tuple[str, ...], Option(flag="--dataset", metavar="SPEC")]
    """Training data as for refinemask train; may be repeated: images of several sets are drawn in
    turn."""
    classes: Annotated[tuple[str, ...] | None, Option(metavar="A,B,...", read=read_names)] = (
        "person",
    )
    """Classes that make up the foreground."""
    iterations: Annotated[int, Option(min=1)] = 1680
    """Length of the run."""
    batch_size: Annotated[int, Option(min=2)] = 2
    """Images per iteration; a single one has no statistics to initialise the norm of the pooled
    branch with."""
    seed: Annotated[int, Option(min=0)] = 0
    """Equal seeds give equal weights."""
    device: Device = "auto"

    def __post_init__(self) -> None:
        if not self.datasets:
            raise WrongUsage("training needs at least one --dataset")
        check_options(self)
