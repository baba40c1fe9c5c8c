"""Work over processes: in order, bounded, and whatever kills or hangs a worker harms its own item
alone.
"""

import multiprocessing
import os
import signal
import time
from pathlib import Path

from vmt.runtime.events import thread_map
from vmt.runtime.worker_pool import Processes, WorkerFailure, default_workers, worker_map

CRASH, HANG, FAIL = -1, -2, -3


def work(item: int) -> tuple[int, int]:
    """The item's square and who made it, or what its name says."""
    if item == CRASH:
        os.kill(os.getpid(), signal.SIGSEGV)
    if item == HANG:
        time.sleep(600)
    if item == FAIL:
        raise ZeroDivisionError
    return item * item, os.getpid()


class Once:
    """Kills its worker at the first call of all."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __call__(self, item: int) -> int:
        if item == 1 and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return item


def test_outcomes_come_in_order_and_workers_are_kept() -> None:
    found = list(Processes(2)(work, range(12)))
    assert [square for square, _ in found] == [item * item for item in range(12)]
    assert 1 <= len({process for _, process in found}) <= 2
    assert os.getpid() not in {process for _, process in found}
    assert not multiprocessing.active_children()


def test_what_crashes_or_hangs_harms_nobody_else() -> None:
    items = [1, CRASH, 2, HANG, 3, FAIL, 4]
    started = time.monotonic()
    found = list(Processes(2, limit_s=2.0)(work, items))
    assert time.monotonic() - started < 120
    assert [each[0] for each in found if not isinstance(each, WorkerFailure)] == [1, 4, 9, 16]
    assert {item: found[items.index(item)].code for item in (CRASH, HANG, FAIL)} == {
        CRASH: "crashed",
        HANG: "timeout",
        FAIL: "crashed",
    }
    assert "SIGSEGV" in found[1].reason
    assert "longer than 2 s" in found[3].reason
    assert not multiprocessing.active_children()


def test_a_worker_that_was_killed_from_outside_costs_a_second_try(tmp_path: Path) -> None:
    assert list(Processes(2)(Once(tmp_path / "mark"), range(3))) == [0, 1, 2]


def test_a_single_item_harms_nobody_either() -> None:
    (lost,) = Processes(1)(work, [CRASH])
    assert isinstance(lost, WorkerFailure)
    assert "SIGSEGV" in lost.reason
    assert not multiprocessing.active_children()


def likely_to_go(item: int) -> int:
    """How soon the kernel ends this process where memory runs out."""
    return int(Path("/proc/self/oom_score_adj").read_text()) + item


def test_where_memory_runs_out_the_worker_goes_first() -> None:
    assert list(Processes(1)(likely_to_go, [0])) == [500]
    assert likely_to_go(0) < 500


def never(item: int) -> int:
    raise AssertionError(item)


def test_no_item_needs_no_process() -> None:
    started = time.monotonic()
    assert list(Processes(4)(never, [])) == []
    assert time.monotonic() - started < 0.1


def test_a_batch_that_is_left_leaves_no_process() -> None:
    outcomes = Processes(2)(work, [1, HANG, HANG])
    assert next(iter(outcomes))[0] == 1  # type: ignore[call-overload]
    outcomes.close()  # type: ignore[attr-defined]
    assert not multiprocessing.active_children()


def test_how_a_machine_spreads() -> None:
    assert worker_map(0) is thread_map
    assert [worker_map(1), worker_map(3), worker_map(None)] == [
        Processes(1),
        Processes(3),
        Processes(default_workers()),
    ]
    assert 1 <= default_workers() <= 8
