"""Background uploads: in order, awaited, and loud when they fail."""

import threading

import pytest

from vmt.training.publisher import Publisher


def test_order_is_kept_and_leaving_waits() -> None:
    done: list[int] = []
    gate = threading.Event()
    with Publisher() as publisher:
        publisher.submit(lambda: (gate.wait(5), done.append(0))[1])
        publisher.submit(lambda: done.append(1))
        assert done == []
        gate.set()
        for number in range(2, 6):
            publisher.submit(lambda number=number: done.append(number))
    assert done == list(range(6))


def test_an_error_is_raised_and_stops_the_rest() -> None:
    done: list[int] = []

    def fail() -> None:
        raise OSError("the store is gone")

    def publish() -> None:
        with Publisher() as publisher:
            publisher.submit(fail)
            for number in range(10):
                publisher.submit(lambda number=number: done.append(number))

    with pytest.raises(OSError, match="the store is gone"):
        publish()
    assert len(done) < 10
