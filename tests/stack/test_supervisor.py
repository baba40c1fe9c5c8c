"""The supervisor with small children of its own kind: order, restarts, what it says when one does
not start.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest

from vmt.errors import StackError
from vmt.settings import Settings
from vmt.stack.folder import Folder, StackState
from vmt.stack.ports import Ports
from vmt.stack.processes import alive
from vmt.stack.services import Service
from vmt.stack.supervisor import Supervisor

LIVES = "import time; print('up', flush=True); time.sleep(60)"
DIES = "import sys; sys.exit('no such database')"
WITHIN_S = 20


def _says_up(log: Path, started_at: float) -> bool:
    return "up" in log.read_text()


class Stack:
    """A supervisor in this thread, told what to do from another one."""

    def __init__(
        self, root: Path, scripts: Mapping[str, str], needs: Mapping[str, tuple[str, ...]]
    ) -> None:
        self.folder = Folder(root)
        self.said: list[str] = []
        self.over = False
        self._scripts, self._needs = scripts, needs
        self.supervisor = Supervisor(
            self.folder, Ports(0, 0, 0), Settings(), self.said.append, self._services
        )

    def _services(
        self, folder: Folder, ports: Ports, inner: Mapping[str, int], settings: Settings
    ) -> tuple[Service, ...]:
        return tuple(
            Service(
                name,
                (sys.executable, "-c", script),
                dict(os.environ),
                partial(_says_up, folder.log(name)),
                self._needs.get(name, ()),
            )
            for name, script in self._scripts.items()
        )

    def run(self, meanwhile: Callable[[], None]) -> None:
        """Run the stack; stop it when `meanwhile`, in a thread, is through."""
        failures: list[AssertionError] = []

        def act() -> None:
            try:
                self.state(lambda state: state.ready and state.pid == os.getpid())
                meanwhile()
            except AssertionError as error:
                failures.append(error)
            finally:
                if not self.over:
                    os.kill(os.getpid(), signal.SIGTERM)

        thread = threading.Thread(target=act)
        thread.start()
        try:
            self.supervisor.run()
        finally:
            self.over = True
            thread.join()
        for failure in failures:
            raise failure

    def state(self, fits: Callable[[StackState], bool]) -> StackState:
        """The state, once it fits."""
        deadline = time.monotonic() + WITHIN_S
        while not ((state := self.folder.state()) and fits(state)):
            assert not self.over
            assert time.monotonic() < deadline, (state, self.said)
            time.sleep(0.02)
        return state


def test_it_starts_in_order_restarts_what_dies_and_stops_in_order(tmp_path: Path) -> None:
    stack = Stack(
        tmp_path / "s", {"first": LIVES, "second": LIVES, "third": LIVES}, {"second": ("first",)}
    )
    marks: list[str] = []

    def meanwhile() -> None:
        before = stack.state(lambda state: state.ready)
        marks.append(before.id)
        assert before.pid == os.getpid()
        victim = before.child("first").pid
        assert victim is not None
        os.kill(victim, signal.SIGKILL)
        after = stack.state(
            lambda s: s.child("first").restarts == 1 and s.child("first").state == "ready"
        )
        assert after.child("first").pid != victim
        assert after.child("first").why == "killed by SIGKILL"
        assert after.child("second") == before.child("second")
        assert len(alive(before.id)) == 3

    stack.run(meanwhile)
    assert alive(marks[0]) == []
    assert stack.folder.state() is None
    assert not stack.folder.is_running()
    ready = [line.split()[0] for line in stack.said if " is ready" in line]
    assert ready.index("first") < ready.index("second")
    assert "first ended (killed by SIGKILL); it starts again in 0.5 s" in stack.said
    assert [line for line in stack.said if "stopped" in line] == [
        f"{name} stopped" for name in ("third", "second", "first")
    ]


def test_a_service_that_does_not_start_stops_the_rest_and_shows_its_log(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "s", {"good": LIVES, "bad": DIES}, {"bad": ("good",)})
    with pytest.raises(
        StackError,
        match=r"^bad: ended before it was ready \(exit code 1\); the end of its log, .*bad\.log",
    ) as found:
        stack.supervisor.run()
    assert str(found.value).endswith("no such database")
    assert "good stopped" in stack.said
    assert stack.folder.state() is None


def test_serving_anew_takes_the_folders_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VMT_NOTIFY_URL", "mailto://me:hush@example.org")
    shown = "os.environ.get('VMT_CLIP_MODEL'), 'VMT_NOTIFY_URL' in os.environ"
    script = f"import os, time; print('up', {shown}, flush=True); time.sleep(60)"
    stack = Stack(tmp_path / "s", {"serve": script}, {})

    def meanwhile() -> None:
        before = stack.state(lambda state: state.ready).child("serve").pid
        stack.folder.write_settings({"VMT_CLIP_MODEL": "ViT-B-32", "VMT_STORE": "elsewhere"})
        os.kill(os.getpid(), signal.SIGUSR1)
        after = stack.state(
            lambda s: (
                s.child("serve").pid not in (before, None) and s.child("serve").state == "ready"
            )
        )
        assert after.settings["VMT_CLIP_MODEL"] == "ViT-B-32"
        assert "VMT_STORE" not in after.settings, "the store is the stack's own"
        assert "VMT_NOTIFY_URL" not in after.settings, "`vmt status --json` shows them"
        assert "hush" not in "".join(path.read_text() for path in stack.folder.root.glob("*.json"))
        assert after.child("serve").restarts == 0, "it did not die"

    stack.run(meanwhile)
    assert stack.folder.log("serve").read_text().splitlines()[-1] == "up ViT-B-32 True"


def test_a_stack_takes_the_place_of_one_that_was_killed(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "s", {"a": LIVES}, {})
    stack.folder.prepare()
    stack.folder.write_state(StackState("gone", 4_000_000, True, "0", {}, {}, ()))
    stack.run(lambda: None)
    assert stack.said[0] == (
        "the last stack (process 4000000) was killed before it could stop; this one takes its place"
    )
