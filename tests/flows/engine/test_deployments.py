"""The table of deployments, prefect.yaml and the flows agree; a real server takes them."""

import inspect
import time
from collections.abc import Iterator

import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import StateType
from prefect.flows import load_flow_from_entrypoint
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Crashed, Pending

from flows.engine.automations import (
    lost_runs,
    prepare_automation,
    prepare_pool,
    runs_that_never_begin,
)
from flows.engine.deployments import POOL, Deployment
from flows.engine.environment import DEPLOYED_VERSION, FLOWS
from flows.engine.table import DEPLOYMENTS
from tests.prefect_server import ROOT, PrefectServer

each_deployment = pytest.mark.parametrize(
    "deployment", DEPLOYMENTS, ids=[each.name for each in DEPLOYMENTS]
)


def test_prefect_yaml_says_what_the_table_says() -> None:
    declared = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    assert declared == [deployment.declared() for deployment in DEPLOYMENTS]


@each_deployment
def test_every_entrypoint_loads_a_flow_of_the_same_name(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert (
        load_flow_from_entrypoint(deployment.entrypoint, use_placeholder_flow=False).name
        == deployment.name
    )


@each_deployment
def test_parameters_are_the_flows_own_and_plain(deployment: Deployment) -> None:
    flow = deployment.flow()
    flow.validate_parameters(deployment.parameters)
    defaults = {name: each.default for name, each in inspect.signature(flow.fn).parameters.items()}
    assert inspect.Parameter.empty not in defaults.values(), (
        "a schedule starts it without arguments"
    )
    assert all(
        isinstance(value, str | int | float | bool | type(None)) for value in defaults.values()
    )


def test_schedules_are_in_utc_and_nightly_is_at_half_past_three() -> None:
    schedules = {each.name: each.served().schedules for each in DEPLOYMENTS if each.cron}
    assert {each.schedule.timezone for listed in schedules.values() for each in listed or ()} == {
        "UTC"
    }
    assert [each.schedule.cron for each in schedules["nightly"] or ()] == ["30 3 * * *"]


def test_a_second_nightly_is_cancelled() -> None:
    nightly = next(each for each in DEPLOYMENTS if each.name == "nightly").served()
    assert nightly.concurrency_limit == 1
    assert nightly.concurrency_options is not None
    assert nightly.concurrency_options.collision_strategy == "CANCEL_NEW"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    server = PrefectServer(tmp_path_factory.mktemp("prefect"))
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def deployed(server: PrefectServer) -> PrefectServer:
    """The server with everything that production deploys."""
    server.run("python", "-m", "vmt.cli", "flow", "prepare")
    server.run("prefect", "--no-prompt", "deploy", "--all")
    return server


@pytest.fixture
def client(server: PrefectServer) -> Iterator[SyncPrefectClient]:
    with temporary_settings({PREFECT_API_URL: server.url}), get_client(sync_client=True) as client:
        yield client


@pytest.mark.server
def test_a_real_server_takes_what_production_deploys(
    deployed: PrefectServer, client: SyncPrefectClient
) -> None:
    """prepare, deploy, deploy again after an upgrade: pool, queues, automations and deployments
    stand once each.

    What was paused meanwhile stays paused, in the way in which it was.
    """
    housekeep, inbox = (
        client.read_deployment_by_name(f"{name}/{name}") for name in ("housekeep", "inbox")
    )
    client.pause_deployment(housekeep.id)
    client.update_deployment_schedule(inbox.id, inbox.schedules[0].id, active=False)
    deployed.run("python", "-m", "vmt.cli", "flow", "prepare")
    deployed.run("python", "-m", "vmt.cli", "flow", "deploy")
    listed = deployed.run("prefect", "deployment", "ls")
    for deployment in DEPLOYMENTS:
        assert f"{deployment.name}/{deployment.name}" in listed
        found = client.read_deployment_by_name(f"{deployment.name}/{deployment.name}")
        assert found.entrypoint == deployment.entrypoint
        assert found.work_queue_name == deployment.queue
        assert found.job_variables == {"env": {**FLOWS, **DEPLOYED_VERSION}}
        assert str(ROOT) in str(found.pull_steps), "the checkout, wherever the declaration lies"
        assert found.paused == (deployment.name == "housekeep")
        assert not [each for each in found.schedules if each.active == (deployment.name == "inbox")]
        assert [each.schedule.cron for each in found.schedules] == (
            [deployment.cron] if deployment.cron else []
        )
        limit = found.global_concurrency_limit
        assert (limit.limit if limit else None) == (None if deployment.overlap else 1)
        options = found.concurrency_options
        assert (options.collision_strategy if options else None) == (
            None if deployment.overlap else "CANCEL_NEW"
        )
    assert client.read_work_pool(POOL).type == "process"
    for automation in (lost_runs(), runs_that_never_begin()):
        assert len(client.read_automations_by_name(automation.name)) == 1
    for each in DEPLOYMENTS:
        if each.after:
            assert len(client.read_automations_by_name(each.after.declared(each.name)["name"])) == 1


@pytest.mark.server
def test_the_scheduler_makes_the_runs_of_the_night(
    deployed: PrefectServer, client: SyncPrefectClient
) -> None:
    """With SQLAlchemy 2.1 Prefect 3.8.8 deploys as if nothing were wrong, and no schedule ever
    starts.
    """
    nightly = client.read_deployment_by_name("nightly/nightly")
    wanted = DeploymentFilter(id=DeploymentFilterId(any_=[nightly.id]))
    deadline = time.monotonic() + 60
    while not (runs := client.read_flow_runs(deployment_filter=wanted)):
        assert time.monotonic() < deadline, deployed.log.read_text()
        time.sleep(0.5)
    assert {run.state_type for run in runs} == {StateType.SCHEDULED}
    assert {
        (run.expected_start_time.hour, run.expected_start_time.minute)
        for run in runs
        if run.expected_start_time
    } == {(3, 30)}


@pytest.mark.server
def test_preparing_brings_the_automation_up_to_date(client: SyncPrefectClient) -> None:
    prepare_pool(client)
    prepare_automation(client, lost_runs(90))
    prepare_automation(client, lost_runs(120))
    present = client.read_automations_by_name(lost_runs().name)
    assert [each.trigger.within.total_seconds() for each in present] == [120]

    def changed_at() -> str:
        found: str = client.request(
            "GET", "/automations/{id}", path_params={"id": present[0].id}
        ).json()["updated"]
        return found

    before = changed_at()
    prepare_automation(client, lost_runs(120))
    assert changed_at() == before, "changed, it would forget the runs that it watches"
    prepare_automation(client, lost_runs())
    assert changed_at() > before


@pytest.mark.server
def test_a_nightly_that_finds_one_going_does_not_start(
    deployed: PrefectServer, client: SyncPrefectClient
) -> None:
    """Prefect's own orchestration cancels the second run before a worker could take it."""
    nightly = client.read_deployment_by_name("nightly/nightly")
    first, second = (client.create_flow_run_from_deployment(nightly.id) for _ in range(2))
    assert client.set_flow_run_state(first.id, Pending()).state.type == StateType.PENDING
    client.set_flow_run_state(second.id, Pending())
    assert client.read_flow_run(second.id).state_type == StateType.CANCELLED
    client.set_flow_run_state(first.id, Crashed(), force=True)
    third = client.create_flow_run_from_deployment(nightly.id)
    assert client.set_flow_run_state(third.id, Pending()).state.type == StateType.PENDING, (
        "the slot came free"
    )
    client.set_flow_run_state(third.id, Crashed(), force=True)


@pytest.mark.server
def test_a_run_that_never_begins_crashes_and_gives_its_slot_back(
    deployed: PrefectServer, client: SyncPrefectClient
) -> None:
    """Its worker was killed after it took the run and before the run's process sent a heartbeat."""
    prepare_automation(client, runs_that_never_begin(10))
    ingest = client.read_deployment_by_name("ingest/ingest")
    taken = client.create_flow_run_from_deployment(ingest.id)
    client.set_flow_run_state(taken.id, Pending())
    deadline = time.monotonic() + 60
    while client.read_flow_run(taken.id).state_type != StateType.CRASHED:
        assert time.monotonic() < deadline, deployed.log.read_text()
        time.sleep(0.2)
    limit = client.read_deployment_by_name("ingest/ingest").global_concurrency_limit
    assert limit is not None
    assert limit.active_slots == 0
    prepare_automation(client, runs_that_never_begin())


@pytest.mark.server
def test_a_finished_training_starts_its_evaluation(
    deployed: PrefectServer, client: SyncPrefectClient
) -> None:
    """The automation takes run and epoch from the event; the same event of another flow starts
    nothing.
    """
    evaluate = client.read_deployment_by_name("evaluate/evaluate")
    deployed.run("python", "-c", EMIT)
    wanted = DeploymentFilter(id=DeploymentFilterId(any_=[evaluate.id]))
    deadline = time.monotonic() + 60
    while not (runs := client.read_flow_runs(deployment_filter=wanted)):
        assert time.monotonic() < deadline, deployed.log.read_text()
        time.sleep(0.5)
    assert [run.parameters for run in runs] == [{"run": "this", "epoch": 7}]


EMIT = """
from prefect.events import emit_event
from prefect.events.worker import EventsWorker

for flow, run in (("nightly", "not-this"), ("train", "this")):
    related = {"prefect.resource.id": "prefect.flow.1", "prefect.resource.role": "flow", "prefect.resource.name": flow}
    emit_event(
        "vmt.best-epoch",
        resource={"prefect.resource.id": f"vmt.run.{run}"},
        related=[related],
        payload={"run": run, "epoch": 7},
    )
EventsWorker.instance().drain()
"""  # noqa: E501
