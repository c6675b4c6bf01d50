"""Text of unknown origin cannot steer a terminal."""

import pytest

from refinemask.printable import one_line, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07\x1b[2J", r"\x1b]0;title\x07\x1b[2J"),
        ("a\rb\x9b31m\x7f", r"a\x0db\x9b31m\x7f"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\ud800", r"\ud800"),
        ("caf\u00e9 \u4eba \U0001f600 a\u200cb\tc\n", "caf\u00e9 \u4eba \U0001f600 a\u200cb\tc\n"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_one_line() -> None:
    assert one_line("a\nerror: b\tc") == r"a\nerror: b\tc"
