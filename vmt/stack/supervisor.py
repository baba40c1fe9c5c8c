"""The supervisor: it starts the services in order, waits until each is ready, restarts a service
that dies, and stops all of them.

It has one thread, and checks its children several times a second. It writes their state to the
folder, where `vmt status` reads it.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from types import FrameType

from vmt.errors import StackError
from vmt.settings import Settings, secret_variables
from vmt.stack.folder import ChildState, Folder, StackState
from vmt.stack.guardian import end_leftovers
from vmt.stack.ports import Ports, settle, settle_inner
from vmt.stack.processes import end, start
from vmt.stack.services import INNER_PORTS, Service, environment, job_settings, services

LOOK_EVERY_S = 0.1
PROBE_EVERY_S = 0.25
READY_WITHIN_S = 180.0  # for each service from its start; a few seconds on a quiet machine
BACK_OFF_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_AFTER_S = 60.0
LOG_LINES = 15
LOG_BYTES = 20 << 20

Say = Callable[[str], None]
MakeServices = Callable[[Folder, Ports, Mapping[str, int], Settings], tuple[Service, ...]]


@dataclass
class _Child:
    """A service and its current process."""

    service: Service
    process: subprocess.Popen[bytes] | None = None
    state: str = "waiting"
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    restarts: int = 0
    why: str | None = None
    was_ready: bool = False
    failures: int = 0
    start_at: float = 0.0
    probe_at: float = 0.0

    def enter(self, state: str) -> None:
        self.state, self.since = state, datetime.now(UTC)

    def age_s(self) -> float:
        """Seconds since the last change of state."""
        return (datetime.now(UTC) - self.since).total_seconds()

    def shown(self) -> ChildState:
        pid = self.process.pid if self.process is not None else None
        since = self.since.isoformat(timespec="seconds")
        return ChildState(
            self.service.name, self.state, pid, self.restarts, since, self.service.url, self.why
        )


class Supervisor:
    """Runs a stack until it receives a signal to stop.

    Attributes:
        ready: whether every service has been ready at least once.
    """

    def __init__(
        self,
        folder: Folder,
        ports: Ports,
        settings: Settings,
        say: Say,
        make_services: MakeServices = services,
    ) -> None:
        """Prepare; no service is started.

        Args:
            folder: of the stack.
            ports: wanted ports; 0 is any free one.
            settings: of the environment.
            say: receives each line for people.
            make_services: makes the services from the folder, the ports, SeaweedFS's inner ports
                and the settings.
        """
        self._make_services = make_services
        self._folder, self._wanted, self._settings, self._say = folder, ports, settings, say
        self._id = secrets.token_hex(8)
        self._children: list[_Child] = []
        self._guardian: subprocess.Popen[bytes] | None = None
        self._written: StackState | None = None
        self._job_settings: dict[str, str] = {}
        self._stopping = False
        self._reloading = False
        self.ready = False

    def run(self) -> None:
        """Start the services and wait for SIGTERM or SIGINT; then stop the services in order.

        SIGUSR1 reads the settings of the jobs again and restarts the deployments with them.

        Raises:
            StackError: if the folder is in use or unfit, a port is taken, or a service does not
                become ready.
        """
        self._folder.prepare()
        with self._folder.locked(), self._signals():
            self._recover()
            ports = settle(self._wanted)
            inner = settle_inner(INNER_PORTS, self._folder.inner_ports(), vars(ports).values())
            self._folder.write_inner_ports(inner)
            self._job_settings = job_settings(self._folder)
            self._children = [
                _Child(service)
                for service in self._make_services(self._folder, ports, inner, self._settings)
            ]
            self._folder.write_environment(environment(self._folder, vars(ports)))
            try:
                self._supervise(ports)
            finally:
                self._stop()

    def _recover(self) -> None:
        left = self._folder.state()
        if left is not None:
            self._say(
                f"the last stack (process {left.pid}) was killed before it could stop; this "
                "one takes its place"
            )
            for name in end_leftovers(left):
                self._say(f"ended what was left of {name}")
            self._folder.clear_state()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def stop(number: int, frame: FrameType | None) -> None:
            self._stopping = True

        def reload(number: int, frame: FrameType | None) -> None:
            self._reloading = True

        handlers = {
            signal.SIGTERM: stop,
            signal.SIGINT: stop,
            signal.SIGHUP: stop,
            signal.SIGUSR1: reload,
        }
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _supervise(self, ports: Ports) -> None:
        while not self._stopping:
            self._watch_guardian()
            if self._reloading:
                self._reload()
            for child in self._children:
                self._look_after(child)
            if not self.ready:
                self._check_start()
            self._write(ports)
            time.sleep(LOOK_EVERY_S)

    def _look_after(self, child: _Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.start_at and self._all_ready(child.service.needs):
                self._start(child)
        elif (code := child.process.poll()) is not None:
            self._restart_later(child, code)
        elif child.state == "starting" and now >= child.probe_at:
            if child.service.is_ready(child.since.timestamp()):
                child.enter("ready")
                child.was_ready = True
                address = f" at {child.service.url}" if child.service.url else ""
                self._say(f"{child.service.name} is ready{address}")
            child.probe_at = time.monotonic() + PROBE_EVERY_S
        elif child.failures and child.age_s() > STEADY_AFTER_S:
            child.failures = 0

    def _all_ready(self, names: tuple[str, ...]) -> bool:
        return all(
            child.state == "ready" for child in self._children if child.service.name in names
        )

    def _start(self, child: _Child) -> None:
        service, log = child.service, self._folder.log(child.service.name)
        if log.exists() and log.stat().st_size > LOG_BYTES:
            os.replace(log, log.with_suffix(".log.1"))
        child.enter("starting")
        child.process = start(
            service.command,
            mark=self._mark(child),
            environment=service.environment,
            cwd=service.cwd,
            log=log,
        )

    def _mark(self, child: _Child) -> str:
        return f"{self._id}/{child.service.name}"

    def _restart_later(self, child: _Child, code: int) -> None:
        """Record how a child ended, end its descendants, and schedule its restart."""
        end(self._mark(child), grace_s=child.service.grace_s, child=child.process)
        delay_s = BACK_OFF_S[min(child.failures, len(BACK_OFF_S) - 1)]
        child.process, child.why = None, _ended(code)
        child.restarts += 1
        child.failures += 1
        child.start_at = time.monotonic() + delay_s
        child.enter("waiting")
        if self.ready:
            self._say(f"{child.service.name} ended ({child.why}); it starts again in {delay_s:g} s")

    def _check_start(self) -> None:
        """Report when all services are ready; fail if a service ends or is late before that."""
        for child in self._children:
            if child.was_ready:
                continue
            if child.restarts:
                raise self._failed(child, f"ended before it was ready ({child.why})")
            if child.state == "starting" and child.age_s() > READY_WITHIN_S:
                raise self._failed(child, f"not ready after {READY_WITHIN_S:g} s")
        if all(child.state == "ready" for child in self._children):
            self.ready = True
            self._say(
                "everything is ready; a shell that works in its store: . "
                f"{self._folder.environment}"
            )

    def _failed(self, child: _Child, what: str) -> StackError:
        log = self._folder.log(child.service.name)
        last = log.read_text(errors="replace").splitlines()[-LOG_LINES:] if log.exists() else []
        return StackError(
            "\n  ".join([f"{child.service.name}: {what}; the end of its log, {log}:", *last])
        )

    def _reload(self) -> None:
        self._reloading = False
        self._job_settings = job_settings(self._folder)
        serve = next(child for child in self._children if child.service.name == "serve")
        self._say("the deployments are served again, with changed settings")
        end(self._mark(serve), grace_s=serve.service.grace_s, child=serve.process)
        serve.process = None
        serve.service = serve.service.told(self._job_settings)
        serve.enter("waiting")

    def _watch_guardian(self) -> None:
        if self._guardian is None or self._guardian.poll() is not None:
            command = [sys.executable, "-m", "vmt.stack.guardian", str(self._folder.root)]
            self._guardian = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _write(self, ports: Ports) -> None:
        state = StackState(
            id=self._id,
            pid=os.getpid(),
            ready=self.ready,
            vmt=metadata.version("vmt"),
            ports=vars(ports),
            settings={
                name: value
                for name, value in self._job_settings.items()
                if name not in secret_variables()
            },
            children=tuple(child.shown() for child in self._children),
        )
        if state != self._written:
            self._folder.write_state(state)
            self._written = state

    def _stop(self) -> None:
        for child in reversed(self._children):
            if child.process is not None:
                in_order = end(
                    self._mark(child), grace_s=child.service.grace_s, child=child.process
                )
                child.process = None
                self._say(
                    f"{child.service.name} stopped"
                    if in_order
                    else f"{child.service.name} had to be killed"
                )
            child.enter("stopped")
        self._folder.clear_state()
        if self._guardian is not None and self._guardian.stdin is not None:
            self._guardian.stdin.close()
            self._guardian.wait()


def _ended(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
