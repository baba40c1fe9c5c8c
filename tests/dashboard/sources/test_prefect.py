"""What the dashboard reads of a real Prefect server; runs are made by its client, no flow runs."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_API_URL
from prefect.states import Cancelled, Completed, Crashed, Failed, Pending, Running, Scheduled
from prefect.testing.utilities import prefect_test_harness

from dashboard.pages.jobs.recent import reason, subject, table_of
from dashboard.sources import prefect

pytestmark = pytest.mark.server
PLANNED = 30
DONE = 30


@pytest.fixture(scope="module")
def client() -> Iterator[SyncPrefectClient]:
    with (
        prefect_test_harness(server_startup_timeout=120),
        get_client(sync_client=True) as client,
    ):
        assert PREFECT_API_URL.value()
        yield client


def deployment(client: SyncPrefectClient, name: str) -> UUID:
    flow = client.create_flow_from_name(name)
    return client.create_deployment(flow, name, parameter_openapi_schema={})


def put(client: SyncPrefectClient, job: UUID, *states: State, **parameters: object) -> UUID:
    """A run that goes through the states."""
    run = client.create_flow_run_from_deployment(job, state=states[0], parameters=parameters)
    for state in states[1:]:
        client.set_flow_run_state(run.id, state, force=True)
    return run.id


@pytest.fixture(scope="module")
def runs(client: SyncPrefectClient) -> dict[str, UUID]:
    """A night that runs, runs that failed, and around them many that schedules planned and many
    that completed since.
    """
    nightly, generate = deployment(client, "nightly"), deployment(client, "generate")
    put(client, nightly, Pending(), Running(), Failed(message="of long ago"))
    known = {
        "failed": put(client, nightly, Pending(), Running(), Failed(message="the disk is full")),
        "crashed": put(client, nightly, Pending(), Running(), Crashed(message="no heartbeat")),
        "cancelled": put(client, nightly, Pending(), Running(), Cancelled()),
        "running": put(client, nightly, Pending(), Running(), dataset="main"),
        "waiting": put(client, generate, Scheduled(), videos=["inbox/a.mp4", "videos/b.mp4"]),
    }
    for number in range(PLANNED):
        later = datetime.now(UTC) + timedelta(hours=1 + number)
        put(client, nightly, Scheduled(scheduled_time=later))
    for _ in range(DONE):
        known["made"] = put(client, generate, Pending(), Running(), Completed())
    return known


def test_planned_and_completed_runs_hide_neither_failures_nor_what_runs(
    runs: dict[str, UUID],
) -> None:
    recent = {run.id: run for run in prefect.recent()}
    assert set(runs.values()) <= set(recent)
    assert [run for run in recent.values() if run.kind == "SCHEDULED"] == [recent[runs["waiting"]]]
    assert sum(run.kind == "COMPLETED" for run in recent.values()) == 25
    times = [run.started or run.expected for run in recent.values()]
    assert times == sorted(times, key=str, reverse=True), "the newest come first"


def test_failures_are_those_since_a_moment(runs: dict[str, UUID]) -> None:
    week = datetime.now(UTC) - timedelta(days=7)
    failures = {run.id: run.message for run in prefect.failures(week)}
    assert failures[runs["failed"]] == "the disk is full"
    assert {runs["crashed"], runs["cancelled"]} <= set(failures)
    assert runs["made"] not in failures
    assert prefect.failures(datetime.now(UTC) + timedelta(hours=1)) == []


def test_a_running_run_counts_up(runs: dict[str, UUID]) -> None:
    (first,) = [run for run in prefect.under_way() if run.id == runs["running"]]
    time.sleep(1.1)
    assert prefect.find(runs["running"]).seconds >= first.seconds + 1


def test_the_table_says_what_when_how_long_and_why(runs: dict[str, UUID]) -> None:
    table = table_of([prefect.find(runs[name]) for name in ("failed", "running", "waiting")])
    assert list(table["Job"]) == ["Nightly run", "Nightly run", "Generate soundtracks"]
    assert list(table["Works on"]) == ["", "main", "a, b"]
    assert list(table["State"]) == ["failed", "running", "scheduled"]
    assert list(table["Reason"]) == ["the disk is full", "", ""]
    assert table["Took"].iloc[2] == "–"
    assert table["Start"].notna().all()


def test_a_job_links_to_what_it_made(client: SyncPrefectClient, runs: dict[str, UUID]) -> None:
    text = "- [outputs/r/epoch_0026/015/t1/015_cgen_rd.mp4](http://s3/outputs/r/epoch_0026/015/t1/015_cgen_rd.mp4?X=1)"
    for artifact in (
        ArtifactCreate(key="soundtracks", type="markdown", data=text, flow_run_id=runs["made"]),
        ArtifactCreate(
            key="losses-r",
            type="table",
            data="[]",
            description="Losses of r_2 by epoch",
            flow_run_id=runs["made"],
        ),
    ):
        client.create_artifact(artifact)
    assert prefect.made(runs["made"]) == prefect.Made((("r", 26, "015", "t1"),), ("r_2",))
    assert prefect.made(runs["failed"]) == prefect.Made()


def test_a_job_is_run_again_with_its_parameters(runs: dict[str, UUID]) -> None:
    old = prefect.find(runs["waiting"])
    again = prefect.start(old.job, old.parameters, "another-key")
    assert (again.job, again.parameters) == (old.job, old.parameters)
    assert again.id != old.id
    prefect.cancel(again.id)
    assert reason(prefect.find(again.id)) == ""


@pytest.mark.parametrize(
    ("job", "parameters", "said"),
    [
        ("generate", {"videos": ["inbox/a.mp4", "b.mp4", "c.mp4"], "run": None}, "a, b +1"),
        ("generate", {"videos": None, "prefix": "inbox/"}, "inbox/"),
        ("train", {"dataset": "main@v0002", "preset": "amt", "run": None}, "main@v0002 · amt"),
        ("evaluate", {"run": "r", "epoch": 3, "split": "test"}, "r@3 · test"),
        ("compare", {"contenders": ["a", "b"]}, "a, b"),
        ("promote", {"run": None, "rollback": True}, "roll back"),
        ("housekeep", {}, ""),
    ],
)
def test_a_job_says_what_it_works_on(job: str, parameters: dict[str, object], said: str) -> None:
    assert subject(job, parameters) == said
