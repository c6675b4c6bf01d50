"""The wire format of protobuf, read with the standard library and within bounds.

Implementations differ about what no writer makes: those of the runtimes cut a tag to 32 bits, so
that field 13 can be written as field 13 + 2^29. What they may read as something else is refused.
"""

from collections.abc import Iterator

MAX_FIELDS = 1_000_000
"""Most fields that are visited of one file, a hundred times as many as a detector has."""
_TAG_BITS, _VALUE_BITS = 32, 64
_VARINT, _LENGTH = 0, 2
_FIXED = {1: 8, 5: 4}
"""Bytes of the wire types of fixed size."""


class Reader:
    """Visits the messages in a file; `MAX_FIELDS` limits how many fields of all together."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._left = MAX_FIELDS

    def fields(self, message: range | None = None) -> Iterator[tuple[int, int | range]]:
        """Yield the number and the value of each field of a message, by default of the outermost.

        Integers are yielded as such; texts, bytes and messages as the positions of their bytes;
        fields of fixed size, such as floats, are left out.

        Raises:
            ValueError: this is not a message, or one of too many fields.
        """
        span = range(len(self.data)) if message is None else message
        position, end = span.start, span.stop
        while position < end:
            self._left -= 1
            if self._left < 0:
                raise ValueError(f"more than {MAX_FIELDS} fields")
            tag, position = self._varint(position, end, _TAG_BITS)
            number, wire = divmod(tag, 8)
            if not number:
                raise ValueError("a field without a number")
            if wire == _VARINT:
                value, position = self._varint(position, end)
                yield number, value
                continue
            if wire == _LENGTH:
                length, position = self._varint(position, end)
            elif wire in _FIXED:
                length = _FIXED[wire]
            else:
                raise ValueError(f"a field of wire type {wire}")
            if length > end - position:
                raise ValueError("a field that is cut off")
            if wire == _LENGTH:
                yield number, range(position, position + length)
            position += length

    def messages(self, message: range | None, wanted: int) -> Iterator[range]:
        """Yield the contents of each field of the number `wanted`, see `fields`."""
        for number, value in self.fields(message):
            if number == wanted and isinstance(value, range):
                yield value

    def text(self, span: range) -> str:
        """Return the text at some positions; a ValueError if it is not UTF-8."""
        return self.data[span.start : span.stop].decode()

    def _varint(self, position: int, end: int, bits: int = _VALUE_BITS) -> tuple[int, int]:
        """Read a number in groups of seven bits, lowest first; the eighth is set if more follow."""
        number = 0
        for shift in range(0, bits, 7):
            if position >= end:
                raise ValueError("a number that is cut off")
            byte = self.data[position]
            position += 1
            number |= (byte & 127) << shift
            if byte < 128 and not number >> bits:
                return number, position
        raise ValueError(f"a number of more than {bits} bits")
