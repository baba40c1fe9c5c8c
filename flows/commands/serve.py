"""`vmt flow serve`: serve all deployments from one process, as `vmt up` does.

The process that serves is the only one that runs the flows. A run that is still marked as running
when it starts has lost its process with the previous server process, and would block its deployment
for ever: it is set Crashed. Serving writes every deployment again from the table; a paused
deployment or schedule stays paused.
"""

import argparse

from prefect import serve
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import RunnerDeployment
from prefect.states import Crashed

from flows.engine.automations import prepare_automations
from flows.engine.notify import notify
from flows.engine.table import DEPLOYMENTS

OUR_DEPLOYMENTS = DeploymentFilter(
    name=DeploymentFilterName(any_=[deployment.name for deployment in DEPLOYMENTS])
)
UNDER_WAY = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
LOST = "the process that ran it was killed; start it again"
# SQLite, Prefect's own database on one machine, fails with more runs at a time.
LIMIT = 2


def crash_lost_runs(client: SyncPrefectClient) -> list[FlowRun]:
    """Set the unfinished runs of the previous process Crashed, to free their slots; the runs."""
    lost: list[FlowRun] = client.read_flow_runs(
        deployment_filter=OUR_DEPLOYMENTS,
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=UNDER_WAY))
        ),
    )
    for run in lost:
        client.set_flow_run_state(run.id, Crashed(message=LOST))
    return lost


def notify_lost_runs(client: SyncPrefectClient, lost: list[FlowRun]) -> None:
    """Report lost runs to VMT_NOTIFY_URL: the hooks for failures would have run in the processes
    that are gone.
    """
    for run in lost:
        notify(f"VMT: {client.read_flow(run.flow_id).name} crashed", f"Run {run.name}: {LOST}")


def known_deployments(client: SyncPrefectClient) -> dict[str, DeploymentResponse]:
    """The deployments of the table that the server has, by name."""
    known = client.read_deployments(deployment_filter=OUR_DEPLOYMENTS)
    return {deployment.name: deployment for deployment in known}


def is_schedule_paused(known: DeploymentResponse) -> bool:
    """Whether all schedules of a deployment are paused, at whatever times they start it."""
    return bool(known.schedules) and not any(schedule.active for schedule in known.schedules)


def deployments_to_serve(client: SyncPrefectClient) -> list[RunnerDeployment]:
    """The deployments of the table, each paused if the server has it paused."""
    known = known_deployments(client)
    return [
        _paused_like(deployment.served(), known.get(deployment.name)) for deployment in DEPLOYMENTS
    ]


def _paused_like(served: RunnerDeployment, known: DeploymentResponse | None) -> RunnerDeployment:
    if known is None:
        return served
    served.paused = known.paused
    if is_schedule_paused(known):
        served.schedules = [
            schedule.model_copy(update={"active": False}) for schedule in served.schedules or ()
        ]
    return served


def main() -> None:
    """Serve every deployment until stopped."""
    parser = argparse.ArgumentParser(
        prog="vmt flow serve", description="Serve all deployments from this process."
    )
    parser.add_argument(
        "--limit",
        type=int,
        default=LIMIT,
        help="Runs at a time; over 2 needs Prefect on Postgres. Default: %(default)s.",
    )
    limit = parser.parse_args().limit
    with get_client(sync_client=True) as client:
        notify_lost_runs(client, crash_lost_runs(client))
        prepare_automations(client)
        deployments = deployments_to_serve(client)
    # Pausing schedules on shutdown would leave `nightly` paused after an upgrade.
    serve(*deployments, limit=limit, pause_on_shutdown=False)


if __name__ == "__main__":
    main()
