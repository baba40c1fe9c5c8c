"""A real Postgres for tests, from Debian's package, on a free loopback port, stopped by its process
id.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers import free_ports

READY_WITHIN_S = 60
STOP_WITHIN_S = 20
SUPERUSER = "vmt"
SERVES_AS = "postgres"  # where the tests run as root, which Postgres refuses to be


@dataclass
class Postgres:
    """One cluster with one password, which may be killed and started again with the same data."""

    folder: Path
    port: int
    password: str
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """As Prefect's server takes it."""
        return f"postgresql+asyncpg://{SUPERUSER}:{self.password}@127.0.0.1:{self.port}/postgres"

    def kill(self) -> None:
        """As if the machine were gone."""
        self.process.kill()
        self.process.wait()

    def start_again(self) -> None:
        """With the same data, port and password."""
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            self.process = _start(self.folder, self.port)
            try:
                self.wait_until_ready()
                return
            except RuntimeError:  # what the killed one left behind still holds its memory
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)  # a fast shutdown: it waits for no client
        try:
            self.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        ask = [str(program("pg_isready")), "--quiet", "--host=127.0.0.1", f"--port={self.port}"]
        while subprocess.run(ask, check=False).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                log = (self.folder / "log").read_text(errors="replace")[-3000:]
                raise RuntimeError(f"Postgres did not get ready\n{log}")
            time.sleep(0.1)


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """An empty cluster in a folder of its own, which another user than root may enter; gone at the
    end.
    """
    folder = Path(tempfile.mkdtemp(prefix="vmt-postgres-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, SERVES_AS, SERVES_AS)
        password = secrets.token_hex(12)
        given = folder / "password"
        given.touch(mode=0o600)
        given.write_text(password)
        if os.geteuid() == 0:
            shutil.chown(given, SERVES_AS, SERVES_AS)
        initdb = [
            program("initdb"),
            f"--pgdata={folder / 'data'}",
            f"--username={SUPERUSER}",
            f"--pwfile={given}",
        ]
        initdb += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run(initdb, check=True, cwd=folder, stdout=subprocess.DEVNULL, **_owner())
        port = free_ports(1)[0]
        server = Postgres(folder, port, password, _start(folder, port))
        try:
            server.wait_until_ready()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    command = [program("postgres"), "-D", folder / "data", "-p", str(port)]
    command += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
            **_owner(),
        )


def _owner() -> Mapping[str, Any]:
    if os.geteuid() != 0:
        return {}
    return {"user": SERVES_AS, "group": pwd.getpwnam(SERVES_AS).pw_gid, "extra_groups": []}


def program(name: str) -> Path:
    """Of the newest Postgres; Debian keeps its programs outside PATH."""
    installed = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3])
    )
    found = installed[-1] if installed else shutil.which(name)
    if found is None:
        raise RuntimeError(
            f"no program {name}: install Postgres (on Debian: apt-get install postgresql)"
        )
    return Path(found)
