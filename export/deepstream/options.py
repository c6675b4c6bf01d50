"""The options of `refinemask deepstream`."""

from dataclasses import dataclass
from typing import Annotated

from refinemask.configs.options import Option, check_options
from refinemask.inference.sizes import MAX_BATCH


@dataclass(frozen=True)
class DeepStreamOptions:
    """What nvinfer gets, and which objects it keeps."""

    frame_width: Annotated[int, Option(min=32, max=16384, metavar="PIXELS")] = 1920
    """Width of the frames, which the property `width` of nvstreammux sets."""
    frame_height: Annotated[int, Option(min=32, max=16384, metavar="PIXELS")] = 1080
    """Height of the frames, which the property `height` of nvstreammux sets."""
    batch_size: Annotated[int, Option(min=1, max=MAX_BATCH)] = 1
    """Maximum number of frames at a time; one of each source is usual."""
    score_threshold: Annotated[float, Option(min=0, max=1)] = 0.5
    """Leave out objects with lower scores."""

    def __post_init__(self) -> None:
        check_options(self)
