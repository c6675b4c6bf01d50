"""Mutations of bytes, text and JSON that have broken readers before."""

import copy
import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

Mutation = Callable[[bytes, Random], bytes]

NUMBERS: tuple[int | float, ...] = (
    *(0, 1, -1, 2, 7, 255, 65536, 10**12, 10**18),
    *(2**31 - 1, 2**31, 2**32, 2**58, 2**63 - 1, 2**63, -(2**63)),
    *(0.5, 1.0, -0.0, 1e-300, 1e15, 1e300),
)
_RAW = {
    "deep list": "[" * 100_000 + "]" * 100_000,
    "deep object": '{"a":' * 100_000 + "0" + "}" * 100_000,
    "digits": "9" * 5000,
    "exponent": "1e400",
    "nan": "NaN",
    "infinity": "Infinity",
    "negative infinity": "-Infinity",
}
"""What json.dumps does not write, by the names that stand for it until then."""
_VALUES: tuple[Any, ...] = (
    *NUMBERS,
    *(None, True, False, [], {}, [[]], [None], [0], {"a": 0}),
    *("", "a", "0", "\ud800", "\0", "\x1b[2J", "/", "../../a", "x" * 100_000, "é\u202e"),
    *(f"\ue000{name}\ue000" for name in _RAW),
)


def mutate_bytes(data: bytes, random: Random) -> bytes:
    """Flip, overwrite, insert, remove, repeat or cut at a random place."""
    if not data:
        return random.randbytes(random.randint(1, 16))
    place, length = random.randrange(len(data)), random.choice((1, 2, 4, 8, 64))
    number = random.choice([n for n in NUMBERS if isinstance(n, int)]) % 2**64
    word = (number % 2**32).to_bytes(4, random.choice(("big", "little")))
    head, tail = data[:place], data[place:]
    return random.choice(
        (
            lambda: head + bytes([tail[0] ^ (1 << random.randrange(8))]) + tail[1:],
            lambda: head + random.randbytes(length) + tail[length:],
            lambda: head + word + tail[4:],
            lambda: head + number.to_bytes(8, "little") + tail[8:],
            lambda: head + random.randbytes(length) + tail,
            lambda: head + tail[length:],
            lambda: head + tail[:length] * random.choice((2, 100)) + tail[length:],
            lambda: head,
        )
    )()


def mutate_text(data: bytes, random: Random) -> bytes:
    """Put another number, word or line in the place of one, or mutate bytes."""
    found = list(re.finditer(rb"[-+.\w]+|[^\n]*\n|[^\w\s]", data))
    if not found or random.random() < 0.2:
        return mutate_bytes(data, random)
    start, end = random.choice(found).span()
    other = random.choice(found)[0]
    value = random.choice((*NUMBERS, "nan", "inf", "-inf", "9" * 5000, "&a", "*a", "é", "\0", ""))
    new = random.choice((other, str(value).encode(), other * 2, b"[" * 2000))
    return data[:start] + new + data[end:]


def mutate_json(data: bytes, random: Random) -> bytes:
    """Change a random value of a JSON text; mutate the bytes of what is no JSON."""
    try:
        tree = [json.loads(data)]
    except (ValueError, RecursionError):
        return mutate_bytes(data, random)
    if random.random() < 0.1:
        return mutate_bytes(data, random)
    for _ in range(random.choice((1, 1, 2, 3))):
        change_value(tree, random)
    return dump_json(tree[0])


def dump_json(value: Any) -> bytes:
    """Write JSON with the texts in it that stand for what `json.dumps` refuses."""
    text = json.dumps(value)
    for name, raw in _RAW.items():
        text = text.replace(f'"\\ue000{name}\\ue000"', raw)
    return text.encode()


def change_value(tree: list[Any], random: Random) -> None:
    """Change, remove, repeat or move a random value below the list `tree`."""
    places = [(tree, 0), *_places(tree[0])]
    holder, key = random.choice(places)
    other_holder, other_key = random.choice(places)
    value, other = holder[key], other_holder[other_key]
    choice = random.randrange(8)
    if choice == 0 and holder is not tree:
        del holder[key]
    elif choice == 1 and isinstance(value, int | float) and abs(value) < 1e300:
        holder[key] = random.choice((-value, value + 1, value * 1000, value / 2, str(value)))
    elif choice == 1 and isinstance(value, list):
        holder[key] = value * random.choice((2, 1000))
    elif choice == 1 and isinstance(value, str) and value:
        holder[key] = mutate_bytes(value.encode("utf-8", "replace"), random).decode(
            "utf-8", "surrogateescape"
        )
    elif choice == 2:
        holder[key] = random.choice(([value], {"a": value}))
    elif choice == 3:
        holder[key] = copy.deepcopy(other)
    else:
        holder[key] = copy.deepcopy(random.choice(_VALUES))


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return the container and the key of each value below `value`."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, list | dict):
            keys = range(len(holder)) if isinstance(holder, list) else holder
            found += [(holder, key) for key in keys]
            waiting += [holder[key] for key in keys]
    return found
