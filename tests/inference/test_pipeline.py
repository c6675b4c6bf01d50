"""Stages in threads: order, overlap, bounds, and ends of every kind."""

import itertools
import threading
import time

import pytest

from refinemask.inference.pipeline import IN_FLIGHT, run_stages


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("refinemask")]


def double(item):
    return 2 * item


@pytest.mark.parametrize("count", [0, 1, IN_FLIGHT, 50])
def test_results_are_in_order(count):
    def slow_now_and_then(item):
        time.sleep(0.002 * (item % 3 == 0))
        return item + 1

    found = run_stages(range(count), (double, slow_now_and_then, str))
    assert list(found) == [str(2 * item + 1) for item in range(count)]
    assert not threads()


def test_stages_work_at_the_same_time():
    """Each stage holds its first item until all of them have begun with one."""
    everyone = threading.Barrier(3, timeout=30)

    def stage(number):
        def work(item):
            if item == 2 - number:  # the first stage is two items ahead of the last
                everyone.wait()
            return item

        return work

    assert list(run_stages(range(4), [stage(number) for number in range(3)])) == [0, 1, 2, 3]


def test_no_more_is_read_than_is_in_flight():
    read = []

    def endless():
        for item in itertools.count():
            read.append(item)
            yield item

    results = run_stages(endless(), (double, double))
    for taken in range(20):
        assert next(results) == 4 * taken
        assert len(read) <= taken + IN_FLIGHT
    results.close()
    assert not threads()


def test_a_result_does_not_wait_for_all_that_may_be_in_flight():
    """Of a camera, for example: what is done is yielded before the next but one is read."""
    read = []

    def slowly():
        for item in range(4):
            time.sleep(0.2)
            read.append(item)
            yield item

    results = run_stages(slowly(), (double,))
    assert next(results) == 0
    assert len(read) <= 2
    results.close()


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_closing_ends_the_threads(taken):
    begun = []

    def work(item):
        begun.append(item)
        time.sleep(0.01)
        return item

    results = run_stages(itertools.count(), (work, double))
    for _ in range(taken):
        next(results)
    results.close()
    assert not threads()
    count = len(begun)
    assert count < taken + IN_FLIGHT
    time.sleep(0.05)
    assert len(begun) == count


def test_leaving_a_loop_ends_the_threads():
    for result in run_stages(itertools.count(), (double, double)):
        if result == 8:
            break
    assert not threads()


@pytest.mark.parametrize("place", ["items", "first", "second", "third"])
def test_an_error_comes_after_the_results_before_it(place):
    def failing(name):
        def work(item):
            if name == place and item == 3:
                raise LookupError(name)
            return item

        return work

    results = run_stages(
        map(failing("items"), itertools.count()),
        [failing(name) for name in ("first", "second", "third")],
    )
    found = []
    with pytest.raises(LookupError, match=place):
        for result in results:
            found.append(result)
    assert found == [0, 1, 2]
    assert not threads()
    assert not list(results)


def test_an_interruption_while_reading_does_not_wait():
    def interrupted():
        yield 0
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(run_stages(interrupted(), (double,)))
    assert not threads()
