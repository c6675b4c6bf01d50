"""Keep what ends a process from cutting an update of the weights, or the state on disk, in two."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold SIGINT, SIGTERM and SIGHUP back until the block is done."""
    held: list[int] = []
    with _handled(lambda number, _: held.append(number)):
        yield
    if held:
        signal.raise_signal(held[0])


@contextmanager
def stop_requests(several_processes: bool) -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether the run was asked to stop.

    A process alone is interrupted (KeyboardInterrupt) by the first SIGINT, SIGTERM or SIGHUP; later
    ones are only noted, so that they cannot interrupt what saves the state. One of several
    processes must not stop where the others wait for it, so there all are only noted, for all to
    stop at the same iteration; torchrun sends SIGTERM when another process fails.
    """
    received: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        received.append(number)
        if len(received) == 1 and not several_processes:
            raise KeyboardInterrupt

    with _handled(stop):
        yield lambda: bool(received)


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Let `handler` have the signals, except for those that are ignored, as by nohup."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread ever gets any
        return
    with ExitStack() as restored:  # which restores all, whatever comes between
        for number in _ENDING:
            previous = signal.getsignal(number)
            if previous is not signal.SIG_IGN:
                restored.callback(signal.signal, number, previous or signal.SIG_DFL)
                signal.signal(number, handler)
        yield
