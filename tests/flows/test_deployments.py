"""The table of deployments, prefect.yaml and the flows agree; a real server takes them."""

import inspect
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import StateType
from prefect.flows import load_flow_from_entrypoint
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.deployments import DEPLOYMENTS, POOL, Deployment
from flows.prepare import lost_runs, prepare_automation, prepare_pool
from tests.servers import free_ports

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
each_deployment = pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=[each.name for each in DEPLOYMENTS])


def test_prefect_yaml_says_what_the_table_says() -> None:
    declared = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    assert declared == [deployment.declared() for deployment in DEPLOYMENTS]


@each_deployment
def test_every_entrypoint_loads_a_flow_of_the_same_name(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert load_flow_from_entrypoint(deployment.entrypoint, use_placeholder_flow=False).name == deployment.name


@each_deployment
def test_parameters_are_the_flows_own_and_plain(deployment: Deployment) -> None:
    flow = deployment.flow()
    flow.validate_parameters(deployment.parameters)
    defaults = {name: each.default for name, each in inspect.signature(flow.fn).parameters.items()}
    assert inspect.Parameter.empty not in defaults.values(), "a schedule starts it without arguments"
    assert all(isinstance(value, str | int | float | bool | type(None)) for value in defaults.values())


def test_schedules_are_in_utc_and_nightly_is_at_half_past_three() -> None:
    schedules = {each.name: each.served().schedules for each in DEPLOYMENTS if each.cron}
    assert {each.schedule.timezone for listed in schedules.values() for each in listed or ()} == {"UTC"}
    assert [each.schedule.cron for each in schedules["nightly"] or ()] == ["30 3 * * *"]


def test_a_second_nightly_is_cancelled() -> None:
    nightly = next(each for each in DEPLOYMENTS if each.name == "nightly").served()
    assert nightly.concurrency_limit == 1
    assert nightly.concurrency_options is not None
    assert nightly.concurrency_options.collision_strategy == "CANCEL_NEW"


class PrefectServer:
    """A real server on SQLite with a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}/api"
        self.log = folder / "server.log"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
            "DO_NOT_TRACK": "1",
            "PREFECT_HOME": str(folder),
            "PREFECT_API_URL": self.url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2",
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(BIN / "prefect"), "server", "start", "--host", "127.0.0.1", "--port", str(self.port)],
                env=self.environment,
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 120
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
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    server = PrefectServer(tmp_path_factory.mktemp("prefect"))
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()


@pytest.fixture
def client(server: PrefectServer) -> Iterator[SyncPrefectClient]:
    with temporary_settings({PREFECT_API_URL: server.url}), get_client(sync_client=True) as client:
        yield client


@pytest.mark.server
def test_a_real_server_takes_what_production_deploys(server: PrefectServer, client: SyncPrefectClient) -> None:
    """prepare, deploy, deploy again after an upgrade: pool, queues, automation and deployments stand once each."""
    for _ in range(2):
        server.run("python", "-m", "flows.prepare")
        server.run("prefect", "--no-prompt", "deploy", "--all")
    listed = server.run("prefect", "deployment", "ls")
    for deployment in DEPLOYMENTS:
        assert f"{deployment.name}/{deployment.name}" in listed
        found = client.read_deployment_by_name(f"{deployment.name}/{deployment.name}")
        assert found.entrypoint == deployment.entrypoint
        assert found.work_queue_name == deployment.queue
        assert [each.schedule.cron for each in found.schedules] == ([deployment.cron] if deployment.cron else [])
        limit = found.global_concurrency_limit
        assert (limit.limit if limit else None) == (None if deployment.overlap else 1)
        options = found.concurrency_options
        assert (options.collision_strategy if options else None) == (None if deployment.overlap else "CANCEL_NEW")
    assert client.read_work_pool(POOL).type == "process"
    assert len(client.read_automations_by_name(lost_runs().name)) == 1


@pytest.mark.server
def test_the_scheduler_makes_the_runs_of_the_night(server: PrefectServer, client: SyncPrefectClient) -> None:
    """With SQLAlchemy 2.1 Prefect 3.8.8 deploys as if nothing were wrong, and no schedule ever starts."""
    server.run("python", "-m", "flows.prepare")
    server.run("prefect", "--no-prompt", "deploy", "--all")
    nightly = client.read_deployment_by_name("nightly/nightly")
    wanted = DeploymentFilter(id=DeploymentFilterId(any_=[nightly.id]))
    deadline = time.monotonic() + 60
    while not (runs := client.read_flow_runs(deployment_filter=wanted)):
        assert time.monotonic() < deadline, server.log.read_text()
        time.sleep(0.5)
    assert {run.state_type for run in runs} == {StateType.SCHEDULED}
    assert {
        (run.expected_start_time.hour, run.expected_start_time.minute) for run in runs if run.expected_start_time
    } == {(3, 30)}


@pytest.mark.server
def test_preparing_brings_the_automation_up_to_date(client: SyncPrefectClient) -> None:
    prepare_pool(client)
    prepare_automation(client, lost_runs(90))
    prepare_automation(client, lost_runs(120))
    present = client.read_automations_by_name(lost_runs().name)
    assert [each.trigger.within.total_seconds() for each in present] == [120]
