"""Profiles: the range of input shapes that a TensorRT engine is built for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from refinemask.errors import RefineMaskError
from refinemask.inference.metadata import ArtifactMetadata
from refinemask.inference.sizes import padded_side

Shape = tuple[int, ...]
Range = tuple[Shape, Shape, Shape]
"""Minimum, optimum and maximum."""

MAX_BATCH = 4
"""Most images of a batch in the profile of an artifact whose batch is dynamic."""
ROIS = (0, 100, 1000)
"""Minimum, optimum and maximum number of boxes of an artifact that is given boxes."""


@dataclass(frozen=True)
class Profile:
    """Minimum, optimum and maximum of each dynamic input.

    Attributes:
        shapes: by input name, the three shapes of each input with a dynamic dimension.
        values: by input name, the three values of each input that is itself a shape, such as an
            image size.
    """

    shapes: Mapping[str, Range]
    values: Mapping[str, Range] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, triple in {**self.shapes, **self.values}.items():
            if len({len(shape) for shape in triple}) != 1 or any(
                not minimum <= optimum <= maximum
                for minimum, optimum, maximum in zip(*triple, strict=True)
            ):
                raise RefineMaskError(
                    f"the profile of input {name!r} must be a minimum, an optimum and a maximum "
                    f"shape of one rank, in this order in each dimension, got {triple}"
                )

    def check(self, name: str, shape: Shape) -> None:
        """Raise RefineMaskError unless an input of a shape is within the profile."""
        minimum, _, maximum = self.shapes.get(name, (shape, shape, shape))
        if len(minimum) != len(shape) or not all(
            low <= size <= high for low, size, high in zip(minimum, shape, maximum, strict=True)
        ):
            raise RefineMaskError(
                f"the engine takes {name} from {spelled(minimum)} to {spelled(maximum)}, got "
                f"{spelled(shape)}; build it again with --min-shapes or --max-shapes that contain "
                "this shape"
            )


def spelled(shape: Shape) -> str:
    """Return a shape as trtexec spells it."""
    return "x".join(map(str, shape))


def described(shapes: Range) -> str:
    """Return a range in words."""
    minimum, optimum, maximum = map(spelled, shapes)
    return f"{minimum} to {maximum}, tuned for {optimum}"


def default_profile(metadata: ArtifactMetadata) -> Profile:
    """Return a profile for the images that an artifact takes, whichever way they are turned.

    It is tuned for one landscape image of the size that the model sees.
    """
    limits = metadata.input_limits
    short, long = padded_side(limits.short_side), padded_side(limits.long_side)
    batches = (1, 1, MAX_BATCH) if limits.batch is None else (limits.batch,) * 3
    heights, widths = (
        sizes if fixed is None else (fixed,) * 3
        for fixed, sizes in (
            (limits.height, (limits.min_size, short, long)),
            (limits.width, (limits.min_size, long, long)),
        )
    )
    images = [(b, h, w, 3) for b, h, w in zip(batches, heights, widths, strict=True)]
    shapes: dict[str, list[Shape]] = {"images": [*images], "image_sizes": [(b, 2) for b in batches]}
    if metadata.outputs == "masks":
        shapes |= {"rois": [(count, 5) for count in ROIS], "labels": [(count,) for count in ROIS]}
    return Profile({name: _range(found) for name, found in shapes.items() if len({*found}) > 1})


def _range(shapes: list[Shape]) -> Range:
    minimum, optimum, maximum = shapes
    return minimum, optimum, maximum
