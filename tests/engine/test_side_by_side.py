"""Work done side by side: everything once, the first error itself, and nothing that nobody wants."""

from __future__ import annotations

import threading
import time

import pytest

from pipeline.engine.stream import side_by_side


@pytest.mark.parametrize("workers", [1, 3])
def test_every_item_is_done_once(workers: int) -> None:
    done: list[int] = []
    side_by_side(lambda item, check: done.append(item), range(10), workers)
    assert sorted(done) == list(range(10))


def test_an_error_is_raised_as_itself_and_stops_the_others() -> None:
    started = threading.Event()
    stopped = []

    def work(item: str, check) -> None:
        if item == "bad":
            started.wait(5)
            raise KeyError("bad")
        try:
            started.set()
            while True:
                check()
                time.sleep(0.001)
        finally:
            stopped.append(item)

    with pytest.raises(KeyError, match="bad"):
        side_by_side(work, ["long", "bad", "never started"], 2)
    assert stopped == ["long"]
