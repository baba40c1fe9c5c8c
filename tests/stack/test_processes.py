"""Children with a mark: found again, ended with their descendants, and never another's process."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vmt.stack.folder import ChildState, Folder, StackState
from vmt.stack.processes import alive, end, start

# Says its own and its child's process ids; the child leaves its parent's session, as a flow's run
# may.
FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""  # noqa: E501
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""


class Yard:
    """Starts marked children and sees to it that none outlives the test."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log"
        self.mark = f"test-{os.getpid()}-{folder.name}"
        self.children: list[subprocess.Popen[bytes]] = []

    def start(self, script: str, name: str = "a") -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", textwrap.dedent(script)]
        child = start(
            command,
            mark=f"{self.mark}/{name}",
            environment=dict(os.environ),
            cwd=None,
            log=self.log,
        )
        self.children.append(child)
        return child

    def wait_for_output(self) -> str:
        deadline = time.monotonic() + 20
        while not self.log.exists() or not self.log.read_text().endswith("\n"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return self.log.read_text()


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    made = Yard(tmp_path)
    yield made
    for child in made.children:
        end(made.mark, grace_s=0.0, child=child)


def test_a_family_ends_whatever_session_its_members_are_in(yard: Yard) -> None:
    parent = yard.start(FAMILY)
    child = int(yard.wait_for_output())
    other = yard.start("import time; time.sleep(60)", name="ab")
    assert set(alive(f"{yard.mark}/a")) == {parent.pid, child}
    assert set(alive(yard.mark)) == {parent.pid, child, other.pid}
    assert end(f"{yard.mark}/a", grace_s=10.0, child=parent)
    assert parent.returncode == -signal.SIGTERM
    assert alive(yard.mark) == [other.pid]
    assert end(yard.mark, grace_s=10.0, child=other)


def test_what_does_not_end_is_killed(yard: Yard) -> None:
    child = yard.start(STUBBORN)
    yard.wait_for_output()
    assert not end(yard.mark, grace_s=0.2, child=child)
    assert child.returncode == -signal.SIGKILL
    assert end(yard.mark, grace_s=0.2), "there is nobody"


def test_children_take_ctrl_c_even_where_their_parent_ignores_it(yard: Yard) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        child = yard.start("import time; print('up', flush=True); time.sleep(60)")
    finally:
        signal.signal(signal.SIGINT, before)
    yard.wait_for_output()
    child.send_signal(signal.SIGINT)
    assert child.wait(10) != 0


@pytest.mark.parametrize("order", ["in order", "killed"])
def test_the_guardian_ends_the_children_of_a_supervisor_that_is_gone(
    tmp_path: Path, yard: Yard, order: str
) -> None:
    folder = Folder(tmp_path / "stack")
    folder.prepare()
    child = yard.start(FAMILY)
    yard.wait_for_output()
    shown = ChildState("a", "ready", child.pid, 0, "2026-01-01T00:00:00+00:00", None)
    folder.write_state(StackState(yard.mark, 1, True, "0", {}, {}, (shown,)))
    command = [sys.executable, "-m", "vmt.stack.guardian", str(folder.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as guardian:
        if order == "in order":
            folder.clear_state()
        else:
            child.kill()
            child.wait()
    assert guardian.returncode == 0
    assert len(alive(yard.mark)) == (2 if order == "in order" else 0)
