"""Uploads in the background, in order, so that training never waits for the store unless it is two
epochs behind.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

_MAY_WAIT = 2


class Publisher:
    """Runs functions one after another in a thread of its own; the first error is raised at the
    next call and stops the rest.

    Leaving the context waits for all of them.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="publisher")
        self._pending: deque[Future[None]] = deque()

    def submit(self, work: Callable[[], None]) -> None:
        """Do `work` after all that was submitted before; waits while two are pending."""
        while len(self._pending) >= _MAY_WAIT:
            self._pending.popleft().result()
        self._pending.append(self._thread.submit(work))

    def wait(self) -> None:
        """Until everything is done."""
        while self._pending:
            self._pending.popleft().result()

    def __enter__(self) -> "Publisher":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self.wait()
        finally:
            self._thread.shutdown(wait=True, cancel_futures=True)
