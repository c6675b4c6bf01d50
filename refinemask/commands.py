"""Commands made from functions that take options dataclasses."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Container
from dataclasses import MISSING, dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args, get_origin

import typer

from refinemask.configs.options import Option, OptionField, option_field, option_fields
from refinemask.console import exit_on_error

T = TypeVar("T")


@dataclass(frozen=True)
class Given(Generic[T]):
    """Those fields of the options dataclass T that were given on the command line."""

    values: dict[str, Any]


def as_command(function: Callable[..., None]) -> Callable[..., None]:
    """Return a function whose signature typer turns into the command line of `function`.

    A parameter whose type is an options dataclass, or `Given` of one, becomes the flags of its
    fields, except for those that the function has a parameter of its own for. A field of several
    options dataclasses is one flag, that of the first, and all get its value. A parameter that is
    annotated with an `Option` becomes one flag. The others are left to typer.
    """
    own = inspect.signature(function, eval_str=True).parameters
    fields = {name: _fields(parameter, own) for name, parameter in own.items()}
    shown = {"context": inspect.Parameter("context", _KEYWORD, annotation=typer.Context)}
    for name, parameter in own.items():
        flags = map(_flag, fields[name]) if fields[name] else [parameter.replace(kind=_KEYWORD)]
        for shown_flag in flags:
            shown.setdefault(shown_flag.name, shown_flag)

    @functools.wraps(function)
    def command(context: typer.Context, **values: Any) -> None:
        arguments = {}
        for name, parameter in own.items():
            read = {field.name: _read(field, values[field.name]) for field in fields[name]}
            options = _options_class(parameter)
            if options is None:
                arguments[name] = read.get(name, values[name])
            elif get_origin(parameter.annotation) is Given:
                arguments[name] = Given({k: v for k, v in read.items() if _is_given(context, k)})
            else:
                arguments[name] = options(**read)
        function(**arguments)

    command.__signature__ = inspect.Signature(list(shown.values()))  # type: ignore[attr-defined]
    return command


def new_program(**commands: Callable[..., None]) -> typer.Typer:
    """Return a program of commands by name; one command alone is the program."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    for name, function in commands.items():
        app.command(name)(exit_on_error(as_command(function)))
    return app


_KEYWORD = inspect.Parameter.KEYWORD_ONLY


def _options_class(parameter: inspect.Parameter) -> type[object] | None:
    hint = parameter.annotation
    kind = get_args(hint)[0] if get_origin(hint) is Given else hint
    return kind if isinstance(kind, type) and dataclasses.is_dataclass(kind) else None


def _fields(parameter: inspect.Parameter, own: Container[str]) -> list[OptionField]:
    """Return the fields that a parameter stands for; none if it is left to typer."""
    options = _options_class(parameter)
    if options is not None:
        return [field for field in option_fields(options) if field.name not in own]
    hint, default = parameter.annotation, parameter.default
    if not any(isinstance(extra, Option) for extra in get_args(hint)):
        return []
    return [option_field(parameter.name, hint, MISSING if default is parameter.empty else default)]


def _flag(field: OptionField) -> inspect.Parameter:
    """Return the parameter that typer makes the flag of a field from."""
    option, kind, default = field.option, field.type, field.default
    if option.read is not None:
        kind, default = str, ",".join(default) if isinstance(default, tuple) else default
    elif option.choices:
        kind = Literal[option.choices]
    elif get_origin(kind) is tuple:
        kind, default = list[get_args(kind)[0]], default or None  # type: ignore[misc]
    declared = typer.Option(
        field.flag, metavar=option.metavar, min=option.min, max=option.max, help=field.help
    )
    return inspect.Parameter(
        field.name,
        _KEYWORD,
        default=inspect.Parameter.empty if default is MISSING else default,
        annotation=Annotated[kind | None if default is None else kind, declared],
    )


def _read(field: OptionField, value: Any) -> Any:
    """Return the value of a field from what typer has read."""
    if isinstance(value, str) and field.option.read is not None:
        return field.option.read(value)
    if isinstance(value, list):
        return tuple(value) or field.default
    return field.default if value is None and field.default == () else value


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
