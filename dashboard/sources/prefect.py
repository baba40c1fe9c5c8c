"""Prefect, and the only module that imports it: start, follow, cancel and schedule the deployments.

A job's deployment has the name of its flow, so `train` is `train/train`. The server is the one that
PREFECT_API_URL names; without it Prefect would start a server of its own for each call, so none is
asked.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import FlowRunSort, LogSort
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL
from prefect.states import Cancelled, Cancelling

from vmt.errors import VmtError

EXCEPTION = "Flow run encountered an exception: "  # stands before every reason
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


class PrefectUnavailable(VmtError):
    """No Prefect server answers."""

    transient = True


class JobRefused(VmtError):
    """Prefect answered and said no."""


@dataclass(frozen=True)
class Schedule:
    """When a job starts by itself."""

    id: UUID
    cron: str
    active: bool


@dataclass(frozen=True)
class Job:
    """A deployment."""

    id: UUID
    name: str
    description: str
    schedules: tuple[Schedule, ...]


@dataclass(frozen=True)
class JobRun:
    """A flow run; `kind` is Prefect's state type, `state` its name."""

    id: UUID
    name: str
    job: str
    kind: str
    state: str
    message: str
    created: datetime | None
    started: datetime | None
    ended: datetime | None
    seconds: float
    parameters: Mapping[str, Any]
    by_schedule: bool

    @property
    def final(self) -> bool:
        """Whether nothing more will happen."""
        return self.kind in FINAL


@dataclass(frozen=True)
class Progress:
    """How far one step of a run is, 0 to 1."""

    name: str
    share: float


@dataclass(frozen=True)
class LogLine:
    """One line of a run's log; `level` is Python's number."""

    at: datetime
    level: int
    message: str


@contextmanager
def _client() -> Iterator[SyncPrefectClient]:
    if not PREFECT_API_URL.value():
        raise PrefectUnavailable("PREFECT_API_URL is not set")
    try:
        with get_client(sync_client=True, httpx_settings={"timeout": 10}) as client:
            yield client
    except PrefectHTTPStatusError as error:
        raise JobRefused(
            f"Prefect answered {error.response.status_code}: {error.response.text[:300]}"
        ) from error
    except (httpx.TransportError, RuntimeError) as error:
        raise PrefectUnavailable(f"{PREFECT_API_URL.value()}: {error}") from error


def jobs() -> list[Job]:
    """The jobs that can be started, by name.

    Raises:
        PrefectUnavailable: if no server answers; so do all functions here.
    """
    with _client() as client:
        found = [_job(each) for each in client.read_deployments(limit=100)]
    return sorted(found, key=lambda job: job.name)


def _job(deployment: DeploymentResponse) -> Job:
    schedules = tuple(
        Schedule(
            each.id,
            str(getattr(each.schedule, "cron", each.schedule)),
            bool(each.active) and not deployment.paused,
        )
        for each in deployment.schedules
    )
    return Job(deployment.id, deployment.name, deployment.description or "", schedules)


def start(job: str, parameters: Mapping[str, Any], key: str) -> JobRun:
    """Ask for one run; the same `key` again returns the same run.

    Raises:
        JobRefused: if there is no such deployment, or its parameters do not fit.
    """
    with _client() as client:
        try:
            deployment = client.read_deployment_by_name(f"{job}/{job}")
        except ObjectNotFound as error:
            raise JobRefused(
                f"{job}: Prefect knows no such deployment; run `prefect deploy --all` or `vmt up`"
            ) from error
        run = client.create_flow_run_from_deployment(
            deployment.id, parameters=dict(parameters), idempotency_key=key, tags=["dashboard"]
        )
        return _run(run, {deployment.id: job})


def recent(limit: int = 25) -> list[JobRun]:
    """The newest runs first."""
    with _client() as client:
        names = {each.id: each.name for each in client.read_deployments(limit=100)}
        runs = client.read_flow_runs(sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=limit)
        known = [_run(each, names) for each in runs if each.deployment_id in names]
    # A schedule's runs wait days ahead: what only waits for its time is no news.
    return [each for each in known if not (each.by_schedule and each.kind == "SCHEDULED")]


def find(run_id: UUID) -> JobRun:
    """One run as it is now."""
    with _client() as client:
        try:
            run = client.read_flow_run(run_id)
            names = {each.id: each.name for each in client.read_deployments(limit=100)}
        except ObjectNotFound as error:
            raise JobRefused(f"{run_id}: Prefect knows no such run") from error
        return _run(run, names)


def _run(run: FlowRun, names: Mapping[UUID, str]) -> JobRun:
    state = run.state
    job = names.get(run.deployment_id, "") if run.deployment_id else ""
    return JobRun(
        id=run.id,
        name=run.name,
        job=job,
        kind=state.type.value if state else StateType.PENDING.value,
        state=(state.name if state else None) or "Pending",
        message=((state.message if state else None) or "").removeprefix(EXCEPTION),
        created=run.created,
        started=run.start_time,
        ended=run.end_time,
        seconds=run.total_run_time.total_seconds(),
        parameters=run.parameters,
        by_schedule=bool(run.auto_scheduled),
    )


def cancel(run_id: UUID) -> None:
    """Stop a run: at once where it has not begun, else through its worker."""
    run = find(run_id)
    with _client() as client:
        waiting = run.kind in {"SCHEDULED", "PENDING"}
        client.set_flow_run_state(run_id, Cancelled() if waiting else Cancelling())


def progress(run_id: UUID) -> list[Progress]:
    """How far the steps of a run are, as its flow tells; none where it tells nothing."""
    with _client() as client:
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(
                flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]),
                type=ArtifactFilterType(any_=["progress"]),
            )
        )
    shares = [(each.description or each.key or "", each.data) for each in found]
    return [
        Progress(name, min(1.0, max(0.0, data / 100)))
        for name, data in shares
        if isinstance(data, int | float)
    ]


def logs(run_id: UUID, limit: int = 200) -> list[LogLine]:
    """The newest lines of a run's log, oldest first."""
    with _client() as client:
        only = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run_id]))
        found = client.read_logs(log_filter=only, limit=limit, sort=LogSort.TIMESTAMP_DESC)
    # A traceback stays in Prefect's own log: people here read what happened, not where in the code.
    return [
        LogLine(each.timestamp, each.level, each.message.partition("\nTraceback")[0])
        for each in reversed(found)
    ]


def set_schedule(job: Job, schedule: Schedule, *, active: bool) -> None:
    """Pause or resume one schedule; to resume it, its deployment is resumed as well, should that be
    paused.
    """
    with _client() as client:
        client.update_deployment_schedule(job.id, schedule.id, active=active)
        if active:
            client.resume_deployment(job.id)
