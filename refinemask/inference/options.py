"""The options of commands that go through images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from refinemask.configs.options import Option, check_options
from refinemask.errors import WrongUsage
from refinemask.inference.sizes import MIN_TILE


@dataclass(frozen=True)
class ImageOptions:
    """Which images are read, which of their detections are kept, and which are drawn."""

    output: Annotated[Path | None, Option(metavar="DIR")] = None
    """Folder for the images with the detections drawn, one <stem>.png each."""
    score_threshold: Annotated[float, Option(min=0, max=1)] = 0.0
    """Leave out detections with lower scores."""
    draw_threshold: Annotated[float, Option(min=0, max=1)] = 0.5
    """Do not draw detections with lower scores."""
    dataset: Annotated[str | None, Option(metavar="SPEC")] = None
    """Read the images of a dataset, with its image and category ids, instead of files;
    ANNOTATIONS.json[@IMAGES_DIR] may be without annotations."""
    limit: Annotated[int | None, Option(min=1)] = None
    """Number of images of `dataset`, the first ones; default: all."""
    strict: bool = False
    """Stop at the first image that cannot be read, instead of listing all at the end."""
    resume: bool = False
    """Continue an interrupted command, or add images that were repaired."""

    def __post_init__(self) -> None:
        check_options(self)
        if self.limit is not None and self.dataset is None:
            raise WrongUsage("--limit requires --dataset SPEC")


@dataclass(frozen=True)
class PredictOptions(ImageOptions):
    """Which detections are kept, and which are drawn."""

    max_detections: Annotated[int | None, Option(min=1)] = None
    """Maximum number of detections per image, those with the highest scores; default: all."""
    tile: Annotated[int | None, Option(min=MIN_TILE, metavar="PIXELS")] = None
    """Cut larger images into square tiles with sides of this length, predict each on its own, and
    merge what is found."""
    overlap: Annotated[float | None, Option(min=0)] = None
    """The part of a tile that the next one repeats; default: 0.2."""
    labelme: bool = False
    """Write also <stem>.json beside each picture of `output`: the detections that are drawn, as
    polygons for LabelMe."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.overlap is not None and self.tile is None:
            raise WrongUsage("--overlap requires --tile PIXELS")
        if self.overlap is not None and self.overlap >= 1:
            raise WrongUsage(f"--overlap must be below 1, got {self.overlap}; 0.2 is a fifth")
        if self.labelme and self.output is None:
            raise WrongUsage("--labelme requires --output DIR")
