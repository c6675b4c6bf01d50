"""The check of a configuration's fields against their types and bounds.

A configuration is read from files that anyone may have written. Each field states its type in its
annotation, and a number its bounds too: `channels: Annotated[int, Bounds(1, 1024)]`.
"""

import dataclasses
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from refinemask.errors import RefineMaskError
from refinemask.printable import shown


@dataclass(frozen=True)
class Bounds:
    """The values that a number may have; of a tuple, each of its numbers."""

    minimum: float
    maximum: float
    multiple_of: int = 1

    def allow(self, value: float) -> bool:
        """Return whether a number is within the bounds; NaN is not."""
        return self.minimum <= value <= self.maximum and (
            self.multiple_of == 1 or value % self.multiple_of == 0
        )


@dataclass(frozen=True)
class Lengths:
    """How many entries a tuple may have."""

    minimum: int
    maximum: int


def check_fields(config: object) -> None:
    """Check every field of a dataclass against its annotation.

    Known are bool, int, float, str, literals, tuples, dataclasses and unions of them. An int may
    stand for a float, nothing else for anything else: True is not a number.

    Raises:
        RefineMaskError: the first value of the wrong type, out of its bounds, not finite, or text
            that cannot be encoded as UTF-8.
    """
    hints = _hints(type(config))  # type: ignore[arg-type]  # classes are hashable
    for name, hint in hints.items():
        wanted = _problem(getattr(config, name), hint)
        if wanted:
            raise RefineMaskError(f"{name} must be {wanted}, got {shown(getattr(config, name))}")


@cache
def _hints(config: type) -> dict[str, Any]:
    assert dataclasses.is_dataclass(config)
    hints = get_type_hints(config, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(config)}


def _problem(value: object, hint: Any, *limits: Any) -> str | None:
    """Return which values a type allows if this one is not among them."""
    if get_origin(hint) is Annotated:
        inner, *limits_of_hint = get_args(hint)
        return _problem(value, inner, *limits_of_hint)
    kinds = get_args(hint)
    if get_origin(hint) is Literal:
        return None if value in kinds else f"one of {', '.join(map(str, kinds))}"
    if get_origin(hint) in (Union, UnionType):
        problems = [_problem(value, kind, *limits) for kind in kinds]
        return None if None in problems else " or ".join(filter(None, problems))
    if get_origin(hint) is tuple:
        return _problem_of_tuple(value, kinds, *limits)
    if hint in (int, float):
        return _problem_of_number(value, hint, *limits)
    if hint is str:
        return None if _is_text(value) else "text that UTF-8 can encode"
    if hint is type(None):
        return None if value is None else "null"
    return None if type(value) is hint else {bool: "true or false"}.get(hint, hint.__name__)


def _problem_of_tuple(value: object, kinds: tuple[Any, ...], *limits: Any) -> str | None:
    lengths = next((limit for limit in limits if isinstance(limit, Lengths)), None)
    if kinds[-1] is not Ellipsis:
        lengths = Lengths(len(kinds), len(kinds))
    count = f"{lengths.minimum} to {lengths.maximum} " if lengths else ""
    if lengths and lengths.minimum == lengths.maximum:
        count = f"{lengths.minimum} "
    if not isinstance(value, tuple) or (
        lengths and not lengths.minimum <= len(value) <= lengths.maximum
    ):
        return f"a list of {count}values"
    problem = next(filter(None, (_problem(entry, kinds[0], *limits) for entry in value)), None)
    return problem and f"a list of {count}values, each {problem}"


def _problem_of_number(value: object, kind: type, *limits: Any) -> str | None:
    bounds = next(limit for limit in limits if isinstance(limit, Bounds))
    number = type(value) is int or (kind is float and type(value) is float)
    if number and bounds.allow(value):  # type: ignore[arg-type]  # it is a number
        return None
    multiple = "" if bounds.multiple_of == 1 else f", a multiple of {bounds.multiple_of},"
    name = "an integer" if kind is int else "a number"
    return f"{name}{multiple} between {bounds.minimum:g} and {bounds.maximum:.15g}"


def _is_text(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(value.encode() or True)
    except UnicodeEncodeError:
        return False
