"""Read the text of an mmdetection configuration as data; nothing in it is executed.

mmcv and mmengine save the resolved configuration as Python: assignments of literals and of `dict`
calls with keywords. What is neither becomes `UNREADABLE`, and so does each name in statements of
other kinds, which may change it.
"""

import ast
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from refinemask.errors import RefineMaskError
from refinemask.printable import shown

_LONGEST = 10**6
_MOST_VALUES = 10**5


class _Unreadable:
    def __repr__(self) -> str:
        return "an expression that is no literal"


UNREADABLE = _Unreadable()
ABSENT = object()


def read_config(text: str) -> dict[str, Any]:
    """Return the top-level names of a configuration; sequences are tuples.

    Raises:
        RefineMaskError: the text is not Python, or too long or too nested.
    """
    try:
        if len(text) > _LONGEST:
            raise ValueError(f"it has {len(text)} characters")
        found: dict[str, Any] = {}
        for statement in ast.parse(text).body:
            found |= _read_statement(statement)
        return found
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _refusal(error) from error


def plain(value: dict[Any, Any]) -> dict[str, Any]:
    """Return a configuration that is already data with tuples for lists, as `read_config` does.

    Raises:
        RefineMaskError: it has too many values, or is too nested.
    """
    try:
        return _plain(value, count())
    except (ValueError, RecursionError) as error:
        raise _refusal(error) from error


def _plain(value: Any, counter: Iterator[int]) -> Any:
    """Copy a value; what a pickle refers to many times becomes as many values."""
    if next(counter) > _MOST_VALUES:
        raise ValueError(f"it has more than {_MOST_VALUES} values")
    if isinstance(value, dict):
        return {name: _plain(entry, counter) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_plain(entry, counter) for entry in value)
    return value if value is None or isinstance(value, str | int | float) else UNREADABLE


def at(config: Any, place: str) -> Any:
    """Return the value at a dotted place: `ABSENT` if there is none, or `UNREADABLE`."""
    for name in place.split("."):
        if config is UNREADABLE:
            return UNREADABLE
        if not isinstance(config, Mapping) or name not in config:
            return ABSENT
        config = config[name]
    return config


def unsupported(place: str, value: Any, supported: str) -> RefineMaskError:
    """Return the error that refuses a value by its place."""
    return RefineMaskError(
        f"its configuration sets {place} to {shown(value)}; supported is {supported}"
    )


def _read_statement(statement: ast.stmt) -> dict[str, Any]:
    """Return the names that a statement sets or may change, with their values."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {}
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        if len(names) == len(targets):
            return {} if statement.value is None else dict.fromkeys(names, _value(statement.value))
    return {node.id: UNREADABLE for node in ast.walk(statement) if isinstance(node, ast.Name)}


def _refusal(error: Exception) -> RefineMaskError:
    return RefineMaskError(
        "the configuration that it records, which decides results, cannot be read "
        f"({type(error).__name__}: {str(error)[:80]}); save the weights alone with "
        "torch.save(checkpoint['state_dict'], FILE) to load them as the published model"
    )


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.List | ast.Tuple):
        return tuple(map(_value, node.elts))
    if isinstance(node, ast.Dict):
        keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
        if len(keys) < len(node.keys):
            return UNREADABLE
        return dict(zip(keys, map(_value, node.values), strict=True))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        return _called_dict(node)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _value(node.operand)
        return -number if isinstance(number, int | float) else UNREADABLE
    return UNREADABLE


def _called_dict(call: ast.Call) -> Any:
    """Return what `dict` makes of keywords, and of the literal that mmcv writes for other names."""
    words = {word.arg: _value(word.value) for word in call.keywords}
    start = _value(call.args[0]) if len(call.args) == 1 else {}
    if None in words or len(call.args) > 1 or not isinstance(start, dict):
        return UNREADABLE
    return start | words
