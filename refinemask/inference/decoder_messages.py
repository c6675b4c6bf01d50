"""What decoders written in C print on standard error, taken from there.

libjpeg decodes what it can of a damaged image and reports that in a line without the image's name,
which nothing but standard error gets.
"""

import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, TypeVar

_T = TypeVar("_T")

_DAMAGE = re.compile(
    rb"(?:Corrupt JPEG data|Premature end of JPEG|Inconsistent progression|Invalid SOS)[^\n]*"
)
_FROM_DECODERS = re.compile(
    rb"(?:%b|(?:Warning: unknown JFIF|Unknown Adobe color|Premature end|libpng )[^\n]*)\n"
    % _DAMAGE.pattern
)
_state = threading.Condition()
_inside = 0
_alone = False
_caught: IO[bytes] | None = None
_shown = -1


def decode_silently(decode: Callable[[], _T]) -> _T:
    """Return what `decode` returns, with nothing of what it prints in C."""
    with _redirected():
        return decode()


def decode_noting(decode: Callable[[], _T]) -> tuple[_T, str]:
    """Return what `decode` returns and what libjpeg said of damage, or "".

    Standard error belongs to the process: where something was said while several threads were
    decoding, `decode` is called again with the others waiting.
    """
    with _redirected():
        result = decode()
        said = _damage()
    if said:
        with _redirected(alone=True):
            result = decode()
            said = _damage()
    return result, said


@contextmanager
def _redirected(alone: bool = False) -> Iterator[None]:
    """Catch standard error; with `alone`, while no other thread is in here."""
    global _inside, _alone
    with _state:
        _state.wait_for(lambda: not _alone)
        _alone = alone
        _state.wait_for(lambda: not (_alone and _inside))
        if _inside == 0:
            _catch()
        _inside += 1
    try:
        yield
    finally:
        with _state:
            _inside -= 1
            _alone = _alone and not alone
            if _inside == 0:
                _release()
            _state.notify_all()


def _catch() -> None:
    global _caught, _shown
    with suppress(OSError):  # where standard error is closed, nothing is shown
        _shown = os.dup(2)
        _caught = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - _release closes it
        os.dup2(_caught.fileno(), 2)


def _release() -> None:
    """Show standard error again, with what others than decoders have written meanwhile."""
    global _caught, _shown
    if _shown < 0:
        return
    os.dup2(_shown, 2)
    os.close(_shown)
    _shown = -1
    if _caught is not None:
        others = _FROM_DECODERS.sub(b"", _text())
        _caught.close()
        _caught = None
        with suppress(OSError):
            os.write(2, others)


def _text() -> bytes:
    if _caught is None:
        return b""
    size = os.fstat(_caught.fileno()).st_size
    return os.pread(_caught.fileno(), size, 0) if size else b""


def _damage() -> str:
    found = _DAMAGE.search(_text())
    return found[0].decode("ascii", "replace") if found else ""


def _start_anew() -> None:
    """In a process that was forked, where no other thread is left."""
    global _state, _inside, _alone
    _state, _inside, _alone = threading.Condition(), 0, False
    _release()


os.register_at_fork(
    before=lambda: _state.acquire(),
    after_in_parent=lambda: _state.release(),
    after_in_child=_start_anew,
)
