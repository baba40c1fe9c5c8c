"""Prefect, and the only module that imports it: start, follow, cancel and schedule the deployments.

A job's deployment has the name of its flow, so `train` is `train/train`. The server is the one that
PREFECT_API_URL names; without it Prefect would start a server of its own for each call, so none is
asked.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    LogFilter,
    LogFilterFlowRunId,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import FlowRunSort, LogSort
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL
from prefect.states import Cancelled, Cancelling
from prefect.types import DateTime

from vmt.errors import VmtError

EXCEPTION = "Flow run encountered an exception: "  # stands before every reason
UNDER_WAY = (StateType.RUNNING, StateType.PENDING, StateType.PAUSED, StateType.CANCELLING)
FAILURES = (StateType.FAILED, StateType.CRASHED, StateType.CANCELLED)
FINAL = {"COMPLETED", *(state.value for state in FAILURES)}
DUE = timedelta(minutes=1)
"""What is to start within this time waits for a place; what starts later waits for its time."""
OUTPUT = re.compile(r"\boutputs/([^/\s\])]+)/epoch_(\d+)/([^/\s\])]+)/([^/\s\])]+)/")
TRAINED = re.compile(r"Losses of (\S+) by epoch")


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
    """A flow run; `kind` is Prefect's state type, `state` its name, `seconds` how long it has run
    by now.
    """

    id: UUID
    name: str
    job: str
    kind: str
    state: str
    message: str
    expected: datetime | None
    started: datetime | None
    ended: datetime | None
    seconds: float
    parameters: Mapping[str, object]
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
        known = [_job(deployment) for deployment in client.read_deployments(limit=100)]
    return sorted(known, key=lambda job: job.name)


def _job(deployment: DeploymentResponse) -> Job:
    schedules = tuple(
        Schedule(
            planned.id,
            str(getattr(planned.schedule, "cron", planned.schedule)),
            bool(planned.active) and not deployment.paused,
        )
        for planned in deployment.schedules
    )
    return Job(deployment.id, deployment.name, deployment.description or "", schedules)


def start(job: str, parameters: Mapping[str, object], key: str) -> JobRun:
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
    """The newest runs first: all that are under way or due, and the newest that ended.

    Those that failed and those that completed are asked for apart, so that neither hides the
    other; the runs that schedules have planned for later are left out.

    Args:
        limit: how many of each kind.
    """
    due = FlowRunFilter(
        state=_of_type(StateType.SCHEDULED),
        expected_start_time=FlowRunFilterExpectedStartTime(before_=DateTime.now(UTC) + DUE),
    )
    kinds = [due, *(FlowRunFilter(state=_of_type(*states)) for states in _LISTED)]
    return sorted(
        _matching(kinds, limit), key=lambda run: str(run.started or run.expected), reverse=True
    )


_LISTED = (UNDER_WAY, FAILURES, (StateType.COMPLETED,))


def under_way(limit: int = 25) -> list[JobRun]:
    """The runs that are going on now."""
    return _matching([FlowRunFilter(state=_of_type(*UNDER_WAY))], limit)


def failures(since: datetime, limit: int = 25) -> list[JobRun]:
    """The runs that failed, crashed or were cancelled since a moment, newest first."""
    ended = FlowRunFilter(
        state=_of_type(*FAILURES),
        expected_start_time=FlowRunFilterExpectedStartTime(after_=DateTime.instance(since)),
    )
    return _matching([ended], limit)


def _of_type(*types: StateType) -> FlowRunFilterState:
    return FlowRunFilterState(type=FlowRunFilterStateType(any_=list(types)))


def _matching(kinds: Sequence[FlowRunFilter], limit: int) -> list[JobRun]:
    """The newest runs of VMT's deployments of each kind."""
    with _client() as client:
        names = {known.id: known.name for known in client.read_deployments(limit=100)}
        runs = [
            run
            for kind in kinds
            for run in client.read_flow_runs(
                flow_run_filter=kind, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=limit
            )
        ]
    return [_run(run, names) for run in runs if run.deployment_id in names]


def stages(run_id: UUID) -> list[str]:
    """The names of the tasks that a run is at now."""
    with _client() as client:
        tasks = client.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_id])),
            task_run_filter=TaskRunFilter(
                state=TaskRunFilterState(type=TaskRunFilterStateType(any_=[StateType.RUNNING]))
            ),
        )
    # Prefect appends a few characters to the task's name: `train-1f3`.
    return sorted({task.name.rpartition("-")[0] or task.name for task in tasks})


@dataclass(frozen=True)
class Made:
    """What a run left in the store: soundtracks as (run, epoch, video, take), and trained runs."""

    soundtracks: tuple[tuple[str, int, str, str], ...] = ()
    runs: tuple[str, ...] = ()


def made(run_id: UUID) -> Made:
    """What a run made, as its artifacts tell."""
    with _client() as client:
        artifacts = client.read_artifacts(
            artifact_filter=ArtifactFilter(
                flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]),
                type=ArtifactFilterType(any_=["markdown", "table"]),
            )
        )
    soundtracks: dict[tuple[str, int, str, str], None] = {}
    runs: dict[str, None] = {}
    for artifact in artifacts:
        if isinstance(artifact.data, str):
            for run, epoch, video, take in OUTPUT.findall(artifact.data):
                soundtracks[run, int(epoch), video, take] = None
        if (trained := TRAINED.match(artifact.description or "")) is not None:
            runs[trained[1]] = None
    return Made(tuple(soundtracks), tuple(runs))


def find(run_id: UUID) -> JobRun:
    """One run as it is now."""
    with _client() as client:
        try:
            run = client.read_flow_run(run_id)
            names = {known.id: known.name for known in client.read_deployments(limit=100)}
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
        expected=run.expected_start_time,
        started=run.start_time,
        ended=run.end_time,
        seconds=run.estimated_run_time.total_seconds(),
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
        artifacts = client.read_artifacts(
            artifact_filter=ArtifactFilter(
                flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]),
                type=ArtifactFilterType(any_=["progress"]),
            )
        )
    shares = [(shown.description or shown.key or "", shown.data) for shown in artifacts]
    return [
        Progress(name, min(1.0, max(0.0, data / 100)))
        for name, data in shares
        if isinstance(data, int | float)
    ]


def logs(run_id: UUID, limit: int = 200) -> list[LogLine]:
    """The newest lines of a run's log, oldest first."""
    with _client() as client:
        only = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run_id]))
        lines = client.read_logs(log_filter=only, limit=limit, sort=LogSort.TIMESTAMP_DESC)
    # A traceback stays in Prefect's own log: people here read what happened, not where in the code.
    return [
        LogLine(line.timestamp, line.level, line.message.partition("\nTraceback")[0])
        for line in reversed(lines)
    ]


def set_schedule(job: Job, schedule: Schedule, *, active: bool) -> None:
    """Pause or resume one schedule; resuming it resumes a paused deployment as well."""
    with _client() as client:
        client.update_deployment_schedule(job.id, schedule.id, active=active)
        if active:
            client.resume_deployment(job.id)
