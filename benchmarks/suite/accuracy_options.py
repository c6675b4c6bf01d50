"""The options of measuring accuracy."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from refinemask.configs.options import Option
from refinemask.errors import WrongUsage


@dataclass(frozen=True)
class AccuracyOptions:
    """What accuracy is measured on."""

    dataset: Annotated[tuple[str, ...], Option(metavar="ANNOTATIONS.json")] = ()
    """A dataset, as `refinemask eval` takes it; may be repeated."""
    results: Annotated[tuple[Path, ...], Option(metavar="FILE.json")] = ()
    """COCO results of another model on the one dataset; may be repeated."""
    model: Annotated[tuple[str, ...], Option(metavar="CHECKPOINT|NAME")] = ()
    """A model to measure; may be repeated; default: the shipped ones."""
    limit: Annotated[int | None, Option(min=1)] = None
    """Measure on the first images of each dataset only."""

    def __post_init__(self) -> None:
        if self.results and len(self.dataset) != 1:
            raise WrongUsage(
                f"--results are of one dataset, got {len(self.dataset)}; give one --dataset"
            )
