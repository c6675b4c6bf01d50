"""Keep Ctrl-C from cutting an update of the weights in two."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold an interruption (SIGINT) back until the block is done."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is ever interrupted
        return
    held = []
    previous = signal.signal(signal.SIGINT, lambda number, _: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous or signal.default_int_handler)
    if held:
        signal.raise_signal(signal.SIGINT)


@contextmanager
def stop_requests(several_processes: bool) -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether the run was asked to stop.

    One of several processes must not stop where the others wait for it, so SIGINT and SIGTERM
    (which torchrun sends when another process fails) are only noted, for all to stop at the same
    iteration. A process alone is interrupted as ever.
    """
    if not several_processes or threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    received = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    previous = [signal.signal(number, lambda n, _: received.append(n)) for number in numbers]
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in zip(numbers, previous, strict=True):
            signal.signal(number, handler or signal.SIG_DFL)
