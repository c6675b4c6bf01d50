"""Stages that work on consecutive items at the same time, in threads (standard library only)."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

IN_FLIGHT = 4
"""Most items that are in work or done and not yet taken: one in each of three stages, and one."""

Stage = Callable[[Any], Any]
"""Takes an item, or what the stage before returned for it."""


def run_stages(items: Iterable[Any], stages: Sequence[Stage]) -> Generator[Any, None, None]:
    """Yield what the last stage returns for each item, in order.

    Each stage has a thread of its own. `items` is read in the thread of the caller, where it may
    block, and only as far as `IN_FLIGHT` allows. When the generator ends, for whatever reason, its
    threads have ended: what has begun is waited for, what has not is dropped.

    Raises:
        Exception: what a stage or `items` raised, after the results for the items before.
    """
    threads = [ThreadPoolExecutor(1, thread_name_prefix="refinemask") for _ in stages]
    waiting: deque[Future[Any]] = deque()
    try:
        for result in _submitted(items, stages, threads):
            waiting.append(result)
            while waiting and (len(waiting) == IN_FLIGHT or waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for wait in (False, True):
            for thread in threads:
                thread.shutdown(wait, cancel_futures=True)


def _submitted(
    items: Iterable[Any], stages: Sequence[Stage], threads: Sequence[ThreadPoolExecutor]
) -> Iterator[Future[Any]]:
    """Yield the future result for each item, and what `items` raises as that of the last."""
    result: Future[Any]
    try:
        for item in items:
            result = Future()
            result.set_result(item)
            for stage, thread in zip(stages, threads, strict=True):
                # Threads take their work in order, so that what a stage waits for has begun.
                result = thread.submit(_after, result, stage)
            yield result
    except Exception as error:
        result = Future()
        result.set_exception(error)
        yield result


def _after(previous: Future[Any], stage: Stage) -> Any:
    return stage(previous.result())
