"""`Processes`: a `Map` over worker processes of this machine, one item at a time in each process.

A decoder that crashes or hangs ends only its own process: the result of that item is a
`WorkerFailure`, and a new worker takes the next item. This applies to a single item too, because
most videos arrive one at a time in unattended jobs. Workers are spawned, because CUDA and threads
do not survive a fork. Each worker receives the function once; the function carries the settings of
its models, and the worker loads the models itself.
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

from vmt.runtime.events import Map, thread_map

LIMIT_S = 4 * 3600.0
"""Time limit of one item, far above the time for two hours of video on two slow cores."""

_MOST = 8
_BYTES_EACH = 4 * 2**30  # CLIP ViT-L/14 in float32, the recognisers and PyTorch
_LAST_WORDS_S = 10.0  # time for a worker with a bug to print its traceback and set its exit code
_ATTEMPTS = 2  # the kernel may kill a worker because of another process's memory use
# From -1000 to 1000: when memory runs out, the kernel kills a worker before its parent.
_OOM_SCORE = "500"


@dataclass(frozen=True)
class WorkerFailure:
    """The result of an item whose worker failed.

    Attributes:
        code: `crashed` (the process died) or `timeout` (it was ended after the time limit).
        reason: the exit code, signal or time limit, in words.
    """

    code: str
    reason: str


def default_workers() -> int:
    """The number of workers that the cores and the memory of this machine allow, 1 to 8."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(len(os.sched_getaffinity(0)), _MOST, memory // _BYTES_EACH))


def worker_map(workers: int | None) -> Map:
    """The `Map` of this machine: threads for 0 workers, `default_workers()` processes for None."""
    return thread_map if workers == 0 else Processes(workers or default_workers())


@dataclass(frozen=True)
class Processes:
    """A `Map` over `workers` spawned processes; results come in the order of the items.

    Attributes:
        workers: the largest number of items in flight.
        limit_s: time limit of one item, in seconds.
    """

    workers: int
    limit_s: float = LIMIT_S

    def __call__(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """Apply a picklable `function` to the items; no item starts no process.

        Raises:
            RuntimeError: if a worker cannot start.
        """
        import torch  # seconds of import, which a command without work must not pay

        given = list(items)
        if not given:
            return
        count = min(self.workers, len(given))
        threads = max(1, torch.get_num_threads() // count)
        pool = [_Worker(function, threads, self.limit_s) for _ in range(count)]

        try:
            yield from _results(pool, given)
        finally:
            for worker in pool:
                worker.end()


def _results(pool: list["_Worker"], items: list[Any]) -> Iterator[Any]:
    todo = deque(range(len(items)))
    tries: Counter[int] = Counter()
    done: dict[int, Any] = {}
    for wanted in range(len(items)):
        while wanted not in done:
            for worker in pool:
                if worker.number is None and todo:
                    worker.start(todo[0], items[todo.popleft()])
            busy = [worker for worker in pool if worker.number is not None]
            connection.wait(
                [worker.pipe for worker in busy], timeout=min(worker.left_s for worker in busy)
            )
            for worker in busy:
                number, result = worker.poll()
                if number is None:
                    continue
                tries[number] += 1
                if (
                    isinstance(result, WorkerFailure)
                    and result.code == "crashed"
                    and tries[number] < _ATTEMPTS
                ):
                    todo.appendleft(number)
                else:
                    done[number] = result
        yield done.pop(wanted)


class _Worker:
    """One worker process, replaced by a new process after a failure."""

    def __init__(self, function: Callable[[Any], Any], threads: int, limit_s: float) -> None:
        self._function, self._threads, self._limit_s = function, threads, limit_s
        self.number: int | None = None
        self._item: Any = None
        self._deadline = 0.0
        self._ready = False
        self._spawn()

    def _spawn(self) -> None:
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
        """Seconds until the item's time limit; the whole limit while the worker starts."""
        return max(0.0, self._deadline - time.monotonic()) if self._ready else self._limit_s

    def start(self, number: int, item: Any) -> None:
        """Send an item, now or as soon as the worker is ready."""
        self.number, self._item = number, item
        if self._ready:
            self._send()

    def _send(self) -> None:
        self._deadline = time.monotonic() + self._limit_s
        # The next poll detects a worker that died meanwhile.
        if self._process.is_alive():
            self.pipe.send(self._item)

    def poll(self) -> tuple[int | None, Any]:
        """The number and result of a finished item; None and None while the item runs."""
        if self.pipe.poll():
            try:
                message = self.pipe.recv()
            except (EOFError, ConnectionResetError):
                return self._failed()
            if not self._ready:
                self._ready = True
                self._send()
                return None, None
            return self._free(), message
        if self._ready and self.left_s == 0:
            self.end()
            self._spawn()
            return self._free(), WorkerFailure("timeout", f"took longer than {self._limit_s:g} s")
        return None, None

    def _failed(self) -> tuple[int | None, Any]:
        self._process.join(timeout=_LAST_WORDS_S)
        self.end()
        code = self._process.exitcode
        if not self._ready:
            raise RuntimeError(
                f"a worker process could not start (exit code {code}); its log above says why"
            )
        self._spawn()
        how = signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"
        return self._free(), WorkerFailure("crashed", f"its worker process ended with {how}")

    def _free(self) -> int | None:
        number, self.number, self._item = self.number, None, None
        return number

    def end(self) -> None:
        """End the process at once."""
        self.pipe.close()
        self._process.join(timeout=0.2)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _serve(pipe: Any, function: Callable[[Any], Any], threads: int) -> None:
    """The main loop of a worker process; it ends with its parent, even if the parent was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers

    import torch
    from threadpoolctl import threadpool_limits

    with suppress(OSError):  # not Linux
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)
    torch.set_num_threads(threads)
    # NumPy's matrix products too: a thread pool of the machine's width in each worker would make
    # the workers wait for each other.
    threadpool_limits(threads)
    try:
        pipe.send("ready")
        while True:
            pipe.send(function(pipe.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
