"""Profiles: the range of input shapes that a TensorRT engine is built for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from refinemask.errors import RefineMaskError

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Profile:
    """Minimum, optimum and maximum of each dynamic input.

    Attributes:
        shapes: by input name, the three shapes of each input with a dynamic dimension.
        values: by input name, the three values of each input that is itself a shape, such as an
            image size.
    """

    shapes: Mapping[str, tuple[Shape, Shape, Shape]]
    values: Mapping[str, tuple[Shape, Shape, Shape]] = field(default_factory=dict)

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
