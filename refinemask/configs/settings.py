"""Settings of a model that are given by hand, because its file does not record them: `NAME=VALUE`.

Names are those of the configuration, with dots: `score_threshold`, `input.short_side`,
`conventions.detection_iou`.
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Annotated, Any

from refinemask.configs.config import Conventions, InputConfig, ModelConfig
from refinemask.configs.options import Option
from refinemask.errors import RefineMaskError, WrongUsage
from refinemask.printable import shown

SETTINGS = (
    *(f"input.{field.name}" for field in dataclasses.fields(InputConfig)),
    "score_threshold",
    "max_detections",
    "bn_eps",
    *(f"conventions.{field.name}" for field in dataclasses.fields(Conventions)),
)
"""Names of what may be set: everything that decides results and does not follow from weights."""


def with_settings(config: ModelConfig, settings: Mapping[str, Any]) -> ModelConfig:
    """Return a configuration with other values.

    Args:
        config: of a model.
        settings: values by name, one of `SETTINGS`; lists, and a value alone, may stand for tuples.

    Raises:
        RefineMaskError: a name is unknown, or a value is not one that the configuration can have.
    """
    changes: dict[str, dict[str, Any]] = {"": {}}
    for name, value in settings.items():
        if name not in SETTINGS:
            raise RefineMaskError(
                f"unknown setting {shown(name)}; choose from score_threshold, max_detections, "
                "bn_eps, and the names below input. and conventions. in what refinemask info "
                "--json - shows as config"
            )
        part, _, field = name.rpartition(".")
        value = tuple(value) if isinstance(value, list) else value
        old = getattr(getattr(config, part) if part else config, field)
        alone = isinstance(old, tuple) and not isinstance(value, tuple)
        changes.setdefault(part, {})[field] = (value,) if alone else value
    whole = changes.pop("")
    try:
        for part, fields in changes.items():
            whole[part] = dataclasses.replace(getattr(config, part), **fields)
        return dataclasses.replace(config, **whole)
    except RefineMaskError as error:
        raise RefineMaskError(f"--set: {error}") from error


def read_settings(texts: tuple[str, ...]) -> dict[str, Any]:
    """Read `NAME=VALUE` texts; a value is a number, true, false, null, or numbers with commas.

    Raises:
        WrongUsage: a text is not of this form, or a name comes twice.
    """
    settings: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            values = json.loads(f"[{value}]")
        except ValueError:
            values = []
        if not equals or not values or name in settings:
            problem = "is given twice" if name in settings else "must be NAME=VALUE"
            raise WrongUsage(
                f"--set {shown(text)} {problem}; for example --set input.short_side=640 "
                "or --set input.mean=123.7,116.3,103.5"
            )
        settings[name] = values if len(values) > 1 else values[0]
    return settings


Settings = Annotated[
    tuple[str, ...],
    Option(
        flag="--set",
        metavar="NAME=VALUE",
        help="Set a value that the model's file does not record, such as input.short_side=640 or "
        "conventions.detection_iou=0.6; may be repeated. `refinemask info` shows the values.",
    ),
]
