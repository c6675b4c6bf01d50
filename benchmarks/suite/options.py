"""The options of the suite."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from refinemask.configs.options import Option, check_options, read_names
from refinemask.engines.runtimes import RUNTIMES
from refinemask.errors import WrongUsage

RUNTIMES_MEASURED = ("onnxruntime", "openvino")


@dataclass(frozen=True)
class SuiteOptions:
    """What is measured, how often, and where results go."""

    output: Annotated[Path, Option(metavar="DIR")]
    """Folder of the results, and of the exported graphs, which later commands use again."""
    images: Annotated[Path | None, Option(metavar="DIR")] = None
    """Folder with the images of the layout, COCO's val2017; default: photographs of scikit-image
    in their place, with the same boxes."""
    iterations: Annotated[int | None, Option(min=1)] = None
    """Measured turns of each candidate; default: 20, one of each image, and 2 with `quick`. Scaling
    takes 3 at most."""
    warm_up: Annotated[int, Option(min=0)] = 1
    """Turns before them."""
    runtimes: Annotated[tuple[str, ...], Option(metavar="NAME,NAME", read=read_names)] = (
        RUNTIMES_MEASURED
    )
    """Runtimes of the exported graphs."""
    quick: bool = False
    """Small models, and few turns: to see that everything works, not for figures."""

    def __post_init__(self) -> None:
        check_options(self)
        unknown = [name for name in self.runtimes if name not in RUNTIMES_MEASURED]
        if unknown or not self.runtimes:
            raise WrongUsage(
                f"--runtimes takes {' and '.join(RUNTIMES_MEASURED)}, got "
                f"{','.join(self.runtimes) or 'none'}"
            )
        for name in self.runtimes:
            RUNTIMES[name].require()

    @property
    def presets(self) -> tuple[str, str]:
        """RefineMask and Mask R-CNN."""
        size = "small" if self.quick else "r50"
        return f"refinemask_{size}", f"maskrcnn_{size}"
