"""Read the text of an mmdetection configuration as data; nothing in it is executed.

mmcv and mmengine save the resolved configuration as Python: assignments of literals and of `dict`
calls with keywords. What is neither becomes `UNREADABLE`.
"""

import ast
from collections.abc import Iterator
from itertools import count
from typing import Any

from refinemask.errors import RefineMaskError

_LONGEST = 10**6
_MOST_VALUES = 10**5


class _Unreadable:
    def __repr__(self) -> str:
        return "an expression that is no literal"


UNREADABLE = _Unreadable()


def read_config(text: str) -> dict[str, Any]:
    """Return the top-level names of a configuration; sequences are tuples.

    Raises:
        RefineMaskError: the text is not Python, or too long or too nested.
    """
    try:
        if len(text) > _LONGEST:
            raise ValueError(f"it has {len(text)} characters")
        body = ast.parse(text).body
        return {
            target.id: _value(statement.value)
            for statement in body
            if isinstance(statement, ast.Assign)
            for target in statement.targets
            if isinstance(target, ast.Name)
        }
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
    return value


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
        pairs = zip(node.keys, node.values, strict=True)
        return {k.value: _value(v) for k, v in pairs if isinstance(k, ast.Constant)}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        return {word.arg: _value(word.value) for word in node.keywords if word.arg}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _value(node.operand)
        return -number if isinstance(number, int | float) else UNREADABLE
    return UNREADABLE
