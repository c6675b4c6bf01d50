"""Text of unknown origin cannot steer a terminal."""

from typing import Any

import pytest

from refinemask.printable import one_line, printable, shown


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


@pytest.mark.parametrize(
    "value",
    ["caf\u00e9", b"a", 3, -1.5, None, True, [], [1, "a"], (), (1,), (1, 2), {}, {"a": [1], 2: ()}],
)
def test_short_values_are_shown_whole(value: Any) -> None:
    assert shown(value) == ascii(value)


@pytest.mark.parametrize("value", ["x" * 100, [1] * 50, {"a": list(range(50))}, b"\0" * 61])
def test_the_beginning_of_long_values_is_shown(value: Any) -> None:
    assert shown(value) == f"{ascii(value)[:60]}..."


def test_huge_values_are_not_rendered() -> None:
    shared: Any = 1
    endless: list[Any] = []
    endless.append(endless)
    for _ in range(100):
        shared = [(shared,) * 1000, {"a": shared}]
    assert shown(shared) == "[(" * 30 + "..."
    assert shown(endless) == "[" * 60 + "..."
    assert shown("\ud800" * 10**6).startswith("'\\ud800")
    assert shown(10**5000) == "a value of type int that is too long to show"
