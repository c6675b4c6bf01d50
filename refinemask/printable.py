"""Text for people: numbers with nouns, and what is of unknown origin made harmless on terminals."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters other than tab and newline
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # they reorder the text around them
    "\u2028\u2029\ud800-\udfff]"  # they end lines, or have no UTF-8
)

_LONGEST_LINE = 300
_LONGEST_VALUE = 60


def printable(text: str) -> str:
    """Write characters that would steer a terminal, or cannot be encoded, as escapes."""
    return _UNSAFE.sub(_escape, text)


def one_line(text: str) -> str:
    r"""Return `text` as `printable` does, with escapes for tabs and newlines too."""
    return printable(text).replace("\n", r"\n").replace("\t", r"\t")


def last_line(error: BaseException) -> str:
    """Return the beginning of the last line of an error's message, or its type if it has none."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return one_line(lines[-1][:_LONGEST_LINE])


def shown(value: Any) -> str:
    """Return a value as it stands in an error: short, and of printable ASCII characters.

    No more of it is rendered than is shown: a list in a pickle may hold another a thousand times,
    and that one the next.
    """
    text = ""
    try:
        for part in _parts(value):
            text += part
            if len(text) > _LONGEST_VALUE:
                return f"{text[:_LONGEST_VALUE]}..."
    except (ValueError, RecursionError):  # an integer of thousands of digits; endless nesting
        return f"a value of type {type(value).__name__} that is too long to show"
    return text


def _parts(value: Any) -> Iterator[str]:
    """Yield `ascii(value)` in parts; of long texts the beginning alone."""
    if isinstance(value, str | bytes | bytearray):
        yield ascii(value[: _LONGEST_VALUE + 1])
    elif isinstance(value, dict):
        yield "{"
        for index, (key, entry) in enumerate(value.items()):
            yield ", " if index else ""
            yield from _parts(key)
            yield ": "
            yield from _parts(entry)
        yield "}"
    elif isinstance(value, list | tuple | set | frozenset):
        start, end = "[]" if isinstance(value, list) else "()" if isinstance(value, tuple) else "{}"
        yield start
        for index, entry in enumerate(value):
            yield ", " if index else ""
            yield from _parts(entry)
        yield f",{end}" if isinstance(value, tuple) and len(value) == 1 else end
    else:
        yield ascii(value)


def counted(number: int, noun: str) -> str:
    """Return a number and its noun in the right form."""
    plural = "es" if noun.endswith("s") else "s"
    return f"{number} {noun}{'' if number == 1 else plural}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows of a table as lines whose columns are aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return names with commas, on one line; of more than `most` the first, and their number."""
    names, more = names[:most], f", ... ({len(names)})" if len(names) > most else ""
    return one_line(", ".join(names)) + more


def is_clean(text: str) -> bool:
    """Return whether a text has a form in UTF-8 and no control characters."""
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
