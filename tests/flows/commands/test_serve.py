"""What serving from one process makes of what the last process left, and a run that is followed to
its end.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.settings import PREFECT_API_URL
from prefect.states import Cancelled, Pending, Running

from flows.commands import start
from flows.commands.serve import crash_lost_runs, deployments_to_serve, notify_lost_runs
from flows.commands.start import RunFailed, begin, follow
from flows.engine.table import DEPLOYMENTS
from tests.flows.receiver import receiving

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("prefect_api")]


@pytest.fixture
def client(prefect_api: None) -> Iterator[SyncPrefectClient]:
    """With `ingest` deployed, which nobody serves."""
    with get_client(sync_client=True) as client:
        ingest = next(each for each in DEPLOYMENTS if each.name == "ingest")
        ingest.served().apply()
        yield client
        crash_lost_runs(client)


def test_lost_runs_crash_and_their_deployment_starts_again(client: SyncPrefectClient) -> None:
    """`ingest` allows one run at a time and cancels a second: a lost one would keep it from ever
    starting again.
    """
    lost = begin(client, "ingest", {})
    client.set_flow_run_state(lost.id, Pending())
    client.set_flow_run_state(lost.id, Running())
    refused = begin(client, "ingest", {})
    client.set_flow_run_state(refused.id, Pending())
    assert client.read_flow_run(refused.id).state_type == StateType.CANCELLED
    waiting = begin(client, "ingest", {})

    assert [run.id for run in crash_lost_runs(client)] == [lost.id]
    assert client.read_flow_run(lost.id).state_type == StateType.CRASHED
    assert client.read_flow_run(waiting.id).state_type == StateType.SCHEDULED
    client.set_flow_run_state(waiting.id, Pending())
    client.set_flow_run_state(waiting.id, Running())
    assert client.read_flow_run(waiting.id).state_type == StateType.RUNNING
    assert [run.id for run in crash_lost_runs(client)] == [waiting.id]
    assert crash_lost_runs(client) == []


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # Apprise's mail plugin imports it
def test_lost_runs_are_told(client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = begin(client, "ingest", {})
    client.set_flow_run_state(lost.id, Pending())
    client.set_flow_run_state(lost.id, Running())
    with receiving() as (url, received):
        monkeypatch.setenv("VMT_NOTIFY_URL", url)
        notify_lost_runs(client, crash_lost_runs(client))
        notify_lost_runs(client, crash_lost_runs(client))
    (message,) = received
    assert message["title"] == "VMT: ingest crashed"
    assert (
        f"Run {lost.name}: the process that ran it was killed; start it again" in message["message"]
    )


def test_what_is_paused_stays_paused(client: SyncPrefectClient) -> None:
    """A deployment, or its schedules, as the switches of Prefect's pages set them."""

    def serve_again() -> dict[str, tuple[bool, list[bool]]]:
        scheduled = ("ingest", "nightly", "inbox")
        for each in deployments_to_serve(client):
            if each.name in scheduled:
                each.apply()
        found = [each for each in client.read_deployments() if each.name in scheduled]
        return {
            each.name: (each.paused, [schedule.active for schedule in each.schedules])
            for each in found
        }

    going = (False, [True])
    assert serve_again() == {"ingest": going, "nightly": going, "inbox": going}
    ingest = client.read_deployment_by_name("ingest/ingest")
    client.update_deployment_schedule(ingest.id, ingest.schedules[0].id, active=False)
    nightly = client.read_deployment_by_name("nightly/nightly")
    client.pause_deployment(nightly.id)
    assert serve_again() == {"ingest": (False, [False]), "nightly": (True, [True]), "inbox": going}

    ingest = client.read_deployment_by_name("ingest/ingest")
    client.update_deployment_schedule(ingest.id, ingest.schedules[0].id, active=True)
    client.resume_deployment(nightly.id)
    assert serve_again() == {"ingest": going, "nightly": going, "inbox": going}


def test_a_run_is_followed_to_its_end(client: SyncPrefectClient) -> None:
    run = begin(client, "ingest", {"prefix": "films/"})
    assert run.parameters["prefix"] == "films/"
    client.set_flow_run_state(run.id, Cancelled(message="by hand"))
    assert follow(client, run, lambda line: None).name == "Cancelled"
    client.delete_flow_run(run.id)
    with pytest.raises(RunFailed, match="deleted before it ended"):
        follow(client, run, lambda line: None)


def test_a_runs_log_is_shown_once(client: SyncPrefectClient) -> None:
    @flow(name="talks", log_prints=True)
    def talks() -> None:
        for number in range(3):
            print(f"line {number}")

    state = talks(return_state=True)
    shown: list[str] = []
    assert state.state_details.flow_run_id is not None
    deadline = time.monotonic() + 20
    while sum("line" in line for line in shown) < 3:
        assert time.monotonic() < deadline, shown
        shown.clear()
        follow(client, client.read_flow_run(state.state_details.flow_run_id), shown.append)
    assert [line.split(" ", 1)[1] for line in shown if "line" in line] == [
        "line 0",
        "line 1",
        "line 2",
    ]


@pytest.mark.parametrize("sign", [None, signal.SIGINT])
def test_the_command_fails_with_the_run_and_leaves_it_at_ctrl_c(
    client: SyncPrefectClient, sign: signal.Signals | None, tmp_path: Path
) -> None:
    environment = {
        **os.environ,
        "PREFECT_API_URL": PREFECT_API_URL.value(),
        "PREFECT_HOME": str(tmp_path),
    }
    command = [sys.executable, "-m", "flows.commands.start", "ingest"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        assert first.endswith("of ingest is requested\n")
        (run,) = [run for run in client.read_flow_runs(limit=50) if run.name == first.split()[2]]
        if sign is None:
            client.set_flow_run_state(run.id, Cancelled(message="by hand"))
        else:
            process.send_signal(sign)
        rest = process.stderr.read()
    if sign is None:
        assert (process.returncode, rest) == (
            1,
            f"vmt: run {run.name} of ingest: Cancelled: by hand\n",
        )
    else:
        assert (process.returncode, rest) == (
            130,
            "no longer followed; the run continues, and Prefect's page shows it\n",
        )
        assert client.read_flow_run(run.id).state_type == StateType.SCHEDULED


def test_an_unknown_deployment_says_what_serves_it(client: SyncPrefectClient) -> None:
    with pytest.raises(
        RunFailed, match=r"deployment polish: .* has no deployment of that name; `vmt up` or"
    ):
        begin(client, "polish", {})


@pytest.mark.parametrize("parameters", ["[1]", "{"])
def test_parameters_must_be_an_object(parameters: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        start.main(["ingest", "--parameters", parameters])
    assert stopped.value.code == 2
    assert "--parameters is not" in capsys.readouterr().err
