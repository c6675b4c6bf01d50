"""The options of a prediction."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from refinemask.configs.options import Option, check_options


@dataclass(frozen=True)
class PredictOptions:
    """Which detections are kept, and which are drawn."""

    output: Annotated[Path | None, Option(metavar="DIR")] = None
    """Folder for the images with the detections drawn, one <stem>.png each."""
    score_threshold: Annotated[float, Option(min=0, max=1)] = 0.0
    """Leave out detections with lower scores."""
    draw_threshold: Annotated[float, Option(min=0, max=1)] = 0.5
    """Do not draw detections with lower scores."""
    max_detections: Annotated[int | None, Option(min=1)] = None
    """Maximum number of detections per image, those with the highest scores; default: all."""

    def __post_init__(self) -> None:
        check_options(self)
