"""The real stack: `vmt up`, what it serves, what happens when something dies, and that nothing is
left of it.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import free_ports
from vmt.settings import Settings
from vmt.stack.client import Client
from vmt.stack.folder import Folder, StackState
from vmt.stack.guardian import end_leftovers
from vmt.stack.ports import HOST, is_free
from vmt.stack.processes import alive

WITHIN_S = 120  # on a busy machine; a quiet one takes a tenth


class Stack:
    """`vmt` for one folder, as a person types it."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder = root, Folder(root / "stack")
        self.ports = free_ports(3)
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("VMT_", "PREFECT_"))
        }
        self._environment = {
            **kept,
            "VMT_STACK": str(self.folder.root),
            "VMT_CACHE": str(root / "cache"),
        }

    def vmt(self, *arguments: str, timeout_s: float = 660.0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "vmt.cli", *arguments],
            cwd=self.root,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def up(self) -> subprocess.CompletedProcess[str]:
        s3, prefect, dashboard = self.ports
        return self.vmt(
            "up",
            "--detach",
            f"--s3-port={s3}",
            f"--prefect-port={prefect}",
            f"--dashboard-port={dashboard}",
        )

    def state(self, fits: Callable[[StackState], bool] = lambda state: state.ready) -> StackState:
        """The state, once it fits."""
        deadline = time.monotonic() + WITHIN_S
        while not ((state := self.folder.state()) and fits(state)):
            assert time.monotonic() < deadline, state
            time.sleep(0.1)
        return state

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """What Prefect's API answers; it says 503 while its SQLite is locked, and its clients ask
        again.
        """
        data = None if body is None else json.dumps(body).encode()
        url = f"http://{HOST}:{self.ports[1]}/api/{path}"
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        deadline = time.monotonic() + WITHIN_S
        while True:
            try:
                with urllib.request.urlopen(request, timeout=20) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code != 503 or time.monotonic() > deadline:
                    raise
            time.sleep(0.5)

    def deployments(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("deployments/filter", {})
        return found

    def gone(self, id: str) -> bool:
        """Whether no process and no port is left."""
        return alive(id) == [] and all(is_free(port) for port in self.ports)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    made = Stack(tmp_path_factory.mktemp("stack"))
    yield made
    state = made.folder.state()
    if state is not None:
        with contextlib.suppress(ProcessLookupError):
            if made.folder.is_running():
                os.kill(state.pid, signal.SIGKILL)
        end_leftovers(state)


@pytest.mark.server
@pytest.mark.timeout(1800)
def test_up_is_ready_survives_every_death_and_down_leaves_nothing(stack: Stack) -> None:
    """One stack for all of it, for a start takes its time: a service is killed, then the
    supervisor, then it stops.
    """
    done = stack.up()
    assert done.returncode == 0, done.stderr
    assert "everything is ready" in done.stdout
    state = stack.state()
    assert [(each.name, each.state) for each in state.children] == [
        (name, "ready") for name in ("s3", "prefect", "serve", "dashboard")
    ]
    assert {each.url for each in state.children} >= {
        f"http://{HOST}:{port}" for port in stack.ports
    }
    for file in ("s3.json", "environment"):
        assert (stack.folder.root / file).stat().st_mode & 0o777 == 0o600
    Client(stack.folder, Settings()).store.put("videos/a.mp4", b"no video")
    nightly = next(each for each in stack.deployments() if each["name"] == "nightly")
    shown = stack.vmt("status")
    assert shown.returncode == 0
    assert f"http://{HOST}:{stack.ports[1]}" in shown.stdout
    second = stack.vmt("up")
    assert second.returncode == 1
    assert (
        f"a stack runs from it already (process {state.pid}); `vmt status` shows it"
        in second.stderr
    )

    _kill_serve(stack)
    later = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2100-01-01T00:00:00+00:00"}}
    run = stack.ask(f"deployments/{nightly['id']}/create_flow_run", {"state": later})
    stack.ask(f"flow_runs/{run['id']}/set_state", {"state": {"type": "RUNNING"}, "force": True})
    stack.ask(f"deployments/{nightly['id']}/pause_deployment", {})
    _kill_supervisor(stack)

    done = stack.up()
    assert done.returncode == 0, done.stderr
    assert f"the last stack (process {state.pid}) was killed" in done.stdout
    assert Client(stack.folder, Settings()).store.get("videos/a.mp4") == b"no video"
    assert stack.ask(f"flow_runs/{run['id']}")["state_type"] == "CRASHED", (
        "it must not block the next night"
    )
    assert [each["name"] for each in stack.deployments() if each["paused"]] == ["nightly"], (
        "an operator paused it"
    )
    state = stack.state()
    done = stack.vmt("down")
    assert (done.returncode, done.stdout) == (0, f"the stack of {stack.folder.root} is stopped\n")
    assert stack.gone(state.id)
    shown = stack.vmt("status")
    assert (shown.returncode, shown.stdout) == (1, "")
    assert "no stack runs from it; `vmt up` starts one" in shown.stderr


def _kill_serve(stack: Stack) -> None:
    """It is started again, and the others do not notice."""
    before = stack.state()
    victim = before.child("serve").pid
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    after = stack.state(
        lambda s: s.child("serve").restarts == 1 and s.child("serve").state == "ready"
    )
    assert after.child("serve").why == "killed by SIGKILL"
    assert after.child("s3") == before.child("s3")
    assert len(stack.vmt("logs", "serve", "-n", "5").stdout.splitlines()) == 5


def _kill_supervisor(stack: Stack) -> None:
    """No survivor is left of it."""
    state = stack.state()
    os.kill(state.pid, signal.SIGKILL)
    deadline = time.monotonic() + WITHIN_S
    while not stack.gone(state.id):
        assert time.monotonic() < deadline, alive(state.id)
        time.sleep(0.1)
    shown = stack.vmt("status")
    assert shown.returncode == 1
    assert (
        f"the last one (process {state.pid}) was killed before it could stop; `vmt up` cleans up"
        in shown.stderr
    )


def test_a_taken_port_is_one_line_with_its_remedy(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    with socket.socket() as server:
        server.bind((HOST, stack.ports[1]))
        server.listen()
        done = stack.vmt(
            "up", "--s3-port=0", f"--prefect-port={stack.ports[1]}", "--dashboard-port=0"
        )
    assert done.returncode == 1
    assert done.stderr == (
        f"vmt: port {stack.ports[1]} of prefect: taken by another program on 127.0.0.1; stop "
        "that one, "
        "or give another one with --prefect-port N, or 0 for any that is free\n"
    )
    assert not stack.folder.is_running()
