"""Progress on stderr: a bar on a terminal, a line now and then elsewhere, nothing with `-q`.

Without a terminal (a log file, CI, a container) a line appears at once when a stage starts or
ends, otherwise at most every `INTERVAL_S`, and at least every `SILENCE_S` even while no event
arrives. With `-v` every event is a line.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

import typer

from vmt.runtime.events import OnEvent
from vmt.runtime.progress import ProgressTracker, Stage, event_text

INTERVAL_S = 10.0
SILENCE_S = 60.0

_FAILURES = {
    "vmt.video.refused": "refused",
    "vmt.video.failed": "failed",
    "vmt.soundtrack.failed": "failed",
}


@dataclass
class Verbosity:
    """How much the commands print on stderr: -1 (`-q`), 0, or 1 and more (`-v`)."""

    level: int = 0


verbosity = Verbosity()


def set_verbosity(level: int) -> None:
    """Apply `-v` (1, 2) or `-q` (-1) to progress and to the log of the packages `vmt`."""
    verbosity.level = level
    if level:
        logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logger = logging.getLogger("vmt")
    levels = {-1: logging.ERROR, 0: logging.NOTSET, 1: logging.INFO}
    logger.setLevel(levels.get(level, logging.DEBUG))


@runtime_checkable
class Display(Protocol):
    """Where progress goes."""

    def show(self, stage: Stage) -> None:
        """Show the progress of a stage."""

    def message(self, text: str) -> None:
        """Show a line of its own, such as a failure."""


@contextmanager
def progress(*, shown: bool = True) -> Iterator[OnEvent]:
    """Progress of one job on stderr; yields the job's `on_event`.

    Args:
        shown: False for a process that only helps another one, such as a rank of torchrun.
    """
    with _display(shown) as display:
        yield _listener(display)


def _listener(display: Display) -> OnEvent:
    tracker = ProgressTracker()

    def on_event(event: str, payload: Mapping[str, Any]) -> None:
        if verbosity.level > 0:
            display.message(f"{event} {event_text(payload)}".rstrip())
        if event in _FAILURES:
            display.message(f"{_FAILURES[event]}: {payload['reason']}")

        stage = tracker.follow(event, payload)
        if stage is not None:
            display.show(stage)

    return on_event


@contextmanager
def _display(shown: bool) -> Iterator[Display]:
    if not shown or verbosity.level < 0:
        yield _FailuresOnly()
    elif sys.stderr.isatty():
        with _bars() as bars:
            yield bars
    else:
        with LineProgress(_print_line) as lines:
            yield lines


def _print_line(text: str) -> None:
    typer.echo(text, err=True)


class _FailuresOnly:
    """The display of `-q`: no progress; failures are still printed."""

    def show(self, stage: Stage) -> None:
        """Show nothing."""

    def message(self, text: str) -> None:
        """Print a line."""
        _print_line(text)


@contextmanager
def _bars() -> Iterator[Display]:
    """Bars of rich, one for each stage."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:

        class Bars:
            tasks: dict[str, TaskID] = {}  # noqa: RUF012 # one instance

            def show(self, stage: Stage) -> None:
                if stage.name not in self.tasks:
                    self.tasks[stage.name] = bars.add_task(stage.name, total=stage.total)
                text = ", ".join(filter(None, (stage.name, stage.detail)))
                bars.update(
                    self.tasks[stage.name],
                    description=text,
                    total=stage.total,
                    completed=stage.done,
                )

            def message(self, text: str) -> None:
                bars.console.print(text, highlight=False, markup=False)

        yield Bars()


class LineProgress:
    """Progress as lines, for a stderr that is no terminal.

    Args:
        write: prints one line.
        interval_s: shortest time between two lines of the same stage.
        silence_s: longest time without a line.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        interval_s: float = INTERVAL_S,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._write, self._interval_s, self._silence_s = write, interval_s, silence_s
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._stage: Stage | None = None
        self._changed = False
        self._started_at = self._written_at = time.monotonic()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)

    def __enter__(self) -> "LineProgress":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def show(self, stage: Stage) -> None:
        """Print the stage now if it starts or ends, else when the interval is over."""
        with self._lock:
            starts = self._stage is None or self._stage.name != stage.name
            self._stage, self._changed = stage, True
            if starts or stage.done >= stage.total or self._idle_s() >= self._interval_s:
                self._print()

    def message(self, text: str) -> None:
        """Print a line of its own."""
        with self._lock:
            self._write(text)

    def _watch(self) -> None:
        while not self._stop.wait(min(self._interval_s, 1.0)):
            with self._lock:
                idle_s = self._idle_s()
                if idle_s >= (self._interval_s if self._changed else self._silence_s):
                    self._print()

    def _idle_s(self) -> float:
        return time.monotonic() - self._written_at

    def _print(self) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self._started_at), 60)
        elapsed = f"{minutes:02d}:{seconds:02d}"
        stage = self._stage
        if stage is None:
            text = f"working, {elapsed}"
        else:
            parts = (f"{stage.done} of {stage.total}", stage.detail, elapsed)
            text = f"{stage.name}: {', '.join(filter(None, parts))}"

        self._write(text)
        self._changed, self._written_at = False, time.monotonic()
