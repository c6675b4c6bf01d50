"""Text of unknown origin, made harmless on terminals, in logs and in pictures."""

import re

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters other than tab and newline
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # they reorder the text around them
    "\u2028\u2029\ud800-\udfff]"  # they end lines, or have no UTF-8
)


def printable(text: str) -> str:
    """Write characters that would steer a terminal, or cannot be encoded, as escapes."""
    return _UNSAFE.sub(_escape, text)


def one_line(text: str) -> str:
    r"""Return `text` as `printable` does, with escapes for tabs and newlines too."""
    return printable(text).replace("\n", r"\n").replace("\t", r"\t")


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
