"""Text from files and runtimes, made fit for a line on a terminal (standard library only)."""

import unicodedata
from typing import Any

_LONGEST_LINE = 300
_LONGEST_VALUE = 60


def is_clean(text: str) -> bool:
    """Return whether a text has a form in UTF-8 and no control characters."""
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def one_line(error: BaseException) -> str:
    """Return the last line of the message of an error of a runtime, short and printable."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return printable(lines[-1])


def printable(text: str) -> str:
    """Return the beginning of a text, with a question mark for every control character."""
    return "".join(c if c.isprintable() else "?" for c in text[:_LONGEST_LINE])


def shown(value: Any) -> str:
    """Return a value as it stands in an error: short, and of printable ASCII characters."""
    if isinstance(value, int) and value.bit_length() > 1000:  # Python refuses to print a long one
        return f"an integer of {value.bit_length()} bits"
    text = ascii(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
