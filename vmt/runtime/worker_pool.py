"""`Processes`: a `Map` over worker processes of this machine, one item at a time each.

A decoder that crashes or hangs takes its own process along and nothing else: the item comes back as
`Lost`, and another worker goes on. That holds for a single item too, for a job that nobody watches
meets most videos alone. Workers are spawned, for CUDA and threads do not survive a fork; each gets
the function once, with settings for models and not the models, and loads them for itself.
"""

import os
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from vmt.runtime.events import Map, thread_map

LIMIT_S = 4 * 3600.0
"""Far above two hours of video on two slow cores; what takes longer hangs."""

_MOST = 8
_BYTES_EACH = 4 * 2**30  # CLIP ViT-L/14 in float32, the recognisers and PyTorch
_LAST_WORDS_S = 10.0  # a worker with a bug still prints where, and its exit code says how it ended
_ATTEMPTS = 2  # a worker may also be killed for another's memory
# Of -1000 to 1000: where memory runs out the kernel ends a worker, and not who waits for it.
_FIRST_TO_GO = "500"


@dataclass(frozen=True)
class Lost:
    """In place of an item's outcome: its worker died (`crashed`) or was ended (`timeout`)."""

    code: str
    reason: str


def default_workers() -> int:
    """As many as there are cores and memory for the largest models, at most eight."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(len(os.sched_getaffinity(0)), _MOST, memory // _BYTES_EACH))


def spread(workers: int | None) -> Map:
    """How a machine spreads videos: over `workers` processes, as many as it can bear where None,
    threads where 0.
    """
    return thread_map if workers == 0 else Processes(workers or default_workers())


@dataclass(frozen=True)
class Processes:
    """A `Map` over `workers` spawned processes; outcomes come in the order of the items.

    Attributes:
        workers: how many items are in flight at most.
        limit_s: what an item may take, in seconds.
    """

    workers: int
    limit_s: float = LIMIT_S

    def __call__(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """Apply a picklable `function`; without items nothing is started.

        Raises:
            RuntimeError: if a worker cannot start.
        """
        given = list(items)
        if not given:
            return
        count = min(self.workers, len(given))
        threads = max(1, torch.get_num_threads() // count)
        crew = [_Worker(function, threads, self.limit_s) for _ in range(count)]
        try:
            yield from _outcomes(crew, given)
        finally:
            for worker in crew:
                worker.end()


def _outcomes(crew: list["_Worker"], items: list[Any]) -> Iterator[Any]:
    todo = deque(range(len(items)))
    tries: Counter[int] = Counter()
    done: dict[int, Any] = {}
    for wanted in range(len(items)):
        while wanted not in done:
            for worker in crew:
                if worker.number is None and todo:
                    worker.start(todo[0], items[todo.popleft()])
            busy = [worker for worker in crew if worker.number is not None]
            connection.wait(
                [worker.pipe for worker in busy], timeout=min(worker.left_s for worker in busy)
            )
            for worker in busy:
                number, outcome = worker.look()
                if number is None:
                    continue
                tries[number] += 1
                if (
                    isinstance(outcome, Lost)
                    and outcome.code == "crashed"
                    and tries[number] < _ATTEMPTS
                ):
                    todo.appendleft(number)
                else:
                    done[number] = outcome
        yield done.pop(wanted)


class _Worker:
    """One process, and a new one after it was lost."""

    def __init__(self, function: Callable[[Any], Any], threads: int, limit_s: float) -> None:
        self._function, self._threads, self._limit_s = function, threads, limit_s
        self.number: int | None = None
        self._item: Any = None
        self._deadline = 0.0
        self._ready = False
        self._hire()

    def _hire(self) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, self._function, self._threads), daemon=True
        )
        self._process.start()
        theirs.close()
        self._ready = False

    @property
    def left_s(self) -> float:
        """Until the item has taken too long; without end while the worker still starts."""
        return max(0.0, self._deadline - time.monotonic()) if self._ready else self._limit_s

    def start(self, number: int, item: Any) -> None:
        """Give it an item, now or as soon as it is ready."""
        self.number, self._item = number, item
        if self._ready:
            self._send()

    def _send(self) -> None:
        self._deadline = time.monotonic() + self._limit_s
        # A worker that died meanwhile is found out by the next look.
        if self._process.is_alive():
            self.pipe.send(self._item)

    def look(self) -> tuple[int | None, Any]:
        """The item that is done, by its number, and what came of it; None and None while it goes
        on.
        """
        if self.pipe.poll():
            try:
                message = self.pipe.recv()
            except (EOFError, ConnectionResetError):
                return self._lost()
            if not self._ready:
                self._ready = True
                self._send()
                return None, None
            return self._free(), message
        if self._ready and self.left_s == 0:
            self.end()
            self._hire()
            return self._free(), Lost("timeout", f"took longer than {self._limit_s:g} s")
        return None, None

    def _lost(self) -> tuple[int | None, Any]:
        self._process.join(timeout=_LAST_WORDS_S)
        self.end()
        code = self._process.exitcode
        if not self._ready:
            raise RuntimeError(
                f"a worker process could not start (exit code {code}); its log above says why"
            )
        self._hire()
        how = signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"
        return self._free(), Lost("crashed", f"its worker process ended with {how}")

    def _free(self) -> int | None:
        number, self.number, self._item = self.number, None, None
        return number

    def end(self) -> None:
        """At once, whatever it does."""
        self.pipe.close()
        self._process.join(timeout=0.2)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _serve(pipe: Any, function: Callable[[Any], Any], threads: int) -> None:
    """The life of a worker: it ends when its parent does, even if that was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    with suppress(OSError):  # not Linux
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)
    torch.set_num_threads(threads)
    # NumPy's products too: pools as wide as the machine in each worker only wait for each other.
    threadpool_limits(threads)
    try:
        pipe.send("ready")
        while True:
            pipe.send(function(pipe.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
