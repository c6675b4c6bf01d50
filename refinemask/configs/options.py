"""Options dataclasses: the options of a command, each stated once as a field.

Name, type and default are those of the field, the help text is the string below it, and an `Option`
in its annotation adds what a type cannot say. `refinemask.commands` makes the command line from
them; `check_options`, in `__post_init__`, holds callers of the API to the same limits.
"""

import ast
import dataclasses
import inspect
import math
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from refinemask.errors import WrongUsage


@dataclass(frozen=True)
class Option:
    """What the annotation of a field says about its flag and its values.

    Attributes:
        flag: the flag, if it is not the name of the field.
        metavar: what stands for the value in the help.
        help: the help text, if there is no string below the field.
        min: the smallest value allowed.
        max: the largest value allowed.
        above: values must be greater than this.
        below: values must be less than this.
        multiple_of: values must be multiples of this.
        choices: the values allowed, if the type does not list them.
        read: parses the text of the command line, for values that are not single words or numbers.
    """

    flag: str | None = None
    metavar: str | None = None
    help: str = ""
    min: float | None = None
    max: float | None = None
    above: float | None = None
    below: float | None = None
    multiple_of: int | None = None
    choices: tuple[str, ...] = ()
    read: Callable[[str], Any] | None = None

    def allows(self, value: Any) -> bool:
        """Return whether a value is within the limits."""
        if self.choices:
            return value in self.choices
        limits = (self.min, self.max, self.above, self.below, self.multiple_of)
        if all(limit is None for limit in limits):
            return True
        least = -math.inf if self.min is None else self.min
        most = math.inf if self.max is None else self.max
        return (
            math.isfinite(value)
            and least <= value <= most
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
            and (self.multiple_of is None or value % self.multiple_of == 0)
        )

    def limits(self) -> str:
        """Say in words which values are allowed."""
        if self.choices:
            return " or ".join(self.choices)
        parts = [] if self.multiple_of is None else [f"a multiple of {self.multiple_of}"]
        if self.max is not None:
            parts.append(f"between {self.min} and {self.max}")
        elif self.min is not None:
            parts.append(f">= {self.min}")
        if self.above is not None:
            parts.append(f"> {self.above}")
        if self.below is not None:
            parts.append(f"< {self.below}")
        return " and ".join(parts)


@dataclass(frozen=True)
class OptionField:
    """A field of an options dataclass, or a parameter that is annotated like one.

    Attributes:
        name: its name in Python.
        type: its type without annotations and None, for example `tuple[str, ...]`.
        optional: whether None is allowed.
        option: what its annotation says.
        help: its help text, with flags in place of the names of fields.
        default: its default value, `dataclasses.MISSING` if it is required.
    """

    name: str
    type: Any
    optional: bool
    option: Option
    help: str
    default: Any = dataclasses.MISSING

    @property
    def flag(self) -> str:
        """The flag on the command line."""
        return self.option.flag or flag(self.name)


def flag(name: str) -> str:
    """Return the flag of an option that does not spell its own."""
    return f"--{name.replace('_', '-')}"


def option_fields(options: type[object]) -> tuple[OptionField, ...]:
    """Return the fields of an options dataclass in their order."""
    return _option_fields(options)  # type: ignore[arg-type]  # classes are hashable


@cache
def _option_fields(options: type[object]) -> tuple[OptionField, ...]:
    assert dataclasses.is_dataclass(options)
    hints = get_type_hints(options, include_extras=True)
    helps: dict[str, str] = {}
    for base in reversed(options.__mro__):
        helps |= _field_docstrings(base) if dataclasses.is_dataclass(base) else {}
    found = [
        option_field(field.name, hints[field.name], field.default, helps.get(field.name, ""))
        for field in dataclasses.fields(options)
    ]
    flags = {field.name: field.flag for field in found}

    def spelled(text: str) -> str:
        return re.sub(r"`([^`]*)`", lambda quoted: flags.get(quoted[1], quoted[1]), text)

    return tuple(dataclasses.replace(field, help=spelled(field.help)) for field in found)


def option_field(name: str, hint: Any, default: Any, help: str = "") -> OptionField:
    """Return what an annotation says about an option."""
    option = Option()
    if get_origin(hint) is Annotated:
        hint, *extras = get_args(hint)
        option = next((extra for extra in extras if isinstance(extra, Option)), option)
    kinds = [kind for kind in get_args(hint) if kind is not type(None)]
    optional = type(None) in get_args(hint)
    if optional:
        hint = kinds[0] if len(kinds) == 1 else str
    if get_origin(hint) is Literal:
        option = dataclasses.replace(option, choices=get_args(hint))
    return OptionField(name, hint, optional, option, help or option.help, default)


def check_options(options: object) -> None:
    """Check the fields of an options dataclass against their limits; None is always allowed.

    Raises:
        WrongUsage: a value is not allowed.
    """
    for field in option_fields(type(options)):
        value = getattr(options, field.name)
        if value is not None and not field.option.allows(value):
            raise WrongUsage(f"{field.flag} must be {field.option.limits()}, got {value!r}")


def read_names(text: str) -> tuple[str, ...]:
    """Read names that are separated by commas."""
    return tuple(name.strip() for name in text.split(","))


def _field_docstrings(options: type) -> dict[str, str]:
    """Read the strings below the fields of a class, which Python itself does not keep."""
    try:
        source = textwrap.dedent(inspect.getsource(options))
    except (OSError, TypeError):  # a program frozen without its source: flags without help
        return {}
    (definition,) = ast.parse(source).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for field, below in zip(definition.body, definition.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
        ):
            found[field.target.id] = " ".join(str(below.value.value).split())
    return found
