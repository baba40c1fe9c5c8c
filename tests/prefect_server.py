"""A real Prefect server for tests, and workers for it, each stopped by its process id."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from tests.servers import free_ports

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent


def stop(process: subprocess.Popen[bytes]) -> None:
    """With SIGTERM, and with SIGKILL where that does not do."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class PrefectServer:
    """A server with a folder of its own; it may be killed and started again with the same data."""

    def __init__(self, folder: Path, database: str | None = None) -> None:
        """On the database at this URL, or on SQLite in the folder."""
        self.folder = folder
        self.port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}/api"
        self.log = folder / "server.log"
        self.environment = {
            **{
                name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")
            },
            "DO_NOT_TRACK": "1",
            "PREFECT_HOME": str(folder),
            "PREFECT_API_URL": self.url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",  # noqa: E501
            "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": "PT1S",
            "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2",
        }
        if database is not None:
            self.environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = database
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    str(BIN / "prefect"),
                    "server",
                    "start",
                    "--host",
                    "127.0.0.1",
                    "--port",
                    str(self.port),
                ],
                env=self.environment,
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 300
        while True:
            try:
                with urllib.request.urlopen(self.url + "/health", timeout=2):
                    return
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.3)

    def run(self, *command: str) -> str:
        """Output of a command that speaks to the server."""
        done = subprocess.run(
            [str(BIN / command[0]), *command[1:]],
            env={**self.environment, "COLUMNS": "200"},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            stop(self.process)


def start_worker(
    server: PrefectServer, pool: str, environment: Mapping[str, str], log: Path, *more: str
) -> subprocess.Popen[bytes]:
    """A worker of the pool, which has registered itself when it takes its first run; `more` says
    what else it is.
    """
    with log.open("ab") as file:
        return subprocess.Popen(
            [
                str(BIN / "prefect"),
                "worker",
                "start",
                "--pool",
                pool,
                "--type",
                "process",
                *(more or ("--limit", "2")),
            ],
            env={
                **server.environment,
                "PREFECT_WORKER_QUERY_SECONDS": "1",
                "PREFECT_LOGGING_EXTRA_LOGGERS": "vmt",
                **environment,
            },
            cwd=ROOT,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
