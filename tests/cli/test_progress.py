"""Progress on stderr: lines without a terminal, a bar on one, nothing with -q."""

import logging
import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from vmt.cli import progress as module
from vmt.cli.progress import LineProgress, progress, set_verbosity
from vmt.runtime.progress import ProgressTracker, Stage


@pytest.fixture(autouse=True)
def _normal() -> Iterator[None]:
    """Verbosity and log level as they were."""
    yield
    module.verbosity.level = 0
    logging.getLogger("vmt").setLevel(logging.NOTSET)


def test_stages_start_and_end_with_a_line_and_few_lines_between() -> None:
    lines: list[str] = []
    with LineProgress(lines.append, interval_s=60.0, silence_s=60.0) as display:
        for done in range(1001):
            display.show(Stage("ingest", done, 1000))
        display.show(Stage("training", 1, 30, "chord NLL 2.5000"))
    assert lines == [
        "ingest: 0 of 1000, 00:00",
        "ingest: 1000 of 1000, 00:00",
        "training: 1 of 30, chord NLL 2.5000, 00:00",
    ]


def test_an_interval_has_one_line_with_the_newest_state() -> None:
    lines: list[str] = []
    with LineProgress(lines.append, interval_s=0.2, silence_s=60.0) as display:
        for done in range(1, 5):
            display.show(Stage("ingest", done, 1000))
        deadline = time.monotonic() + 20
        while len(lines) < 2:
            assert time.monotonic() < deadline, lines
            time.sleep(0.01)
        time.sleep(0.5)
    assert [line.partition(",")[0] for line in lines] == ["ingest: 1 of 1000", "ingest: 4 of 1000"]


def test_work_without_events_is_not_silent() -> None:
    lines: list[str] = []
    with LineProgress(lines.append, interval_s=0.05, silence_s=0.2):
        deadline = time.monotonic() + 20
        while len(lines) < 3:
            assert time.monotonic() < deadline, lines
            time.sleep(0.01)
    assert all(line.startswith("working, 00:") for line in lines)
    assert module.SILENCE_S <= 60
    assert module.INTERVAL_S <= 10


def test_a_job_without_a_terminal_prints_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as on_event:
        on_event("vmt.ingest.started", {"found": 2, "new": 2})
        on_event("vmt.video.refused", {"key": "videos/a.mp4", "reason": "no picture"})
        on_event("vmt.video.ingested", {"key": "videos/b.mp4"})
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "ingest: 0 of 2, 00:00",
        "refused: no picture",
        "ingest: 2 of 2, 00:00",
    ]


def test_quiet_prints_failures_alone_and_verbose_every_event(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def job() -> list[str]:
        with progress() as on_event:
            on_event("vmt.generate.started", {"videos": 2, "new": 2})
            on_event("vmt.soundtrack.failed", {"key": "a", "reason": "too short"})
        return capsys.readouterr().err.splitlines()

    set_verbosity(-1)
    assert job() == ["failed: too short"]
    set_verbosity(1)
    assert "vmt.soundtrack.failed key=a reason=too short" in job()


def test_a_helping_process_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(shown=False) as on_event:
        on_event("vmt.generate.started", {"videos": 2, "new": 2})
    assert capsys.readouterr().err == ""


def test_a_terminal_has_a_bar() -> None:
    """A child whose stderr is a terminal of its own draws with control characters."""
    ours, theirs = pty.openpty()
    code = (
        "from vmt.cli.progress import progress\n"
        "with progress() as on_event:\n"
        "    on_event('vmt.generate.started', {'new': 2})\n"
        "    on_event('vmt.soundtrack.ready', {})\n"
    )
    environment = {**os.environ, "TERM": "xterm"}
    child = subprocess.Popen([sys.executable, "-c", code], stderr=theirs, env=environment)
    os.close(theirs)
    drawn = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # Linux ends a closed terminal so
            break
        if not part:
            break
        drawn += part
    os.close(ours)
    assert child.wait() == 0
    assert b"soundtracks" in drawn
    assert b"1/2" in drawn
    assert b"\x1b[" in drawn


def test_an_empty_stage_is_none() -> None:
    tracker = ProgressTracker()
    assert tracker.follow("vmt.ingest.started", {"found": 3, "new": 0}) is None
    assert tracker.follow("vmt.video.ingested", {}) is None
    assert tracker.follow("vmt.promoted", {}) is None
    epoch = {"run": "a", "epoch": 0, "of": 3, "validation": {"chord": None}}
    assert tracker.follow("vmt.epoch.finished", epoch) == Stage("training", 0, 3)
