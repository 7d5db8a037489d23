"""Overlapping stages: in order, a bounded number of items ahead, and never a thread left behind."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from pipeline.engine.stream import ahead, aside, batches, portions


class Counter:
    """An endless source that knows how far it was read and whether it was closed."""

    def __init__(self, end: int | None = None, error: BaseException | None = None) -> None:
        self.made, self.closed = 0, False
        self._end, self._error = end, error

    def items(self) -> Iterator[int]:
        try:
            while self._end is None or self.made < self._end:
                self.made += 1
                yield self.made - 1
            if self._error is not None:
                raise self._error
        finally:
            self.closed = True


def stage_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("gait-")]


def wait_until(condition) -> None:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert condition()


@pytest.fixture(autouse=True)
def no_thread_stays():
    yield
    assert stage_threads() == []


@pytest.mark.parametrize("depth", [0, 1, 3, 100])
def test_items_come_unchanged_and_in_order(depth):
    assert list(ahead(iter(range(50)), depth)) == list(range(50))


def test_nothing_gives_nothing():
    assert list(ahead(iter(()), 4)) == []


def test_none_and_exceptions_are_items_like_any_other():
    items = [None, ValueError("an item, not an error"), []]
    assert list(ahead(items, 2)) == items


def test_the_producer_runs_ahead_by_the_depth_and_no_further():
    source = Counter()
    with closing(ahead(source.items(), 3)) as stream:
        assert next(stream) == 0
        # Three wait in the queue, one more is in the producer's hand.
        wait_until(lambda: source.made == 5)
        time.sleep(0.15)
        assert source.made == 5


def test_the_producer_works_in_a_thread_that_bears_the_stages_name():
    def where() -> Iterator[str]:
        yield threading.current_thread().name

    assert list(ahead(where(), 1, "decode")) == ["gait-decode"]


@pytest.mark.parametrize("error", [ValueError("no such thing"), KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_an_error_of_the_producer_is_raised_as_itself_after_what_came_before(error):
    source, seen = Counter(2, error), []
    with pytest.raises(type(error)) as raised:
        seen.extend(ahead(source.items(), 4))
    assert raised.value is error


def test_items_made_before_the_error_are_all_seen():
    source, seen = Counter(3, ValueError()), []
    with pytest.raises(ValueError):
        for item in ahead(source.items(), 1):
            seen.append(item)
    assert seen == [0, 1, 2]


def test_an_error_while_the_source_is_opened_is_raised_too():
    class Unopenable:
        def __iter__(self):
            raise OSError("cannot be opened")

    with pytest.raises(OSError, match="cannot be opened"):
        list(ahead(Unopenable(), 2))


def test_a_consumer_that_stops_early_ends_the_thread_and_closes_the_source():
    source = Counter()
    with closing(ahead(source.items(), 2)) as stream:
        next(stream)
    assert source.closed and stage_threads() == []


def test_an_error_of_the_consumer_ends_the_thread_and_closes_the_source():
    source = Counter()
    with pytest.raises(ZeroDivisionError), closing(ahead(source.items(), 2)) as stream:
        for item in stream:
            1 // item
    assert source.closed and stage_threads() == []


def test_a_stream_that_nobody_reads_starts_no_thread():
    source = Counter()
    stream = ahead(source.items(), 2)
    assert stage_threads() == []
    stream.close()
    assert source.made == 0


def chained(source: Counter):
    first = ahead(source.items(), 2, "first")
    second = ahead((10 * item for item in first), 2, "second")
    return first, second


def test_stages_can_be_chained():
    _, second = chained(Counter(20))
    assert list(second) == [10 * item for item in range(20)]


def test_closing_a_chain_from_its_end_ends_every_thread():
    source = Counter()
    first, second = chained(source)
    with closing(first), closing(second):
        assert next(second) == 0
    assert source.closed and stage_threads() == []


def test_an_error_at_the_beginning_of_a_chain_comes_out_at_its_end():
    first, second = chained(Counter(3, ValueError("first stage")))
    with pytest.raises(ValueError, match="first stage"), closing(first), closing(second):
        list(second)


@pytest.mark.parametrize(
    ("count", "size", "lengths"),
    [(0, 4, []), (3, 4, [3]), (4, 4, [4]), (9, 4, [4, 4, 1]), (2, 1, [1, 1])],
    ids=str,
)
def test_batches_are_full_but_for_the_last(count, size, lengths):
    found = list(batches(iter(range(count)), size))
    assert [len(batch) for batch in found] == lengths
    assert [item for batch in found for item in batch] == list(range(count))


def test_no_batch_holds_items_of_two():
    found = list(batches(iter(range(12)), 4, lambda item: item // 5))
    assert found == [[0, 1, 2, 3], [4], [5, 6, 7, 8], [9], [10, 11]]


def test_batches_read_no_further_than_asked():
    source = Counter()
    found = batches(source.items(), 4)
    next(found)
    assert source.made == 4


def test_what_is_handed_aside_comes_in_order_and_whole():
    taken = []
    with aside(taken.extend, 3) as hand_over:
        for item in range(50):
            hand_over(item)
    assert taken == list(range(50))


def test_handing_aside_waits_for_what_has_not_been_taken():
    may_go_on, handed = threading.Event(), []

    def consume(items):
        may_go_on.wait()
        assert list(items) == list(range(10))

    def produce():
        with aside(consume, 2) as hand_over:
            for item in range(10):
                hand_over(item)
                handed.append(item)

    producer = threading.Thread(target=produce)
    producer.start()
    wait_until(lambda: len(handed) == 2)
    may_go_on.set()
    producer.join()
    assert len(handed) == 10


def test_an_error_aside_is_raised_where_items_are_handed_over():
    def consume(items):
        next(items)
        raise ValueError("aside")

    with pytest.raises(ValueError, match="aside"), aside(consume, 1) as hand_over:
        for item in range(10):
            hand_over(item)


def test_an_error_aside_after_the_last_item_is_raised_too():
    def consume(items):
        list(items)
        raise ValueError("at the end")

    with pytest.raises(ValueError, match="at the end"), aside(consume, 5) as hand_over:
        hand_over(1)


def test_an_error_beside_it_ends_what_is_aside():
    ended = []

    def consume(items):
        list(items)
        ended.append(True)

    with pytest.raises(KeyError), aside(consume, 5) as hand_over:
        hand_over(1)
        raise KeyError
    assert ended == [True]


def test_a_producer_that_waits_for_what_never_comes_is_told_when_the_consumer_stops():
    arrived: queue.Queue[int | None] = queue.Queue()
    arrived.put(1)
    items = ahead(iter(arrived.get, None), 1, stop=lambda: arrived.put(None))
    assert next(items) == 1
    items.close()  # would wait for ever without
    assert arrived.empty()


def test_portions_are_as_large_as_fits_and_what_is_larger_comes_alone():
    assert list(portions([1, 2, 3, 9, 4, 1], int, 5)) == [[1, 2], [3], [9], [4, 1]]
    assert list(portions([], int, 5)) == []
