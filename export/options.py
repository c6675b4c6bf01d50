"""The options of an export."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from refinemask.configs.options import Option, check_options
from refinemask.configs.output_kinds import OutputKind
from refinemask.configs.precisions import Precision
from refinemask.engines.runtimes import RUNTIMES
from refinemask.errors import WrongUsage
from refinemask.inference.metadata import MAX_SAMPLING_RATIO
from refinemask.inference.sizes import DIVISOR, MAX_BATCH, MAX_SIDE, MIN_SIDE

Optimize = Literal["all", "none"]
_FORMS = tuple(dict.fromkeys(form for runtime in RUNTIMES.values() for form in runtime.forms))
_PADDED = Option(min=MIN_SIDE, max=MAX_SIDE, multiple_of=DIVISOR)


@dataclass(frozen=True)
class ExportOptions:
    """Which graph is made of a model, and what it is verified on."""

    form: Annotated[str, Option(choices=_FORMS)] = "portable"
    """portable: standard ONNX operators only. fused: faster, with operators that ONNX Runtime and
    TensorRT get from our libraries. static: standard operators without data-dependent shapes, for
    ahead-of-time compilers; outputs are padded."""
    outputs: OutputKind = "detections"
    """detections: what the model detects. masks: sharp masks for boxes of any detector, which the
    artifact is given."""
    sampling_ratio: Annotated[int | None, Option(min=1, max=MAX_SAMPLING_RATIO)] = None
    """Of the static form: samples of RoIAlign per bin and axis, where those of the model adapt to
    the size of a box; default: 2."""
    optimize: Optimize = "all"
    """all: make the model cheaper by rewrites that change its numbers by rounding only. none:
    export it as it is."""
    precision: Precision = "float32"
    """float32: the numbers of the model. float16: files of half the size, whose masks are those of
    the model but for a few pixels; boxes, scores and decisions stay in float32."""
    adaptive_depth: bool = False
    """Enlarge the masks of boxes that are too small in the image to gain from the finest stages,
    instead of refining them."""
    batch: Annotated[int | None, Option(min=1, max=MAX_BATCH)] = None
    """Fixed batch size; default: dynamic."""
    height: Annotated[int | None, _PADDED] = None
    """Fixed padded height in pixels, a multiple of 32; default: dynamic."""
    width: Annotated[int | None, _PADDED] = None
    """Fixed padded width in pixels, a multiple of 32; default: dynamic."""
    images: Annotated[tuple[Path, ...], Option(flag="--image", metavar="IMAGE")] = ()
    """A photograph, or a folder of them, to verify the artifact on; may be repeated; default:
    photographs that scikit-image ships."""
    keep_failed: bool = False
    """Keep an artifact that failed the parity gate."""

    def __post_init__(self) -> None:
        check_options(self)
        if self.adaptive_depth and self.form == "static":
            raise WrongUsage(
                "--adaptive-depth is not an option of the form static, which computes every stage "
                "of every box; leave it out, or choose another --form"
            )
        if self.sampling_ratio is not None and self.form != "static":
            raise WrongUsage(
                f"--sampling-ratio is an option of the form static, not of {self.form}; leave it "
                "out, or add --form static"
            )
